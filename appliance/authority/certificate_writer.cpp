#include "appliance/authority/certificate_writer.h"

#include <arpa/inet.h>

#include <algorithm>

#include "appliance/authority/der.h"
#include "keystore/openssl/handles.h"

namespace chancery::authority {
namespace {

constexpr std::uint8_t bit_digital_signature = 0x80;
constexpr std::uint8_t bit_key_encipherment = 0x20;
constexpr std::uint8_t bit_key_cert_sign = 0x04;
constexpr std::uint8_t bit_crl_sign = 0x02;

Bytes extension(std::string_view object_id, bool critical, ByteView value) {
  // DER leaves a DEFAULT FALSE out.
  const Bytes flag = critical ? der::boolean(true) : Bytes{};
  return der::sequence({der::object_id(object_id), flag, der::octet_string(value)});
}

Bytes basic_constraints(bool ca, std::optional<std::uint32_t> path_length) {
  const Bytes flag = ca ? der::boolean(true) : Bytes{};
  const Bytes length = path_length ? der::integer(*path_length) : Bytes{};
  return extension("2.5.29.19", true, der::sequence({flag, length}));
}

Bytes key_usage(std::uint8_t bits) {
  unsigned unused = 0;
  while ((bits >> unused & 1) == 0) ++unused;
  return extension("2.5.29.15", true, der::bit_string({&bits, 1}, unused));
}

Bytes subject_key_identifier(ByteView key_id) { return extension("2.5.29.14", false, der::octet_string(key_id)); }

Bytes authority_key_identifier(ByteView key_id) {
  return extension("2.5.29.35", false, der::sequence({der::context(0, key_id)}));
}

Bytes address_octets(const std::string& text) {
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET, text.c_str(), octets.data()) == 1) return {octets.begin(), octets.begin() + 4};
  if (::inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) return {octets.begin(), octets.end()};
  throw Failure({.code = "bad-name",
                 .subject = text,
                 .cause = "is not an IP address",
                 .hint = "write it as 192.0.2.1 or 2001:db8::1"});
}

Bytes general_dns(std::string_view name) { return der::context(2, view_of(name)); }
Bytes general_uri(std::string_view uri) { return der::context(6, view_of(uri)); }

void append_to(Bytes& list, ByteView element) { list.insert(list.end(), element.begin(), element.end()); }

// A GeneralSubtree: minimum and maximum are never written (RFC 5280, 4.2.1.10).
void append_subtree(Bytes& list, ByteView base) { append_to(list, der::sequence({base})); }

Bytes one_host(const std::string& address) {
  Bytes octets = address_octets(address);
  octets.insert(octets.end(), octets.size(), 0xff);  // the mask: all of it
  return der::context(7, octets);
}

Bytes all_addresses(std::size_t octets) { return der::context(7, Bytes(octets * 2, 0)); }

Bytes name_constraints(const NameConstraints& constraints) {
  Bytes permitted;
  Bytes excluded;
  for (const std::string& name : constraints.dns) append_subtree(permitted, general_dns(name));
  // A kind of name with no permitted subtree would be free: close it.
  if (constraints.dns.empty()) append_subtree(excluded, general_dns(""));
  for (const std::string& address : constraints.addresses) append_subtree(permitted, one_host(address));
  // One permitted address closes both families (they are one kind of name). To exclude the other family besides would be
  // harmless but for Java, which fails with an index out of bounds when it holds ::/0 against an IPv4 address.
  if (constraints.addresses.empty()) {
    append_subtree(excluded, all_addresses(4));
    append_subtree(excluded, all_addresses(16));
  }
  if (!constraints.uri_host.empty()) append_subtree(permitted, general_uri(constraints.uri_host));
  const Bytes permitted_part = permitted.empty() ? Bytes{} : der::context_constructed(0, permitted);
  const Bytes excluded_part = excluded.empty() ? Bytes{} : der::context_constructed(1, excluded);
  return extension("2.5.29.30", true, der::sequence({permitted_part, excluded_part}));
}

Bytes alternative_names(const LeafNames& wanted) {
  Bytes list;
  for (const AlternativeName& name : wanted.names) {
    append_to(list, name.kind == AlternativeName::Kind::ip ? der::context(7, address_octets(name.value))
                                                           : general_dns(name.value));
  }
  if (!wanted.uri.empty()) append_to(list, general_uri(wanted.uri));
  return extension("2.5.29.17", false, der::sequence({list}));
}

Bytes extended_key_usage(bool server, bool client) {
  Bytes uses;
  if (server) append_to(uses, der::object_id("1.3.6.1.5.5.7.3.1"));
  if (client) append_to(uses, der::object_id("1.3.6.1.5.5.7.3.2"));
  return extension("2.5.29.37", false, der::sequence({uses}));
}

Bytes relative_name(std::string_view object_id, const std::string& value) {
  return der::set(der::sequence({der::object_id(object_id), der::utf8(value)}));
}

struct SignatureScheme {
  Bytes algorithm;  // AlgorithmIdentifier
  const EVP_MD* digest;
};

SignatureScheme scheme_of(const PrivateKey& signer) {
  const auto ecdsa = [](std::string_view object_id, const EVP_MD* digest) {
    return SignatureScheme{der::sequence({der::object_id(object_id)}), digest};
  };
  switch (EVP_PKEY_get_base_id(signer.native())) {
    case EVP_PKEY_EC:
      if (EVP_PKEY_get_bits(signer.native()) > 384) return ecdsa("1.2.840.10045.4.3.4", EVP_sha512());
      if (EVP_PKEY_get_bits(signer.native()) > 256) return ecdsa("1.2.840.10045.4.3.3", EVP_sha384());
      return ecdsa("1.2.840.10045.4.3.2", EVP_sha256());
    case EVP_PKEY_RSA:
      // RSA's parameters are an explicit NULL (RFC 4055).
      return {der::sequence({der::object_id("1.2.840.113549.1.1.11"), der::element(0x05, {})}), EVP_sha256()};
    case EVP_PKEY_ED25519:
      return {der::sequence({der::object_id("1.3.101.112")}), nullptr};
    default:
      throw Failure({.code = "key-weak",
                     .subject = signer.description().type,
                     .cause = "certificates cannot be signed with a key of this type",
                     .hint = "use ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-3072 or ed25519"});
  }
}

Bytes signature_over(const PrivateKey& signer, const EVP_MD* digest, ByteView message) {
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(signer.native())));
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, signer.native()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    throw ossl::openssl_failure("signing-failed", "certificate", "check that the authority's key files are whole");
  }
  signature.resize(size);
  return signature;
}

}  // namespace

Bytes subject_name(const std::string& organisation, const std::string& common_name) {
  const Bytes organisation_part = organisation.empty() ? Bytes{} : relative_name("2.5.4.10", organisation);
  const Bytes common_part = common_name.empty() ? Bytes{} : relative_name("2.5.4.3", common_name);
  return der::sequence({organisation_part, common_part});
}

Bytes key_identifier(ByteView public_key_der) {
  const Sha256 digest = sha256(public_key_der);
  return {digest.begin(), digest.begin() + 20};
}

Bytes root_extensions(ByteView key_id) {
  return der::joined({basic_constraints(true, std::nullopt), key_usage(bit_key_cert_sign | bit_crl_sign),
                      subject_key_identifier(key_id), authority_key_identifier(key_id)});
}

Bytes issuing_extensions(ByteView key_id, ByteView authority_key_id, const NameConstraints& constraints) {
  return der::joined({basic_constraints(true, 0), key_usage(bit_key_cert_sign | bit_crl_sign),
                      subject_key_identifier(key_id), authority_key_identifier(authority_key_id),
                      name_constraints(constraints)});
}

Bytes cross_extensions(ByteView key_id, ByteView authority_key_id) {
  return der::joined({basic_constraints(true, 1), key_usage(bit_key_cert_sign | bit_crl_sign),
                      subject_key_identifier(key_id), authority_key_identifier(authority_key_id)});
}

Bytes leaf_extensions(ByteView key_id, ByteView authority_key_id, const LeafNames& names, bool server, bool client,
                      bool rsa_key) {
  const auto usage = static_cast<std::uint8_t>(bit_digital_signature | (rsa_key ? bit_key_encipherment : 0));
  return der::joined({basic_constraints(false, std::nullopt), key_usage(usage), extended_key_usage(server, client),
                      subject_key_identifier(key_id), authority_key_identifier(authority_key_id),
                      alternative_names(names)});
}

Bytes write_certificate(const PrivateKey& signer, const CertificateParts& parts) {
  const SignatureScheme scheme = scheme_of(signer);
  const Bytes version = der::context_constructed(0, der::integer(2));
  const Bytes validity = der::sequence({der::time(parts.not_before), der::time(parts.not_after)});
  const Bytes extensions = der::context_constructed(3, der::sequence({parts.extensions}));
  const Bytes to_be_signed = der::sequence({version, der::unsigned_integer(parts.serial), scheme.algorithm,
                                            parts.issuer, validity, parts.subject, parts.public_key_der, extensions});
  const Bytes signature = signature_over(signer, scheme.digest, to_be_signed);
  return der::sequence({to_be_signed, scheme.algorithm, der::bit_string(signature)});
}

Bytes write_revocation_list(const PrivateKey& signer, const RevocationListParts& parts) {
  const SignatureScheme scheme = scheme_of(signer);
  Bytes entries;
  for (const RevokedSerial& each : parts.revoked) {
    append_to(entries, der::sequence({der::unsigned_integer(each.serial), der::time(each.when)}));
  }
  // An empty list of entries is left out, not written empty.
  const Bytes revoked = entries.empty() ? Bytes{} : der::sequence({entries});
  const Bytes number = extension("2.5.29.20", false, der::integer(parts.number));
  const Bytes extensions =
      der::context_constructed(0, der::sequence({authority_key_identifier(parts.authority_key_id), number}));
  const Bytes to_be_signed =
      der::sequence({der::integer(1), scheme.algorithm, parts.issuer, der::time(parts.this_update),
                     der::time(parts.next_update), revoked, extensions});
  const Bytes signature = signature_over(signer, scheme.digest, to_be_signed);
  return der::sequence({to_be_signed, scheme.algorithm, der::bit_string(signature)});
}

Bytes new_serial(Instant now) {
  constexpr std::size_t time_size = 5;
  const SecretBytes random = random_secret(16 - time_size);
  const auto seconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
  Bytes serial;
  serial.reserve(16);
  for (std::size_t at = time_size; at-- > 0;) serial.push_back(static_cast<std::uint8_t>(seconds >> (8 * at)));
  serial.front() = static_cast<std::uint8_t>((serial.front() & 0x3f) | 0x40);
  serial.insert(serial.end(), random.begin(), random.end());
  return serial;
}

}  // namespace chancery::authority
