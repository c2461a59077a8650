#include "appliance/preflight/finding.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "keystore/fault.h"

namespace chancery::preflight {

namespace {

struct Rule {
  std::string_view code;
  Severity severity;
  // Only where somebody may have a reason: clients that do not mind, or a remedy that is already under way. What makes
  // the identity unusable for everybody (no matching key, not a certificate, a broken signature) never is.
  bool acceptable;
};

constexpr bool never = false;
constexpr bool on_request = true;

constexpr auto rules = std::to_array<Rule>({
    // What makes it no identity at all
    {"key-mismatch", Severity::error, never},
    {"key-missing", Severity::error, never},
    {"key-encrypted", Severity::error, never},
    {"certificate-missing", Severity::error, never},
    {"not-pem", Severity::error, never},
    {"empty-input", Severity::error, never},
    {"not-a-certificate", Severity::error, never},
    {"damaged-block", Severity::error, never},
    {"trailing-bytes", Severity::error, never},
    {"too-large", Severity::error, never},
    {"key-in-bundle", Severity::error, never},
    // The leaf
    {"expired", Severity::error, on_request},
    {"not-yet-valid", Severity::error, on_request},
    {"name-mismatch", Severity::error, on_request},
    {"no-san", Severity::error, on_request},
    {"malformed-san", Severity::error, on_request},
    {"v1-certificate", Severity::error, on_request},
    {"ca-as-leaf", Severity::error, on_request},
    {"self-signed", Severity::error, on_request},
    {"eku-mismatch", Severity::error, on_request},
    {"key-usage", Severity::error, on_request},
    {"key-weak", Severity::error, on_request},
    {"signature-weak", Severity::error, on_request},
    {"unknown-critical-extension", Severity::error, on_request},
    {"malformed-certificate", Severity::error, on_request},
    // The chain
    {"missing-intermediate", Severity::error, on_request},
    {"untrusted-root", Severity::error, on_request},
    {"key-id-mismatch", Severity::error, on_request},
    {"not-a-ca", Severity::error, never},
    {"path-length", Severity::error, never},
    {"name-constraint", Severity::error, never},
    {"policy-constraint", Severity::error, on_request},
    {"bad-signature", Severity::error, never},
    {"revoked", Severity::error, never},
    {"retired-anchor", Severity::error, never},
    {"rotation-blocked", Severity::error, never},
    {"refused-by-openssl", Severity::error, on_request},
    // What stands around it
    {"consumer-config", Severity::error, never},
    {"would-break", Severity::error, never},  // as many as --accept-breakage says
    // Worth a look
    {"expires-soon", Severity::warning, on_request},
    {"outlives-issuer", Severity::warning, on_request},
    {"wrong-order", Severity::warning, on_request},
    {"unrelated-certificate", Severity::warning, on_request},
    {"unused-key", Severity::warning, on_request},
    {"eku-missing", Severity::warning, on_request},
    {"unusable-san", Severity::warning, on_request},
    {"odd-serial", Severity::warning, on_request},
    {"v1-root", Severity::warning, on_request},
    {"root-without-key-usage", Severity::warning, on_request},
    {"strict-profile", Severity::warning, on_request},
    {"pinned-certificate", Severity::warning, on_request},
    {"legacy-encryption", Severity::warning, on_request},
    {"key-permissions", Severity::warning, on_request},
    {"not-federated", Severity::warning, on_request},
    {"pinned-collectors", Severity::warning, on_request},
    {"rehearsal-silent", Severity::warning, on_request},
    {"plain-text", Severity::warning, on_request},
    {"no-client-trust", Severity::warning, on_request},
    {"root-left-out", Severity::warning, on_request},
    {"not-probed", Severity::warning, on_request},
    {"foreign-changed", Severity::warning, on_request},
    {"drift", Severity::warning, on_request},
    {"never-goes-back", Severity::warning, on_request},
    // Mended, or just said
    {"intermediate-completed", Severity::info, on_request},
    {"intermediate-anchor", Severity::info, on_request},
    {"cross-certificate", Severity::info, on_request},
    {"root-included", Severity::info, on_request},
    {"duplicate-certificate", Severity::info, on_request},
    {"already-present", Severity::info, on_request},
    {"cn-not-in-san", Severity::info, on_request},
    {"long-validity", Severity::info, on_request},
    {"ed25519-key", Severity::info, on_request},
    {"crlf-line-endings", Severity::info, on_request},
    {"missing-final-newline", Severity::info, on_request},
    {"byte-order-mark", Severity::info, on_request},
    {"text-around-blocks", Severity::info, on_request},
    {"trusted-certificate-block", Severity::info, on_request},
    {"converted-from-der", Severity::info, on_request},
    {"converted-from-pkcs12", Severity::info, on_request},
    {"converted-from-pkcs7", Severity::info, on_request},
    {"unused-block", Severity::info, on_request},
});

const Rule* find_rule(std::string_view code) {
  const auto* found = std::find_if(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.code == code; });
  return found == rules.end() ? nullptr : found;
}

std::string acceptable_errors() {
  std::string list;
  for (const Rule& rule : rules) {
    if (rule.severity != Severity::error || !rule.acceptable) continue;
    list += list.empty() ? "" : ", ";
    list += rule.code;
  }
  return list;
}

}  // namespace

const char* to_text(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::accept:
      return "accept";
    case Verdict::warn:
      return "warn";
    case Verdict::refuse:
      break;
  }
  return "refuse";
}

Severity severity_of(const std::string& code) {
  const Rule* rule = find_rule(code);
  return rule == nullptr ? Severity::error : rule->severity;
}

bool is_acceptable(const std::string& code) {
  const Rule* rule = find_rule(code);
  return rule != nullptr && rule->acceptable;
}

std::vector<std::string> all_codes() {
  std::vector<std::string> codes;
  codes.reserve(rules.size());
  for (const Rule& rule : rules) codes.emplace_back(rule.code);
  return codes;
}

Verdict Report::verdict() const {
  Severity worst = Severity::info;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  if (worst == Severity::error) return Verdict::refuse;
  return worst == Severity::warning ? Verdict::warn : Verdict::accept;
}

bool Report::has(const std::string& code) const {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.code == code; });
}

void Report::add(const std::string& code, std::string subject, std::string message, std::string hint) {
  findings.push_back({code, severity_of(code), std::move(subject), std::move(message), std::move(hint)});
}

void Report::add_milder(Severity severity, const std::string& code, std::string subject, std::string message,
                        std::string hint) {
  findings.push_back(
      {code, std::min(severity, severity_of(code)), std::move(subject), std::move(message), std::move(hint)});
}

void Report::sort() {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& left, const Finding& right) { return left.severity > right.severity; });
}

void Report::accept(const std::set<std::string>& accepted) {
  for (const std::string& code : accepted) {
    if (is_acceptable(code)) continue;
    const bool known = find_rule(code) != nullptr;
    throw Failure({.code = "cannot-accept",
                   .subject = code,
                   .cause = known ? "a finding of this kind makes the result unusable, so it cannot be accepted"
                                  : "there is no preflight code of this name",
                   .hint = known ? "mend what the finding says; these can be accepted: " + acceptable_errors()
                                 : "give one of: " + acceptable_errors()});
  }
  for (Finding& finding : findings) {
    if (finding.severity != Severity::error || !accepted.contains(finding.code)) continue;
    finding.severity = Severity::warning;
    finding.message += " (accepted)";
  }
  sort();
}

}  // namespace chancery::preflight
