// SafeContents of PKCS#12 (RFC 7292, 4.2): bags and their attributes, read as views and written back to front.
//
//   SafeContents  SEQUENCE OF SafeBag
//   SafeBag       { bagId, [0] value, SET OF { attribute id, SET OF value } OPTIONAL }
//     keyBag                PrivateKeyInfo
//     pkcs8ShroudedKeyBag   EncryptedPrivateKeyInfo
//     certBag               { x509Certificate, [0] OCTET STRING }
//     secretBag             { pkcs8ShroudedKeyBag, [0] OCTET STRING EncryptedPrivateKeyInfo }   (as Java writes them)
//     crlBag                carried along
//     safeContentsBag       SafeContents
//   friendlyName { BMPString }, localKeyID { OCTET STRING }, Java's trustedKeyUsage { anyExtendedKeyUsage }
//
// Internal to keystore/java. Thread safety: values.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keystore/java/asn1.h"

namespace chancery::java::pkcs12 {

// Last arcs below 1.2.840.113549.1.12.10.1, and what is none of them.
enum class BagKind : std::uint8_t {
  other = 0,
  key = 1,
  shrouded_key = 2,
  certificate = 3,
  crl = 4,
  secret = 5,
  safe_contents = 6,
};

struct Bag {
  BagKind kind = BagKind::other;  // other: also certificates that are not X.509, and secrets that Java does not write
  ByteView value = {};            // the element in [0]; of a certificate its DER
  ByteView whole = {};
  std::shared_ptr<const SecretBytes> part = {};  // that `value` may lie in: certificates of a decrypted part share it
  bool is_encrypted = false;                     // stood in an encrypted part
  bool is_first = false;                         // of its SafeContents
  std::optional<std::string> name = {};
  ByteView name_attribute = {};  // as it stands there
  std::optional<ByteView> key_id = {};
  ByteView key_id_attribute = {};
  ByteView trust_attribute = {};          // not empty: Java takes the certificate for trusted
  std::vector<ByteView> attributes = {};  // all others
};

class BagReader {
 public:
  explicit BagReader(const std::string& source) : source_(source) {}  // referred to
  // Appends the bags of one SafeContents, in whose bytes they look from then on. Nesting and numbers are capped.
  void read(ByteView safe_contents, bool is_encrypted) { read(safe_contents, is_encrypted, deepest_nesting); }
  void read_decrypted(SecretBytes safe_contents);
  const std::vector<Bag>& bags() const noexcept { return bags_; }
  // Keeps bytes for as long as this reader lives.
  ByteView keep(SecretBytes bytes);

 private:
  static constexpr int deepest_nesting = 8;

  void read(ByteView safe_contents, bool is_encrypted, int depth);
  void read_value(asn1::Parser value, Bag& bag);
  void read_attributes(asn1::Parser attributes, Bag& bag);
  ByteView definite(ByteView whole, const asn1::Parser& in);

  const std::string& source_;
  std::vector<Bag> bags_;
  std::deque<SecretBytes> kept_;
  std::shared_ptr<const SecretBytes> part_;  // that is being read, where it was decrypted
};

[[nodiscard]] bool is_trust_attribute_of_ours(ByteView attribute);

// What is written beside a bag. Of what is set here the `others` hold no second one; a trustedKeyUsage among the others
// stands for ours.
struct BagAttributes {
  const std::string* name = nullptr;
  ByteView name_attribute = {};  // instead of the name
  std::optional<ByteView> key_id = {};
  bool is_trusted = false;
  const std::vector<Bytes>* others = nullptr;
};

// `value`: the element to stand in [0].
void write_bag(asn1::DerWriter& out, BagKind kind, ByteView value, const BagAttributes& attributes);
void write_certificate(asn1::DerWriter& out, ByteView certificate, const BagAttributes& attributes);
// The value of a secretBag around an EncryptedPrivateKeyInfo, and back; nullopt: not as Java writes it.
[[nodiscard]] SecretBytes secret_value(ByteView encrypted_key);
[[nodiscard]] std::optional<ByteView> encrypted_key_of(ByteView secret_value, SecretBytes& joined);
// The OCTET STRING of a localKeyID among such attributes; nullopt: there is none.
[[nodiscard]] std::optional<Bytes> key_id_among(const std::vector<Bytes>& attributes);

}  // namespace chancery::java::pkcs12
