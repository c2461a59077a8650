// All rules of a generation, in the order in which they are asked, and what comes of them.
//
//   const std::vector<Rule> rules = rules_of(generation);
//   const Choice choice = choose(rules, applicant, engines);
//
// Where no rule fits, the first engine by name that is reached is taken, as without any rules. A choice without an engine
// says why. Thread safety: values and pure functions.
#pragma once

#include "appliance/assignment/rule.h"
#include "backup/generations/generation.h"

namespace chancery::assignment {

inline constexpr const char* rules_folder = "rules/";

// Failure("bad-setting") for a file that does not parse.
[[nodiscard]] std::vector<Rule> rules_of(const backup::Generation& generation);
void sort_rules(std::vector<Rule>& rules);

struct KnownEngine {
  std::string name;
  bool is_reached = false;
};

struct Choice {
  std::string engine;  // "" where there is none now
  std::string rule;    // "" where no rule decided
  std::string problem;
};
[[nodiscard]] Choice choose(const std::vector<Rule>& rules, const Applicant& applicant,
                            const std::vector<KnownEngine>& engines);

}  // namespace chancery::assignment
