#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <set>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

constexpr int smallest_rsa = 2048;
constexpr auto soon = std::chrono::days(30);

const char* role_of(Place place) {
  switch (place) {
    case Place::leaf:
      return "the certificate";
    case Place::intermediate:
      return "the intermediate";
    case Place::root:
      break;
  }
  return "the root";
}

std::string renewal_hint(Place place) {
  switch (place) {
    case Place::leaf:
      return "ask the CA for a new certificate (chancery cert csr IDENTITY makes the request), or for a default one "
             "run "
             "chancery cert reset IDENTITY";
    case Place::intermediate:
      return "download the CA's present intermediate and give it with --intermediate; usually it has the same key and "
             "your certificate stays good";
    case Place::root:
      break;
  }
  return "ask the CA for its present root and a chain under it, and bring that root to the clients first";
}

void judge_dates(const Member& member, Place place, const Setting& setting, Report& report) {
  const Certificate& certificate = member.certificate;
  if (setting.at > certificate.not_after()) {
    report.add("expired", member.label(),
               std::string(role_of(place)) + " " + short_name(certificate) + " expired on " +
                   to_rfc3339(certificate.not_after()) + ", " + days_text(setting.at - certificate.not_after()) +
                   " before " + to_rfc3339(setting.at),
               renewal_hint(place));
    return;
  }
  if (setting.at < certificate.not_before()) {
    report.add("not-yet-valid", member.label(),
               std::string(role_of(place)) + " " + short_name(certificate) + " is valid only from " +
                   to_rfc3339(certificate.not_before()) + " on; the check is for " + to_rfc3339(setting.at),
               "wait until then, or compare this machine's clock with a good one (timedatectl)");
    return;
  }
  if (certificate.not_after() - setting.at < soon) {
    report.add("expires-soon", member.label(),
               std::string(role_of(place)) + " " + short_name(certificate) + " expires in " +
                   days_text(certificate.not_after() - setting.at) + ", on " + to_rfc3339(certificate.not_after()),
               renewal_hint(place));
  }
}

// What is weak about the public key, or "".
std::string weakness_of(const Certificate& certificate) {
  const KeyDescription& key = certificate.key();
  EVP_PKEY* native = X509_get0_pubkey(certificate.native());
  if (native == nullptr) {
    ERR_clear_error();
    return "the public key cannot be decoded";
  }
  if (key.type == "Ed25519" || key.type == "EC P-256" || key.type == "EC P-384" || key.type == "EC P-521") {
    int explicit_parameters = 0;
    if (EVP_PKEY_get_base_id(native) == EVP_PKEY_EC &&
        EVP_PKEY_get_int_param(native, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters) == 1 &&
        explicit_parameters != 0) {
      return "the curve is spelled out as explicit parameters instead of named (RFC 5480 forbids it)";
    }
    return "";
  }
  if (key.type != "RSA") return "the key is of type " + printable(key.type) + ", which few TLS peers understand";
  if (key.bits < smallest_rsa) return "the RSA key has " + std::to_string(key.bits) + " bits; 2048 is the least";
  if (key.bits % 8 != 0) {
    return "the RSA key has " + std::to_string(key.bits) + " bits, which is not a whole number of bytes";
  }
  BIGNUM* exponent = nullptr;
  std::string weakness;
  if (EVP_PKEY_get_bn_param(native, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1) {
    if (BN_is_one(exponent) || !BN_is_odd(exponent)) weakness = "the RSA exponent is 1 or even: it protects nothing";
  }
  BN_free(exponent);
  return weakness;
}

void judge_key(const Member& member, Place place, Report& report) {
  if (const std::string weakness = weakness_of(member.certificate); !weakness.empty()) {
    report.add("key-weak", member.label(),
               std::string(role_of(place)) + " " + short_name(member.certificate) + ": " + weakness,
               place == Place::leaf ? "make a new key: chancery cert csr IDENTITY --key-type ecdsa-p256 (or rsa-3072)"
                                    : "ask the CA for a chain with keys of RSA 2048 or more, or P-256, P-384, P-521");
  }
  if (place == Place::leaf && member.certificate.key().type == "Ed25519") {
    report.add("ed25519-key", member.label(),
               "the key is Ed25519, which browsers do not speak in TLS; our own programs do",
               "use ecdsa-p256 where browsers connect");
  }
}

void judge_signature(const Member& member, Place place, Report& report) {
  // Nobody checks the self-signature of a root; it is trusted because it is in the trust store.
  if (place == Place::root) return;
  static constexpr std::array<std::string_view, 6> weak = {"SHA1", "MD5", "MD4", "MD2", "RIPEMD160", "MD5-SHA1"};
  // No TLS 1.3 signature scheme and no public CA has them: browsers cannot check them.
  static constexpr std::array<std::string_view, 3> rare = {"SHA224", "SHA512-224", "SHA512-256"};
  const std::string& digest = member.certificate.signature_digest();
  const bool is_weak = std::find(weak.begin(), weak.end(), digest) != weak.end();
  if (!is_weak && std::find(rare.begin(), rare.end(), digest) == rare.end()) return;
  report.add("signature-weak", member.label(),
             std::string(role_of(place)) + " " + short_name(member.certificate) + " is signed with " + digest + " (" +
                 member.certificate.signature_algorithm() + "), which " +
                 (is_weak ? "can be forged" : "browsers do not know"),
             "ask the CA to issue it again with SHA-256, SHA-384 or SHA-512");
}

// RFC 5280, 4.1.2.2 asks clients to be lenient with zero; what they refuse is a fault of the encoding.
void judge_serial(const Member& member, Place place, Report& report) {
  if (place == Place::root) return;
  const ASN1_INTEGER* serial = X509_get0_serialNumber(member.certificate.native());
  const unsigned char* bytes = ASN1_STRING_get0_data(serial);
  if (!std::all_of(bytes, bytes + ASN1_STRING_length(serial), [](unsigned char byte) { return byte == 0; })) return;
  report.add("odd-serial", member.label(),
             "the serial number of " + short_name(member.certificate) +
                 " is zero (RFC 5280 wants a positive one); some clients refuse that",
             "ask the CA to issue it again with a random serial number of 16 octets");
}

// What is wrong with the encoding inside an extension, or "". OpenSSL itself stops reading at the end of the value.
std::string damage_of(X509_EXTENSION* extension) {
  const X509V3_EXT_METHOD* method = X509V3_EXT_get(extension);
  if (method == nullptr || method->it == nullptr) return "";
  const ASN1_OCTET_STRING* octets = X509_EXTENSION_get_data(extension);
  const unsigned char* begin = ASN1_STRING_get0_data(octets);
  const unsigned char* at = begin;
  ASN1_VALUE* value = ASN1_item_d2i(nullptr, &at, ASN1_STRING_length(octets), ASN1_ITEM_ptr(method->it));
  ERR_clear_error();
  if (value == nullptr) return "cannot be decoded";
  ASN1_item_free(value, ASN1_ITEM_ptr(method->it));
  return at == begin + ASN1_STRING_length(octets) ? "" : "has trailing bytes";
}

// Which of RFC 5280's forms the certificate breaks, beyond what makes it merely unusual.
std::vector<std::string> malformations(const Certificate& certificate) {
  std::vector<std::string> found;
  X509* native = certificate.native();
  std::set<std::string> seen;
  for (int i = 0; i < X509_get_ext_count(native); ++i) {
    X509_EXTENSION* extension = X509_get_ext(native, i);
    std::array<char, 128> oid{};
    OBJ_obj2txt(oid.data(), static_cast<int>(oid.size()), X509_EXTENSION_get_object(extension), 1);
    const std::string name = "the extension " + std::string(oid.data()) + " ";
    if (!seen.insert(oid.data()).second) found.push_back(name + "stands twice");
    if (const std::string damage = damage_of(extension); !damage.empty()) found.push_back(name + damage);
  }
  if (certificate.version() < 3 && X509_get_ext_count(native) != 0)
    found.push_back("it has extensions but is not version 3");
  if (X509_ALGOR_cmp(X509_get0_tbs_sigalg(native), [&] {
        const X509_ALGOR* outer = nullptr;
        X509_get0_signature(nullptr, &outer, native);
        return outer;
      }()) != 0) {
    found.push_back("the signature algorithm inside and outside of the signed part differ");
  }
  if (certificate.not_before() > certificate.not_after()) found.push_back("it ends before it begins");
  if (certificate.issuer().empty()) found.push_back("its issuer is empty");
  if (certificate.is_ca() && certificate.subject().empty()) found.push_back("it is a CA with an empty subject");
  return found;
}

void judge_form(const Member& member, Place place, Report& report) {
  const Certificate& certificate = member.certificate;
  std::vector<std::string> broken = malformations(certificate);
  if (place != Place::root) {
    const std::vector<std::string> faults = encoding_faults(certificate);
    broken.insert(broken.end(), faults.begin(), faults.end());
  }
  if (!broken.empty()) {
    report.add("malformed-certificate", member.label(),
               std::string(role_of(place)) + " " + short_name(certificate) + " breaks RFC 5280: " + joined(broken),
               "ask the CA to issue it again; careful clients refuse it as it is");
  }
  if (!certificate.unknown_critical_extensions().empty()) {
    report.add(
        "unknown-critical-extension", member.label(),
        std::string(role_of(place)) + " " + short_name(certificate) +
            " has critical extensions nobody here understands: " + joined(certificate.unknown_critical_extensions()),
        "a client that does not understand a critical extension must refuse (RFC 5280, 4.2): ask the CA to leave "
        "it out or to mark it not critical");
  }
}

}  // namespace

void judge_certificate(const Member& member, Place place, const Setting& setting, Report& report) {
  judge_dates(member, place, setting, report);
  judge_key(member, place, report);
  judge_signature(member, place, report);
  judge_form(member, place, report);
  judge_serial(member, place, report);
}

}  // namespace chancery::preflight
