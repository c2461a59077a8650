#include "keystore/java/store_export.h"

#include <limits>

#include "keystore/fault.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/pem.h"

namespace chancery::java {
namespace {

// About 50 ms of a person's time, and of a guesser's for every guess.
constexpr int iterations = 200'000;

using KeyInfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, ossl::Deleter<PKCS8_PRIV_KEY_INFO_free>>;
using SealedPtr = std::unique_ptr<X509_SIG, ossl::Deleter<X509_SIG_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, ossl::Deleter<X509_ALGOR_free>>;

const Entry& with_certificate(const Entry& entry) {
  if (!entry.certificates.empty()) return entry;
  throw Failure({.code = "no-certificate",
                 .subject = entry.alias,
                 .cause = "this entry has no certificate",
                 .hint = "`chancery keystore list` shows which entries hold certificates"});
}

std::string to_pem(const StoredCertificate& certificate) {
  if (certificate.type == "X.509") return pem::encode("CERTIFICATE", certificate.der);
  throw Failure({.code = "no-certificate",
                 .subject = certificate.type,
                 .cause = "is a certificate of another kind than X.509, which PEM has no name for",
                 .hint = "export it as DER"});
}

SecretBytes encrypted(const KeyMaterial& key, const SecretBytes& passphrase) {
  const auto fault = [] {
    return ossl::openssl_failure("key-unsupported", "", "export it in clear to look at what it holds");
  };
  const unsigned char* at = key.encoded.data();
  const KeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(key.encoded.size())));
  if (!info) throw fault();
  AlgorithmPtr algorithm(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), iterations, nullptr, 16, nullptr, NID_hmacWithSHA256));
  if (!algorithm) throw fault();
  const SealedPtr sealed(PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                                        static_cast<int>(passphrase.size()), info.get(), algorithm.get()));
  if (!sealed) throw fault();
  (void)algorithm.release();  // now part of `sealed`
  unsigned char* der = nullptr;
  const int size = i2d_X509_SIG(sealed.get(), &der);
  if (size <= 0) throw fault();
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
      der, [](unsigned char* memory) { OPENSSL_free(memory); });
  return pem::encode_secret("ENCRYPTED PRIVATE KEY", {der, static_cast<std::size_t>(size)});
}

}  // namespace

Bytes export_certificate(const Entry& entry, Encoding encoding) {
  const StoredCertificate& certificate = with_certificate(entry).certificates.front();
  return encoding == Encoding::der ? certificate.der.copy() : bytes_of(to_pem(certificate));
}

Bytes export_chain(const Entry& entry) {
  std::string out;
  for (const StoredCertificate& certificate : with_certificate(entry).certificates) out += to_pem(certificate);
  return bytes_of(out);
}

SecretBytes export_key(const Keystore& store, const Entry& entry, const SecretBytes& key_password,
                       const SecretBytes* passphrase) {
  if (!entry.key) {
    throw Failure({.code = "no-key",
                   .subject = entry.alias,
                   .cause = "this entry is a trusted certificate and has no key",
                   .hint = "leave the key out: its certificate can be exported"});
  }
  if (passphrase != nullptr && passphrase->empty()) {
    throw Failure({.code = "passphrase-empty",
                   .subject = entry.alias,
                   .cause = "the passphrase for the exported key is empty",
                   .hint = "give one, or ask for the key in clear"});
  }
  const KeyMaterial key = open_key(store, entry, key_password);
  if (key.kind != EntryKind::private_key) {
    throw Failure({.code = "key-unsupported",
                   .subject = entry.alias,
                   .cause = "is a secret key (" + key.algorithm + "), which PKCS#8 cannot hold",
                   .hint = "`chancery keystore convert` takes it into another store"});
  }
  return passphrase == nullptr ? pem::encode_secret("PRIVATE KEY", view_of(key.encoded)) : encrypted(key, *passphrase);
}

}  // namespace chancery::java
