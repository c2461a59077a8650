#include "appliance/preflight/finding.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "keystore/fault.h"

namespace chancery::preflight {
namespace {

TEST(Finding, EveryCodeOfTheContractIsDeclared) {
  const std::vector<std::string> codes = all_codes();
  const std::set<std::string> declared(codes.begin(), codes.end());
  EXPECT_EQ(declared.size(), codes.size()) << "a code is declared twice";
  for (const char* code :
       {"key-mismatch", "key-encrypted", "key-weak", "signature-weak", "not-pem", "empty-input", "not-a-certificate",
        "too-large", "expired", "not-yet-valid", "expires-soon", "name-mismatch", "no-san", "missing-intermediate",
        "wrong-order", "root-included", "duplicate-certificate", "unrelated-certificate", "not-a-ca", "path-length",
        "name-constraint", "eku-mismatch", "self-signed", "untrusted-root", "crlf-line-endings",
        "missing-final-newline", "converted-from-der", "converted-from-pkcs12", "revoked", "retired-anchor",
        "not-federated", "pinned-collectors", "key-permissions", "foreign-changed", "drift",
        // notes of the PEM doctor
        "converted-from-pkcs7", "byte-order-mark", "text-around-blocks", "trusted-certificate-block",
        "legacy-encryption", "damaged-block", "unused-block"}) {
    EXPECT_TRUE(declared.contains(code)) << code;
  }
}

// An undeclared code would be an error that nobody may accept, and would be missing where the codes are listed.
TEST(Finding, EveryCodeThatIsReportedIsDeclared) {
  const std::vector<std::string> codes = all_codes();
  const std::set<std::string> declared(codes.begin(), codes.end());
  const std::regex reported(R"re(report_?\.add\(\s*"([a-z0-9-]+)")re");
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(CHANCERY_SOURCE_DIR "/appliance")) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    for (std::sregex_iterator found(text.begin(), text.end(), reported), end; found != end; ++found) {
      seen.insert((*found)[1]);
      EXPECT_TRUE(declared.contains((*found)[1])) << entry.path() << " reports " << (*found)[1];
    }
  }
  EXPECT_GT(seen.size(), 20U) << "the sources report findings in another way now";
}

TEST(Finding, UnknownCodesAreErrorsThatNobodyMayAccept) {
  EXPECT_EQ(severity_of("no-such-code"), Severity::error);
  EXPECT_FALSE(is_acceptable("no-such-code"));
}

TEST(Finding, AcceptingTurnsErrorsIntoWarnings) {
  Report report;
  report.add("untrusted-root", "a.pem", "nobody knows it", "give it");
  report.add("root-included", "a.pem", "left out", "nothing to do");
  EXPECT_EQ(report.verdict(), Verdict::refuse);
  report.accept({"untrusted-root"});
  EXPECT_EQ(report.verdict(), Verdict::warn);
  EXPECT_EQ(report.findings.front().message, "nobody knows it (accepted)");
}

TEST(Finding, WhatMakesItUnusableCannotBeAccepted) {
  for (const char* code :
       {"key-mismatch", "not-a-certificate", "key-encrypted", "revoked", "retired-anchor", "nonsense"}) {
    Report report;
    report.add("key-mismatch", "a.pem", "does not match", "give another");
    try {
      report.accept({code});
      ADD_FAILURE() << code << " was accepted";
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "cannot-accept");
      EXPECT_NE(failure.hint().find("untrusted-root"), std::string::npos);
    }
    EXPECT_EQ(report.verdict(), Verdict::refuse) << "the refusal must stand";
  }
}

TEST(Finding, MilderNeverRaises) {
  Report report;
  report.add_milder(Severity::error, "root-included", "", "m", "h");
  EXPECT_EQ(report.findings.front().severity, Severity::info);
  EXPECT_EQ(report.verdict(), Verdict::accept);
}

TEST(Finding, JsonHasTheShapeOfTheContract) {
  Report report;
  report.add("expired", "a.pem", "m", "h");
  const nlohmann::json json = to_json(report);
  EXPECT_EQ(json.at("verdict"), "refuse");
  EXPECT_TRUE(json.at("chain").is_array());
  const nlohmann::json finding = {
      {"code", "expired"}, {"severity", "error"}, {"subject", "a.pem"}, {"message", "m"}, {"hint", "h"}};
  EXPECT_EQ(json.at("findings").at(0), finding);
}

}  // namespace
}  // namespace chancery::preflight
