#include "appliance/nifi/names.h"

#include <netdb.h>
#include <openssl/err.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "appliance/keytool/distinguished_name.h"
#include "keystore/openssl/alternative_names.h"
#include "keystore/x509/printable.h"

namespace chancery::nifi {
namespace {

constexpr int most_parts = 16;
constexpr std::size_t most_names = 100;
constexpr std::size_t longest_common_name = 64;  // RFC 5280, ub-common-name
constexpr std::size_t longest_value = 128;

[[noreturn]] void refuse_name(const std::string& subject, const std::string& cause) {
  throw Failure({.code = "bad-name",
                 .subject = subject,
                 .cause = cause,
                 .hint = "use a distinguished name like \"CN=node1.example.com, OU=NIFI\" and DNS names or addresses"});
}

ossl::X509NamePtr decode(ByteView der) {
  const unsigned char* at = der.data();
  return ossl::X509NamePtr(d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size())));
}

bool is_known_part(int nid) {
  constexpr std::array known{NID_commonName,     NID_organizationalUnitName, NID_organizationName,
                             NID_localityName,   NID_stateOrProvinceName,    NID_countryName,
                             NID_domainComponent};
  return std::find(known.begin(), known.end(), nid) != known.end();
}

std::string value_of(const X509_NAME_ENTRY* entry) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return {};
  const std::string value(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return value;
}

// The CN of a subject that holds nothing odd.
std::string checked_common_name(const X509_NAME* name) {
  const std::string shown = ossl::to_text(name);
  if (X509_NAME_entry_count(name) > most_parts) refuse_name("subject", "it has more than 16 parts");
  std::string common_name;
  for (int at = 0; at < X509_NAME_entry_count(name); ++at) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, at);
    const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (!is_known_part(kind)) refuse_name(shown, "it has a part other than CN, OU, O, L, ST, C and DC");
    const std::string value = value_of(entry);
    const bool is_odd = value.empty() || value.size() > longest_value || printable(view_of(value)) != value;
    if (is_odd) refuse_name(shown, "it has a part that is empty, too long or not printable");
    if (kind != NID_commonName) continue;
    if (!common_name.empty()) refuse_name(shown, "it has more than one CN");
    common_name = value;
  }
  if (common_name.empty()) refuse_name(shown, "it has no CN");
  if (common_name.size() > longest_common_name) refuse_name(shown, "its CN is longer than 64 bytes");
  (void)host_name(common_name);
  return common_name;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char unit) {
    return unit >= 'A' && unit <= 'Z' ? static_cast<char>(unit + 32) : static_cast<char>(unit);
  });
  return text;
}

}  // namespace

AlternativeName host_name(const std::string& text) {
  AlternativeName name = parse_name(text);
  const bool is_host = name.kind == AlternativeName::Kind::dns || name.kind == AlternativeName::Kind::ip;
  if (!is_host) refuse_name(printable(view_of(text)), "it is neither a DNS name nor an address");
  if (name.value.find('*') != std::string::npos) refuse_name(name.value, "a node has no wildcard as its name");
  name.value = lower(name.value);
  return name;
}

bool same_host(const std::string& left, const std::string& right) { return lower(left) == lower(right); }

Subject read_subject(std::string_view text) {
  Bytes der;
  try {
    der = keytool::parse_name_text(text);
  } catch (const Failure& failure) {
    refuse_name(printable(view_of(text)), "it is no distinguished name (" + failure.cause() + ")");
  }
  const ossl::X509NamePtr name = decode(der);
  if (!name) refuse_name(printable(view_of(text)), "it is no distinguished name: " + ossl::drain_errors());
  std::string common_name = checked_common_name(name.get());
  return {.der = std::move(der), .common_name = std::move(common_name)};
}

Subject subject_for(const std::string& host) { return read_subject("CN=" + host_name(host).value + ", OU=NIFI"); }

std::vector<AlternativeName> all_names(const std::string& common_name, const std::vector<AlternativeName>& names) {
  std::vector<AlternativeName> all{host_name(common_name)};
  for (const AlternativeName& each : names) {
    const bool is_host = each.kind == AlternativeName::Kind::dns || each.kind == AlternativeName::Kind::ip;
    if (!is_host) refuse_name(to_text(each), "it is neither a DNS name nor an address");
    const AlternativeName name = host_name(each.value);
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    if (all.size() > most_names) refuse_name("subjectAltName", "it has more than 100 names");
  }
  return all;
}

CertificateRequest make_request(const PrivateKey& key, const Subject& subject,
                                const std::vector<AlternativeName>& names) {
  const auto failed = [] {
    return ossl::openssl_failure("crypto-failed", "certificate request", "check the installation of OpenSSL");
  };
  const ossl::X509ReqPtr request(X509_REQ_new());
  const ossl::X509NamePtr name = decode(subject.der);
  const ossl::GeneralNamesPtr general = ossl::to_general_names(all_names(subject.common_name, names));
  ossl::ExtensionPtr extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, general.get()));
  const ossl::ExtensionStackPtr extensions(sk_X509_EXTENSION_new_null());
  if (!request || !name || !extension || sk_X509_EXTENSION_push(extensions.get(), extension.get()) <= 0) throw failed();
  (void)extension.release();
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), EVP_sha256()) <= 0) {
    throw failed();
  }
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_REQ(request.get(), &encoded);
  if (size <= 0) throw failed();
  const Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return CertificateRequest::from_der(der);
}

Certified certified_names(const CertificateRequest& request) {
  const unsigned char* at = request.der().data();
  const ossl::X509ReqPtr native(d2i_X509_REQ(nullptr, &at, static_cast<long>(request.der().size())));
  if (!native) throw ossl::openssl_failure("not-a-request", "certificate request", "make the request anew");
  X509_NAME* name = X509_REQ_get_subject_name(native.get());
  Certified certified;
  certified.subject.common_name = checked_common_name(name);
  certified.names = all_names(certified.subject.common_name, request.names());
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_NAME(name, &encoded);
  if (size <= 0) throw ossl::openssl_failure("not-a-request", "certificate request", "make the request anew");
  certified.subject.der.assign(encoded, encoded + size);
  OPENSSL_free(encoded);
  ERR_clear_error();
  return certified;
}

std::vector<std::string> own_names() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  std::vector<std::string> names{name.data()};
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) == 0 && found != nullptr) {
    if (found->ai_canonname != nullptr && names.front() != found->ai_canonname) names.emplace_back(found->ai_canonname);
    ::freeaddrinfo(found);
  }
  return names;
}

}  // namespace chancery::nifi
