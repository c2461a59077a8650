#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

// What OpenSSL says, in our codes. Nothing is added where one of `covered_by` has been found already: the rules say it
// with more detail. An empty code: not a finding at all.
struct Translation {
  int error;
  std::string_view code;
  std::array<std::string_view, 4> covered_by;
};

constexpr auto translations = std::to_array<Translation>({
    // Where the chain ends is for chain_rules to say: OpenSSL is given the last member as trusted.
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "", {}},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "", {}},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "", {}},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "", {}},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "", {}},
    {X509_V_ERR_CERT_UNTRUSTED, "", {}},

    {X509_V_ERR_CERT_HAS_EXPIRED, "expired", {"expired"}},
    {X509_V_ERR_CERT_NOT_YET_VALID, "not-yet-valid", {"not-yet-valid"}},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad-signature", {"bad-signature"}},
    {X509_V_ERR_INVALID_CA, "not-a-ca", {"not-a-ca", "v1-root", "v1-certificate", "ca-as-leaf"}},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "not-a-ca", {"not-a-ca"}},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "path-length", {"path-length"}},
    {X509_V_ERR_INVALID_PURPOSE, "eku-mismatch", {"eku-mismatch", "key-usage", "not-a-ca", "ca-as-leaf"}},
    {X509_V_ERR_CERT_REJECTED, "eku-mismatch", {"eku-mismatch"}},
    {X509_V_ERR_PERMITTED_VIOLATION, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_EXCLUDED_VIOLATION, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_SUBTREE_MINMAX, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, "name-constraint", {"name-constraint"}},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "unknown-critical-extension", {"unknown-critical-extension"}},
    {X509_V_ERR_AKID_SKID_MISMATCH, "key-id-mismatch", {"key-id-mismatch"}},
    {X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, "key-id-mismatch", {"key-id-mismatch"}},
    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, "key-weak", {"key-weak"}},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "key-weak", {"key-weak"}},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "key-weak", {"key-weak"}},
    {X509_V_ERR_CA_MD_TOO_WEAK, "signature-weak", {"signature-weak"}},
    {X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA, "key-usage", {"key-usage", "not-a-ca"}},

    {X509_V_ERR_NO_EXPLICIT_POLICY, "policy-constraint", {"policy-constraint"}},
    {X509_V_ERR_INVALID_POLICY_EXTENSION, "malformed-certificate", {"malformed-certificate"}},

    {X509_V_ERR_INVALID_EXTENSION, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "malformed-certificate", {"malformed-certificate", "key-weak"}},
    {X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_ISSUER_NAME_EMPTY, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_SUBJECT_NAME_EMPTY, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_EMPTY_SUBJECT_ALT_NAME, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA, "malformed-certificate", {"malformed-certificate"}},
    {X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN,
     "malformed-certificate",
     {"malformed-certificate", "not-a-ca", "root-without-key-usage"}},

    // Forms that RFC 5280 wants of a CA and that the usual recipes leave out: only strict clients mind.
    {X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, "strict-profile", {"v1-certificate", "self-signed"}},
    {X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER, "strict-profile", {"v1-root", "v1-certificate"}},
    {X509_V_ERR_CA_BCONS_NOT_CRITICAL, "strict-profile", {"ca-as-leaf"}},
    {X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, "strict-profile", {"root-without-key-usage", "v1-root", "ca-as-leaf"}},
});

struct Remark {
  int error;
  int depth;
};
using Remarks = std::vector<Remark>;

int remarks_index() {
  static const int index = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Collects instead of refusing, so that all errors are heard and not only the first.
int collect(int good, X509_STORE_CTX* context) noexcept {
  if (good != 1) {
    auto* remarks = static_cast<Remarks*>(X509_STORE_CTX_get_ex_data(context, remarks_index()));
    try {
      if (remarks->size() < 256) {
        remarks->push_back({X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context)});
      }
    } catch (...) {
      return 0;
    }
  }
  return 1;
}

Remarks ask_openssl(const Chain& chain, const Setting& setting) {
  Remarks remarks;
  const ossl::X509StorePtr store(X509_STORE_new());
  const ossl::X509StoreCtxPtr context(X509_STORE_CTX_new());
  STACK_OF(X509)* between = sk_X509_new_null();  // borrowed certificates: freed without them
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> between_owner(
      between, [](STACK_OF(X509) * s) { sk_X509_free(s); });
  if (!store || !context || between == nullptr) throw ossl::openssl_failure("out-of-memory", "", "free some memory");
  X509_STORE_add_cert(store.get(), chain.members.back().certificate.native());
  for (std::size_t i = 1; i + 1 < chain.members.size(); ++i)
    sk_X509_push(between, chain.members[i].certificate.native());
  if (X509_STORE_CTX_init(context.get(), store.get(), chain.members.front().certificate.native(), between) != 1) {
    throw ossl::openssl_failure("out-of-memory", "", "free some memory");
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters,
                              X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK);
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(setting.at.time_since_epoch().count()));
  X509_VERIFY_PARAM_set_purpose(parameters,
                                setting.purpose == Purpose::server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_depth(parameters, 32);
  X509_STORE_CTX_set_ex_data(context.get(), remarks_index(), &remarks);
  X509_STORE_CTX_set_verify_cb(context.get(), collect);
  const int verdict = X509_verify_cert(context.get());
  if (verdict < 0 && remarks.empty()) remarks.push_back({X509_STORE_CTX_get_error(context.get()), 0});
  ERR_clear_error();
  return remarks;
}

}  // namespace

void add_second_opinion(const Chain& chain, const Setting& setting, Report& report) {
  std::map<std::size_t, std::vector<std::string>> strict;  // by member: one finding for all that strict clients mind
  for (std::size_t i = 0; i < chain.members.size() - (chain.rooted ? 1 : 0); ++i) {
    if (auto remarks = strict_remarks(chain.members[i].certificate); !remarks.empty()) strict[i] = std::move(remarks);
  }
  for (const Remark& remark : ask_openssl(chain, setting)) {
    const auto* found = std::find_if(translations.begin(), translations.end(),
                                     [&](const Translation& translation) { return translation.error == remark.error; });
    const std::string code = found == translations.end() ? "refused-by-openssl" : std::string(found->code);
    if (code.empty() || remark.error == X509_V_OK) continue;
    const std::size_t index = std::min(static_cast<std::size_t>(std::max(remark.depth, 0)), chain.members.size() - 1);
    const Member& member = chain.members[index];
    const bool covered =
        found != translations.end() &&
        std::any_of(found->covered_by.begin(), found->covered_by.end(), [&](std::string_view other) {
          return !other.empty() && std::any_of(report.findings.begin(), report.findings.end(),
                                               [&](const Finding& finding) { return finding.code == other; });
        });
    if (covered) continue;
    const std::string text = X509_verify_cert_error_string(remark.error);
    if (code == "strict-profile") {
      std::vector<std::string>& remarks = strict[index];
      if (std::find(remarks.begin(), remarks.end(), text) == remarks.end()) remarks.push_back(text);
      continue;
    }
    if (code == "refused-by-openssl" && report.has(code)) continue;
    report.add(code, member.label(), "OpenSSL refuses " + short_name(member.certificate) + ": " + text,
               "ask the CA to issue it again in the form of RFC 5280");
  }
  for (const auto& [index, remarks] : strict) {
    const Member& member = chain.members[index];
    report.add(
        "strict-profile", member.label(),
        short_name(member.certificate) + " is not in the strict form of RFC 5280 (" + joined(remarks) +
            "); strict clients such as Python 3.13 and later refuse it",
        "nothing to do where no such client connects; when it is issued again, give CAs critical basicConstraints, "
        "keyUsage and subjectKeyIdentifier, and all but roots an authorityKeyIdentifier");
  }
}

}  // namespace chancery::preflight
