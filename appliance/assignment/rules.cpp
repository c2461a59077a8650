#include "appliance/assignment/rules.h"

#include <algorithm>
#include <tuple>

namespace chancery::assignment {
namespace {

constexpr std::string_view ending = ".toml";

std::string first_reached(const Rule& rule, const std::vector<KnownEngine>& engines) {
  for (const std::string& name : rule.engines) {
    const auto is_it = [&name](const KnownEngine& each) { return each.name == name && each.is_reached; };
    if (std::ranges::any_of(engines, is_it)) return name;
  }
  return "";
}

}  // namespace

void sort_rules(std::vector<Rule>& rules) {
  std::ranges::sort(rules, [](const Rule& left, const Rule& right) {
    return std::tie(left.order, left.name) < std::tie(right.order, right.name);
  });
}

std::vector<Rule> rules_of(const backup::Generation& generation) {
  const std::string folder = rules_folder;
  std::vector<Rule> rules;
  for (const std::string& path : generation.files(folder)) {
    if (!path.ends_with(ending)) continue;
    const std::string name = path.substr(folder.size(), path.size() - folder.size() - ending.size());
    rules.push_back(parse_rule(name, generation.read(path)));
  }
  sort_rules(rules);
  return rules;
}

Choice choose(const std::vector<Rule>& rules, const Applicant& applicant, const std::vector<KnownEngine>& engines) {
  for (const Rule& rule : rules) {
    if (!matches(rule, applicant)) continue;
    std::string engine = first_reached(rule, engines);
    if (!engine.empty()) return {.engine = std::move(engine), .rule = rule.name, .problem = {}};
    if (rule.fall_through) continue;
    return {.engine = {}, .rule = rule.name, .problem = "none of the rule's engines is reached now"};
  }
  for (const KnownEngine& each : engines) {
    if (each.is_reached) return {.engine = each.name, .rule = {}, .problem = {}};
  }
  return {.engine = {}, .rule = {}, .problem = "no engine is reached now"};
}

}  // namespace chancery::assignment
