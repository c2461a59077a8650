#include "keystore/x509/pkcs12_writer.h"

#include "keystore/openssl/handles.h"

namespace chancery {
namespace {

// Stretching makes guessing a password slow, and writing a store with it: 10,000 rounds, as Java's own stores have,
// take seven of ten milliseconds of planning a change of certificates. Nobody guesses one of 32 random characters, which
// is what the appliance makes; that gets OpenSSL's own 2,048.
constexpr int rounds_for_people = 10'000;
constexpr int rounds_for_random = 2'048;
constexpr std::size_t random_characters = 32;

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
  const int rounds = password.size() >= random_characters ? rounds_for_random : rounds_for_people;
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
                                            NID_aes_256_cbc, rounds, rounds, 0));
  if (!store) throw cannot_write(ossl::drain_errors());
  const int size = i2d_PKCS12(store.get(), nullptr);
  if (size <= 0) throw cannot_write(ossl::drain_errors());
  SecretBytes out(static_cast<std::size_t>(size));
  unsigned char* at = out.data();
  i2d_PKCS12(store.get(), &at);
  return out;
}

}  // namespace chancery
