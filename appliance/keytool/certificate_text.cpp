#include "appliance/keytool/certificate_text.h"

#include "appliance/keytool/distinguished_name.h"
#include "appliance/keytool/extension_text.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/openssl/digest.h"
#include "keystore/openssl/handles.h"

namespace chancery::keytool {
namespace {

std::string sha1_line(ByteView der) {
  std::array<std::uint8_t, 20> digest{};
  unsigned size = 0;
  if (EVP_Digest(der.data(), der.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    throw ossl::openssl_failure("crypto-failed", "SHA-1",
                                "this machine's OpenSSL refuses SHA-1: allow it in openssl.cnf");
  }
  return colon_hex(digest);
}

std::string date_of(const std::optional<std::int64_t>& seconds) { return seconds ? date_text(*seconds) : "null"; }

}  // namespace

std::string sha256_line(ByteView der) { return colon_hex(sha256(der)); }

std::string certificate_text(const CertificateView& certificate, TrustedSet& trusted) {
  return "Owner: " + name_text(certificate.subject) + "\nIssuer: " + name_text(certificate.issuer) +
         "\nSerial number: " + integer_hex(certificate.serial) + "\nValid from: " + date_of(certificate.starts) +
         " until: " + date_of(certificate.ends) +
         "\nCertificate fingerprints:\n\t SHA1: " + sha1_line(certificate.der) +
         "\n\t SHA256: " + sha256_line(certificate.der) +
         "\nSignature algorithm name: " + marked_signature(certificate, trusted) +
         "\nSubject Public Key Algorithm: " + marked_key(certificate.key) +
         "\nVersion: " + std::to_string(certificate.version) + "\n" +
         extensions_text("Extensions: ", certificate.extensions);
}

std::string certificate_pem(ByteView der) {
  return "-----BEGIN CERTIFICATE-----\n" + mime_base64(der) + "\n-----END CERTIFICATE-----\n";
}

}  // namespace chancery::keytool
