#include "keystore/x509/pkcs12_writer.h"

#include "keystore/openssl/handles.h"

namespace chancery {
namespace {

constexpr int iterations = 10'000;  // what Java's own PKCS#12 stores use

Failure cannot_write(std::string cause) {
  return Failure({.code = "cannot-write-pkcs12",
                  .subject = "keystore.p12",
                  .cause = std::move(cause),
                  .hint = "check that key, certificate and password are as intended; the password may not hold a NUL"});
}

}  // namespace

SecretBytes write_pkcs12(const std::string& alias, const PrivateKey& key, const std::vector<Certificate>& chain,
                         const SecretBytes& password) {
  if (chain.empty()) throw cannot_write("there is no certificate for the key");
  if (!key.belongs_to(chain.front())) throw cannot_write("the key does not belong to the first certificate");
  // OpenSSL reads both as C strings.
  if (std::find(password.begin(), password.end(), 0) != password.end() || alias.find('\0') != std::string::npos) {
    throw cannot_write("the password or the alias holds a NUL");
  }
  SecretBytes terminated(password);
  terminated.push_back(0);
  // The stack borrows; the certificates belong to the chain.
  struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
  };
  const std::unique_ptr<STACK_OF(X509), FreeStack> others(sk_X509_new_null());
  if (!others) throw cannot_write("out of memory");
  for (std::size_t index = 1; index < chain.size(); ++index) {
    if (sk_X509_push(others.get(), chain[index].native()) <= 0) throw cannot_write("out of memory");
  }
  const ossl::Pkcs12Ptr store(PKCS12_create(reinterpret_cast<const char*>(terminated.data()), alias.c_str(),
                                            key.native(), chain.front().native(), others.get(), NID_aes_256_cbc,
                                            NID_aes_256_cbc, iterations, iterations, 0));
  if (!store) throw cannot_write(ossl::drain_errors());
  const int size = i2d_PKCS12(store.get(), nullptr);
  if (size <= 0) throw cannot_write(ossl::drain_errors());
  SecretBytes out(static_cast<std::size_t>(size));
  unsigned char* at = out.data();
  i2d_PKCS12(store.get(), &at);
  return out;
}

}  // namespace chancery
