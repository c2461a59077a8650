#include <nlohmann/json.hpp>

#include "appliance/preflight/finding.h"

namespace chancery::preflight {

nlohmann::json to_json(const Certificate& certificate) {
  nlohmann::json names = nlohmann::json::array();
  for (const AlternativeName& name : certificate.names()) names.push_back(name.value);
  return {{"subject", certificate.subject()},
          {"issuer", certificate.issuer()},
          {"serial", certificate.serial()},
          {"sans", std::move(names)},
          {"not_before", to_rfc3339(certificate.not_before())},
          {"not_after", to_rfc3339(certificate.not_after())},
          {"sha256", certificate.fingerprint()},
          {"key", {{"type", certificate.key().type}, {"bits", certificate.key().bits}}},
          {"ca", certificate.is_ca()},
          {"self_issued", certificate.is_self_issued()}};
}

nlohmann::json to_json(const Finding& finding) {
  return {{"code", finding.code},
          {"severity", to_text(finding.severity)},
          {"subject", finding.subject},
          {"message", finding.message},
          {"hint", finding.hint}};
}

nlohmann::json to_json(const Report& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  nlohmann::json chain = nlohmann::json::array();
  for (const Certificate& certificate : report.chain) chain.push_back(to_json(certificate));
  return {{"verdict", to_text(report.verdict())}, {"findings", std::move(findings)}, {"chain", std::move(chain)}};
}

}  // namespace chancery::preflight
