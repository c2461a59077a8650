// Puts together and signs X.509 v3 certificates (RFC 5280) of exactly four kinds: a root, a cross certificate,
// an issuing CA, a leaf.
// There is no way to ask for other extensions, so nobody's input can smuggle one in.
//
//   Bytes der = write_certificate(signing_key, {.serial = serial, .issuer = subject_of(ca), .subject = …, …});
//
// Key identifiers are the first 160 bits of SHA-256 of the SubjectPublicKeyInfo (RFC 7093, method 4).
// Not checked: names (constraints.h) and public keys (public_key_rules.h). Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/x509/private_key.h"

namespace chancery::authority {

// subjectAltName entries and name constraints as they stand in a certificate.
struct LeafNames {
  std::vector<AlternativeName> names;  // dns and ip only
  std::string uri;                     // "" : none
};

struct NameConstraints {
  std::vector<std::string> dns;
  std::vector<std::string> addresses;  // each one host: /32 or /128
  std::string uri_host;
};

Bytes subject_name(const std::string& organisation,
                   const std::string& common_name);  // DER of the Name; "" leaves one out
Bytes key_identifier(ByteView public_key_der);

// Extensions, one list of DER elements for each kind. `key_id` is the subject's, `authority_key_id` the issuer's.
Bytes root_extensions(ByteView key_id);
Bytes issuing_extensions(ByteView key_id, ByteView authority_key_id, const NameConstraints& constraints);
// A root's name and key under another root: one CA may follow, the issuing one.
Bytes cross_extensions(ByteView key_id, ByteView authority_key_id);
Bytes leaf_extensions(ByteView key_id, ByteView authority_key_id, const LeafNames& names, bool server, bool client,
                      bool rsa_key);

struct CertificateParts {
  ByteView serial;  // big endian, at most 20 bytes, positive
  ByteView issuer;  // DER of the Name
  Instant not_before{};
  Instant not_after{};
  ByteView subject;
  ByteView public_key_der;
  ByteView extensions;
};

// The signature algorithm follows the key: ECDSA with the digest of the curve's size, RSA PKCS#1 v1.5 with SHA-256,
// Ed25519. Failure("signing-failed").
[[nodiscard]] Bytes write_certificate(const PrivateKey& signer, const CertificateParts& parts);

struct RevokedSerial {
  Bytes serial;  // big endian
  Instant when{};
};
struct RevocationListParts {
  ByteView issuer;            // DER of the Name
  ByteView authority_key_id;  // the issuer's key identifier
  std::uint32_t number = 0;
  Instant this_update{};
  Instant next_update{};
  std::vector<RevokedSerial> revoked;
};
// A complete CRL, version 2 (RFC 5280, 5), with the two extensions that it must have.
[[nodiscard]] Bytes write_revocation_list(const PrivateKey& signer, const RevocationListParts& parts);

// 16 bytes, positive: 01, the second it is made in (38 bits) and 88 random bits. The time in front keeps the register's
// index of serials growing at its end; a certificate says that time anyhow.
[[nodiscard]] Bytes new_serial(Instant now);

}  // namespace chancery::authority
