// What the tests of this folder share: one laboratory with a plain PKI (root, two intermediates, leaf), and questions
// asked in few words.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tests/preflight/lab.h"

namespace chancery::preflight::test {

// Empty strings mean: none of that severity.
struct Expected {
  std::string errors = {};
  std::string warnings = {};
  std::string infos = {};
};

void expect(const Report& report, const Expected& expected);
std::string hint_of(const Report& report, const std::string& code);
std::string message_of(const Report& report, const std::string& code);

// A question about certificates of a lab, by name.
class Ask {
 public:
  explicit Ask(const Lab& lab) : lab_(lab) { question.at = system_now() + std::chrono::hours(1); }

  Ask& certificate(const std::string& name);  // its certificate file
  Ask& with_key(const std::string& name);
  Ask& intermediate(const std::string& name);
  Ask& trust(const std::string& name);
  Ask& name(const std::string& name, RequiredName::Role role = RequiredName::Role::external);
  Ask& after(std::chrono::days days);
  Answer answer() const { return check(question, knowledge); }

  Question question;
  Knowledge knowledge;

 private:
  const Lab& lab_;
};

class PreflightTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  // leaf, leaf.key, int2, int1 and root, as one would give them for replace.
  static Ask plain();
  // A leaf of its own under int2.
  static Ask leaf_with(const Recipe& recipe);

  static std::unique_ptr<Lab> lab;
};

}  // namespace chancery::preflight::test
