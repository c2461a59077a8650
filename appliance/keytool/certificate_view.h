// An X.509 certificate as keytool needs it: the parts where they lie, nothing decoded that is not printed. Ten thousand of
// them cost a few milliseconds. Views into the DER that was given; it must outlive them.
//
//   const std::optional<CertificateView> view = view_certificate(der);
//
// nullopt for anything that is no certificate. Not checked: signatures, dates, names; whole contents of extensions.
// Source: RFC 5280, 4.1. Thread safety: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

struct ExtensionView {
  ByteView oid;  // content of the OBJECT IDENTIFIER
  bool critical = false;
  ByteView value;  // content of the OCTET STRING
};

struct KeyView {
  ByteView info;        // SubjectPublicKeyInfo, whole
  ByteView oid;         // of the algorithm, content
  ByteView parameters;  // whole element; empty when absent
  ByteView bits;        // of the BIT STRING, without the count of unused bits
};

struct CertificateView {
  ByteView der;
  int version = 1;
  ByteView serial;                     // content of the INTEGER
  ByteView signature_oid;              // content
  ByteView signature_parameters;       // whole element; empty when absent
  ByteView issuer;                     // whole
  ByteView subject;                    // whole
  std::optional<std::int64_t> starts;  // Unix time
  std::optional<std::int64_t> ends;
  KeyView key;
  std::vector<ExtensionView> extensions;  // in the order of the certificate
};

[[nodiscard]] std::optional<CertificateView> view_certificate(ByteView der);
// UTCTime (tag 0x17) or GeneralizedTime (0x18) as RFC 5280 allows them, as Unix time.
[[nodiscard]] std::optional<std::int64_t> unix_time(std::uint8_t tag, ByteView content);
[[nodiscard]] std::optional<KeyView> view_key(ByteView info);  // a SubjectPublicKeyInfo
[[nodiscard]] const ExtensionView* find_extension(const CertificateView& certificate, std::string_view dotted_oid);

// "1.2.840.113549"; "" for what is no OID.
[[nodiscard]] std::string dotted(ByteView oid);
// The content for a dotted OID; empty for what is none.
[[nodiscard]] Bytes oid_from_dotted(std::string_view dotted);

// As Java names them: "SHA256withRSA", "Ed25519"; the dotted OID of anything else.
[[nodiscard]] std::string signature_name(ByteView oid);
// The content of the OID for a Java name, in any case; empty when unknown.
[[nodiscard]] Bytes signature_oid(std::string_view name);

struct KeyNaming {
  std::string algorithm;  // "RSA", "EC", "EdDSA", "DSA", "RSASSA-PSS"; dotted OID of anything else
  std::string shown;      // "EC (secp256r1)", "Ed25519"
  int bits = -1;          // -1: unknown
};
[[nodiscard]] KeyNaming naming_of(const KeyView& key);

// The OIDs of extendedKeyUsage, dotted; empty when it is absent.
[[nodiscard]] std::vector<std::string> extended_key_usages(const CertificateView& certificate);
// basicConstraints says CA.
[[nodiscard]] bool is_authority(const CertificateView& certificate);

}  // namespace chancery::keytool
