#include "tests/preflight/bench.h"

#include <algorithm>

namespace chancery::preflight::test {

std::unique_ptr<Lab> PreflightTest::lab;

void PreflightTest::SetUpTestSuite() {
  lab = std::make_unique<Lab>();
  lab->root("root");
  lab->issue({.name = "int1", .issuer = "root", .extensions = Lab::ca(), .days = 1800});
  lab->issue({.name = "int2", .issuer = "int1", .extensions = Lab::ca("pathlen:0"), .days = 1800});
  lab->issue({.name = "leaf", .issuer = "int2", .extensions = Lab::server("DNS:portal.example.com,DNS:portal")});
}

void PreflightTest::TearDownTestSuite() { lab.reset(); }

Ask PreflightTest::plain() {
  Ask ask(*lab);
  ask.certificate("leaf").with_key("leaf").intermediate("int2").intermediate("int1").trust("root");
  return ask;
}

Ask PreflightTest::leaf_with(const Recipe& recipe) {
  Recipe full = recipe;
  if (full.issuer.empty()) full.issuer = "int2";
  lab->issue(full);
  Ask ask(*lab);
  ask.certificate(full.name).with_key(full.name).intermediate("int2").intermediate("int1").trust("root");
  return ask;
}

Ask& Ask::certificate(const std::string& name) {
  question.certificate.push_back(file(name + ".crt", lab_.certificate(name)));
  return *this;
}

Ask& Ask::with_key(const std::string& name) {
  question.key.push_back(file(name + ".key", lab_.key(name)));
  return *this;
}

Ask& Ask::intermediate(const std::string& name) {
  question.intermediate.push_back(file(name + ".crt", lab_.certificate(name)));
  return *this;
}

Ask& Ask::trust(const std::string& name) {
  question.trust.push_back(file(name + ".crt", lab_.certificate(name)));
  return *this;
}

Ask& Ask::name(const std::string& name, RequiredName::Role role) {
  question.names.push_back({role, name});
  return *this;
}

Ask& Ask::after(std::chrono::days days) {
  question.at += days;
  return *this;
}

void expect(const Report& report, const Expected& expected) {
  EXPECT_EQ(codes(report, Severity::error), expected.errors) << everything(report);
  EXPECT_EQ(codes(report, Severity::warning), expected.warnings) << everything(report);
  EXPECT_EQ(codes(report, Severity::info), expected.infos) << everything(report);
  const std::vector<std::string> known = all_codes();
  Severity last = Severity::error;
  for (const Finding& finding : report.findings) {
    EXPECT_FALSE(finding.message.empty()) << finding.code;
    EXPECT_FALSE(finding.hint.empty()) << finding.code;
    EXPECT_NE(std::find(known.begin(), known.end(), finding.code), known.end()) << finding.code << " is not declared";
    EXPECT_LE(finding.severity, last) << "not ordered:\n" << everything(report);
    last = finding.severity;
  }
}

namespace {
const Finding* find(const Report& report, const std::string& code) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& finding) { return finding.code == code; });
  return found == report.findings.end() ? nullptr : &*found;
}
}  // namespace

std::string hint_of(const Report& report, const std::string& code) {
  const Finding* finding = find(report, code);
  return finding == nullptr ? "" : finding->hint;
}

std::string message_of(const Report& report, const std::string& code) {
  const Finding* finding = find(report, code);
  return finding == nullptr ? "" : finding->message;
}

}  // namespace chancery::preflight::test
