// Assignment rules (P26): which engine a collector that asks the portal belongs to; files of the generation, changed through
// the one transaction, previewed with the collectors that the portal knows.
#include "appliance/assignment/rules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/control/message.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using assignment::Rule;
using nlohmann::json;

constexpr std::size_t name_limit = 64;
constexpr std::size_t most_rules = 256;
constexpr std::chrono::seconds patience{30};

void expect_primary(const Bench& bench) {
  if (bench.appliance.role != Role::secondary) return;
  throw Failure({.code = "not-a-primary",
                 .subject = bench.appliance.name,
                 .cause = "collectors ask the portal, and this appliance has none",
                 .hint = "run this on the primary of the federation"});
}

std::string rule_name(const Call& call) {
  std::string name = call.text("name");
  const bool is_plain = !name.empty() && name.size() <= name_limit && name.front() != '-' &&
                        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (is_plain) return name;
  throw Failure({.code = "bad-name",
                 .subject = name.substr(0, name_limit),
                 .cause = "this cannot be the name of a rule",
                 .hint = "use up to 64 lower-case letters, digits and dashes, beginning with a letter or digit"});
}

std::string path_of(const std::string& name) { return assignment::rules_folder + name + ".toml"; }

std::vector<std::string> words_in(const std::string& key, const json& value) {
  if (value.is_array()) {
    std::vector<std::string> words;
    for (const json& each : value) {
      if (!each.is_string()) throw bad_argument(key, "is not a list of texts", "give one text or a list of them");
      words.push_back(each.get<std::string>());
    }
    return words;
  }
  if (!value.is_string()) throw bad_argument(key, "is not a text", "give KEY=VALUE");
  const auto text = value.get<std::string>();
  std::vector<std::string> words;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

int order_in(const json& value) {
  if (value.is_number_integer()) return value.get<int>();
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const bool is_number = !text.empty() && text.size() < 7 && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) throw bad_argument("order", "is not a number from 0 to 999999", "give for instance order=10");
  return std::stoi(text);
}

bool flag_in(const std::string& key, const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value == "true" || value == "false") return value == "true";
  throw bad_argument(key, "is neither true nor false", "give " + key + "=true");
}

// Laid over what stands there; a condition that is set to nothing goes.
void lay(Rule& rule, const json& settings) {
  for (const auto& [key, value] : settings.items()) {
    if (key == "order") {
      rule.order = order_in(value);
    } else if (key == "fall-through") {
      rule.fall_through = flag_in(key, value);
    } else if (key == "host") {
      rule.hosts = words_in(key, value);
    } else if (key == "address") {
      rule.addresses = words_in(key, value);
    } else if (key == "system") {
      rule.systems = words_in(key, value);
    } else if (key == "tag") {
      rule.tags = words_in(key, value);
    } else if (key == "engines") {
      rule.engines = words_in(key, value);
    } else {
      throw bad_argument(key.substr(0, name_limit), "is no setting of a rule",
                         "a rule has order, host, address, system, tag, engines and fall-through");
    }
  }
}

// The rule as it would be, judged by the reader of its file.
Rule candidate(const std::vector<Rule>& present, const std::string& name, const json& settings) {
  Rule rule;
  const auto found = std::ranges::find(present, name, &Rule::name);
  if (found != present.end()) rule = *found;
  rule.name = name;
  lay(rule, settings);
  return assignment::parse_rule(name, view_of(assignment::to_toml(rule)));
}

json json_of(const Rule& rule) {
  return {
      {"name", rule.name},      {"order", rule.order}, {"host", rule.hosts},      {"address", rule.addresses},
      {"system", rule.systems}, {"tag", rule.tags},    {"engines", rule.engines}, {"fall-through", rule.fall_through}};
}

Failure unknown_rule(const std::string& name) {
  return Failure({.code = "unknown-rule",
                  .subject = name,
                  .cause = "there is no rule of this name",
                  .hint = "chancery rule list shows them"});
}

const json& settings_of(const Call& call) {
  const json* settings = call.object("settings");
  if (settings != nullptr && !settings->empty()) return *settings;
  throw bad_argument("settings", "is missing", "say what shall be set, as KEY=VALUE");
}

change::Plan plan_of(Bench& bench, const std::string& name, const std::optional<Rule>& rule) {
  return change::plan_policy(bench.current(), bench.appliance, path_of(name),
                             rule ? std::optional(assignment::to_toml(*rule)) : std::nullopt);
}

json ask_portal(const Bench& bench) {
  try {
    const control::Message reply =
        control::ask(bench.state.path() + "/run/portal/control.sock",
                     {.json = R"({"verb":"assignment-known"})", .attachments = {}}, patience);
    return json::parse(reply.json);
  } catch (const Failure& failure) {
    if (failure.code() != "not-running") throw;
    throw Failure({.code = failure.code(),
                   .subject = "chancery-portal",
                   .cause = "no portal answers here, and only it knows who has asked it",
                   .hint = "start it (systemctl start chancery-portal), then repeat the command"});
  }
}

assignment::Applicant applicant_in(const json& entry) {
  return {.host = entry.value("host", ""),
          .system = entry.value("system", ""),
          .addresses = entry.value("addresses", std::vector<std::string>{}),
          .tags = entry.value("tags", std::vector<std::string>{})};
}

json choice_json(const assignment::Choice& choice) {
  return {{"engine", choice.engine}, {"rule", choice.rule}, {"problem", choice.problem}};
}

// With the change that is only thought of, if there is one.
std::vector<Rule> thought_of(const std::vector<Rule>& present, const Call& call) {
  std::vector<Rule> rules = present;
  const std::string name = call.text_or("name", "");
  if (name.empty()) return rules;
  static_cast<void>(rule_name(call));
  const json* settings = call.object("settings");
  if (call.flag("delete")) {
    if (std::erase_if(rules, [&](const Rule& each) { return each.name == name; }) == 0) throw unknown_rule(name);
  } else if (settings != nullptr && !settings->empty()) {
    Rule changed = candidate(present, name, *settings);
    std::erase_if(rules, [&](const Rule& each) { return each.name == name; });
    rules.push_back(std::move(changed));
  }
  assignment::sort_rules(rules);
  return rules;
}

}  // namespace

json rule_list(Bench& bench, Call&) {
  expect_primary(bench);
  json all = json::array();
  for (const Rule& rule : assignment::rules_of(bench.current())) all.push_back(json_of(rule));
  return {{"rules", std::move(all)}};
}

json rule_show(Bench& bench, Call& call) {
  expect_primary(bench);
  const std::string name = rule_name(call);
  for (const Rule& rule : assignment::rules_of(bench.current())) {
    if (rule.name == name) return json_of(rule);
  }
  throw unknown_rule(name);
}

json rule_set(Bench& bench, Call& call) {
  expect_primary(bench);
  const std::string name = rule_name(call);
  const json& settings = settings_of(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", rule set " + name);
  const std::vector<Rule> present = assignment::rules_of(bench.current());
  const Rule rule = candidate(present, name, settings);
  const bool is_new = std::ranges::find(present, name, &Rule::name) == present.end();
  if (is_new && present.size() >= most_rules) {
    throw bad_argument("name", "would be the 257th rule", "one rule takes several values: host=a-*,b-*");
  }
  json reply = finish(bench, plan_of(bench, name, rule), call);
  if (reply["outcome"] == "done") reply["rule"] = json_of(rule);
  return reply;
}

json rule_delete(Bench& bench, Call& call) {
  expect_primary(bench);
  const std::string name = rule_name(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", rule delete " + name);
  if (!bench.current().has(path_of(name))) throw unknown_rule(name);
  return finish(bench, plan_of(bench, name, std::nullopt), call);
}

json rule_preview(Bench& bench, Call& call) {
  expect_primary(bench);
  const std::vector<Rule> present = assignment::rules_of(bench.current());
  const std::vector<Rule> next = thought_of(present, call);
  const json known = ask_portal(bench);
  std::vector<assignment::KnownEngine> engines;
  for (const json& each : known.at("engines")) {
    engines.push_back({.name = each.value("name", ""), .is_reached = each.value("reached", false)});
  }
  json collectors = json::array();
  std::size_t moves = 0;
  for (const json& each : known.at("collectors")) {
    const assignment::Applicant applicant = applicant_in(each);
    const assignment::Choice now = assignment::choose(present, applicant, engines);
    const assignment::Choice then = assignment::choose(next, applicant, engines);
    const bool is_moved = now.engine != then.engine;
    moves += is_moved ? 1U : 0U;
    json entry = each;
    entry["now"] = choice_json(now);
    entry["then"] = choice_json(then);
    entry["changes"] = is_moved;
    collectors.push_back(std::move(entry));
  }
  json rules = json::array();
  for (const Rule& rule : next) rules.push_back(json_of(rule));
  return {{"rules", std::move(rules)},
          {"engines", known.at("engines")},
          {"collectors", std::move(collectors)},
          {"changes", moves}};
}

}  // namespace chancery::manager
