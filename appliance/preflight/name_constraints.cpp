#include <openssl/err.h>

#include <algorithm>
#include <cctype>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

using ConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, ossl::Deleter<NAME_CONSTRAINTS_free>>;

ConstraintsPtr constraints_of(const Certificate& certificate) {
  ConstraintsPtr constraints(
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(certificate.native(), NID_name_constraints, nullptr, nullptr)));
  ERR_clear_error();
  return constraints;
}

// "Permitted: DNS:example.com; Excluded: …", as OpenSSL prints the extension.
std::string constraints_text(const Certificate& certificate) {
  X509* native = certificate.native();
  const int at = X509_get_ext_by_NID(native, NID_name_constraints, -1);
  const ossl::BioPtr out(BIO_new(BIO_s_mem()));
  if (at < 0 || !out || X509V3_EXT_print(out.get(), X509_get_ext(native, at), 0, 0) != 1) {
    ERR_clear_error();
    return "unreadable";
  }
  char* data = nullptr;
  const auto length = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &data));
  std::string flat;
  for (const char c : std::string_view(data, length)) {
    const bool blank = c == ' ' || c == '\n';
    if (blank && (flat.empty() || flat.back() == ' ')) continue;
    flat += blank ? ' ' : c;
  }
  while (flat.ends_with(' ')) flat.pop_back();
  return printable(flat);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// OpenSSL compares "*.example.com" as text. It also stands for every name below example.com, so an excluded
// bad.example.com is violated by it.
bool wildcard_covers_excluded(const Certificate& leaf, const NAME_CONSTRAINTS& constraints) {
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints.excludedSubtrees); ++i) {
    const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(constraints.excludedSubtrees, i)->base;
    if (base->type != GEN_DNS) continue;
    const std::string excluded = lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(base->d.dNSName)),
                                        static_cast<std::size_t>(ASN1_STRING_length(base->d.dNSName))});
    for (const AlternativeName& name : leaf.names()) {
      if (name.kind != AlternativeName::Kind::dns || !name.value.starts_with("*.")) continue;
      const std::string suffix = lower(name.value).substr(1);  // ".example.com"
      const std::size_t label = excluded.size() > suffix.size() ? excluded.size() - suffix.size() : 0;
      if (label != 0 && excluded.ends_with(suffix) && excluded.find('.') == label) return true;
    }
  }
  return false;
}

std::string violation_text(int verdict) {
  switch (verdict) {
    case X509_V_ERR_PERMITTED_VIOLATION:
      return "is outside of what it permits";
    case X509_V_ERR_EXCLUDED_VIOLATION:
      return "is within what it excludes";
    default:
      return "cannot be compared with them (" + std::string(X509_verify_cert_error_string(verdict)) + ")";
  }
}

}  // namespace

void judge_name_constraints(const Chain& chain, Report& report) {
  for (std::size_t i = 1; i < chain.members.size(); ++i) {
    const Certificate& issuer = chain.members[i].certificate;
    const ConstraintsPtr constraints = constraints_of(issuer);
    if (!constraints) continue;
    for (std::size_t j = 0; j < i; ++j) {
      const Certificate& below = chain.members[j].certificate;
      if (j != 0 && below.is_self_issued()) continue;  // RFC 5280, 6.1.3 (b)
      int verdict = NAME_CONSTRAINTS_check(below.native(), constraints.get());
      // Without a SAN, some clients fall back to the CN as a host name.
      if (verdict == X509_V_OK && j == 0 && below.names().empty()) {
        verdict = NAME_CONSTRAINTS_check_CN(below.native(), constraints.get());
      }
      if (verdict == X509_V_OK && j == 0 && wildcard_covers_excluded(below, *constraints)) {
        verdict = X509_V_ERR_EXCLUDED_VIOLATION;
      }
      ERR_clear_error();
      if (verdict == X509_V_OK) continue;
      report.add("name-constraint", chain.members[j].label(),
                 short_name(issuer) + " is limited to certain names (" + constraints_text(issuer) + "), and " +
                     short_name(below) + " (" + below.subject() + "; " + names_text(below.names()) + ") " +
                     violation_text(verdict),
                 "ask for a certificate with only names that the CA may sign, or from a CA that may sign these");
    }
  }
}

}  // namespace chancery::preflight
