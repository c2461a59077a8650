// Settings of the appliance's processes: shown with where each comes from, and changed one file at a time through the same
// transaction as everything else. The file is written as one outside the generation (change/foreign.h): its bytes before
// are in the change's backup set, and a crash leaves the one or the other.
//
// A running program reads its file again when the change is activated, as it takes up a generation; the manager reads its
// own with each change. Which file it goes by, and which settings of it wait for a restart, is told by its status, so that
// nobody takes for in force what is not.
#include <nlohmann/json.hpp>

#include "appliance/change/foreign.h"
#include "appliance/manager/program_question.h"
#include "appliance/manager/verbs.h"
#include "appliance/settings/catalogue.h"
#include "appliance/settings/setting_edit.h"
#include "keystore/openssl/digest.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr std::size_t settings_file_limit = 1024 * 1024;
constexpr std::size_t environment_limit = 4 * 1024 * 1024;

std::vector<std::string> programs_with_settings(const Appliance& appliance) {
  std::vector<std::string> programs;
  for (const std::string& program : programs_of(appliance.role)) {
    if (!settings_of(program).empty()) programs.push_back(program);
  }
  programs.emplace_back("manager");
  return programs;
}

std::string settings_name(const std::string& program) { return "settings/" + program + ".toml"; }

// nullopt: there is none.
std::optional<std::string> settings_text(const Bench& bench, const std::string& program) {
  try {
    const Bytes bytes = read_file(bench.state.path() + "/" + settings_name(program), settings_file_limit);
    return std::string(bytes.begin(), bytes.end());
  } catch (const Failure& failure) {
    if (failure.code() == "not-found") return std::nullopt;
    throw;
  }
}

struct RunningProgram {
  bool runs = false;
  pid_t pid = 0;
  std::optional<std::string> settings_sha256;  // of the file that it goes by; nullopt: it does not say
  std::vector<std::string> waiting = {};       // keys in it that count when it is started again
};

RunningProgram running(const Bench& bench, const std::string& program) {
  if (program == "manager") return {.runs = true, .pid = ::getpid(), .settings_sha256 = {}};
  try {
    const json status = ask_program(bench.state.path(), program, {{"verb", "status"}}, "start it");
    RunningProgram found{.runs = true, .pid = status.value("pid", 0), .settings_sha256 = {}};
    if (status.contains("settings_sha256")) found.settings_sha256 = status["settings_sha256"].get<std::string>();
    found.waiting = status.value("settings_waiting", std::vector<std::string>());
    return found;
  } catch (const Failure&) {
    return {};
  }
}

// The variables that the program itself was started with: proc(5). Where it does not run, or may not be looked at, none.
Environment environment_of(const RunningProgram& program) {
  auto variables = std::make_shared<std::map<std::string, std::string>>();
  try {
    if (program.runs) {
      // Whole environments hold other people's secrets: only ours leaves this memory.
      const SecretBytes all = read_secret_file("/proc/" + std::to_string(program.pid) + "/environ", environment_limit);
      for (std::string_view rest = text_of(view_of(all)); !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::size_t equals = line.find('=');
        if (!line.starts_with("CHANCERY_") || equals == std::string_view::npos) continue;
        variables->emplace(line.substr(0, equals), line.substr(equals + 1));
      }
    }
  } catch (const Failure&) {
    variables->clear();
  }
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables->find(name);
    return found == variables->end() ? std::nullopt : std::optional(found->second);
  };
}

// The authority follows its file by itself. A file that was edited by hand is taken up with the next change.
bool waits_for_restart(const RunningProgram& program, const std::optional<std::string>& text) {
  if (!program.settings_sha256) return false;
  return !program.waiting.empty() || *program.settings_sha256 != (text ? sha256_hex(view_of(*text)) : "");
}

json setting_json(const SettingValue& value) {
  const SettingFact& fact = *value.fact;
  json out{{"program", fact.program}, {"key", fact.key},
           {"value", value.text},     {"default", fact.fallback},
           {"from", value.where},     {"kind", to_text(fact.kind)},
           {"meaning", fact.meaning}, {"applies", needs_restart(fact) ? "after a restart" : "at once"}};
  if (!fact.example.empty()) out["example"] = fact.example;
  if (!fact.choices.empty()) out["choices"] = fact.choices;
  if (!fact.owner.empty()) out["changed_by"] = fact.owner;
  if (!value.problem.empty()) out["problem"] = value.problem;
  return out;
}

// One word per setting, list or scalar, as a person writes it; "" takes it away.
std::string given_text(const std::string& key, const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  if (!value.is_array()) throw bad_argument(key, "is not a value", "give KEY=VALUE");
  std::string text;
  for (const json& each : value) text += (text.empty() ? "" : ",") + given_text(key, each);
  return text;
}

std::string expect_program(const Bench& bench, const Call& call) {
  const std::string program = call.text("program");
  const std::vector<std::string> programs = programs_with_settings(bench.appliance);
  if (std::ranges::find(programs, program) != programs.end()) return program;
  std::string all;
  for (const std::string& each : programs) all += (all.empty() ? "" : ", ") + each;
  throw Failure({.code = "unknown-program",
                 .subject = program.substr(0, 64),
                 .cause = "no program of this appliance has settings under this name",
                 .hint = "it may be: " + all});
}

const SettingFact& expect_setting(const std::string& program, const std::string& key) {
  const std::string prefix = program + ".";
  const SettingFact* fact = find_setting(program, key.starts_with(prefix) ? key.substr(prefix.size()) : key);
  if (fact == nullptr) {
    std::vector<std::string> known;
    for (const SettingFact& each : settings_of(program)) known.emplace_back(each.key);
    const std::string near = nearest(key, known);
    throw Failure({.code = "unknown-setting",
                   .subject = program + "." + key.substr(0, 64),
                   .cause = "there is no such setting",
                   .hint = near.empty() ? "chancery settings show " + program + " has all of them"
                                        : "did you mean " + near + "?"});
  }
  if (fact->owner.empty()) return *fact;
  throw Failure({.code = "bad-setting",
                 .subject = program + "." + key,
                 .cause = "it goes together with what is stored, and is not changed by itself",
                 .hint = "use " + std::string(fact->owner)});
}

std::map<std::string, SettingValue> values_of(const std::string& program, const std::string& text) {
  std::map<std::string, SettingValue> values;
  for (SettingValue& each : read_settings(settings_name(program), view_of(text), program)) {
    values.emplace(std::string(each.fact->key), std::move(each));
  }
  return values;
}

}  // namespace

json settings_show(Bench& bench, Call& call) {
  const std::string wanted = call.text_or("program", "");
  if (!wanted.empty()) static_cast<void>(expect_program(bench, call));
  json settings = json::array();
  json programs = json::array();
  for (const std::string& program : programs_with_settings(bench.appliance)) {
    if (!wanted.empty() && program != wanted) continue;
    const RunningProgram now = running(bench, program);
    const auto text = settings_text(bench, program);
    json about{{"program", program},
               {"file", bench.state.path() + "/" + settings_name(program)},
               {"running", now.runs},
               {"restart", waits_for_restart(now, text)},
               {"waiting", now.waiting}};
    try {
      for (const SettingValue& value :
           read_settings(settings_name(program), view_of(text.value_or("")), program, environment_of(now))) {
        settings.push_back(setting_json(value));
      }
      check_settings(program, settings_name(program), view_of(text.value_or("")));
    } catch (const Failure& failure) {
      about["problem"] = {{"message", failure.what()}, {"hint", failure.hint()}};
    }
    programs.push_back(std::move(about));
  }
  return {{"programs", std::move(programs)}, {"settings", std::move(settings)}};
}

json settings_set(Bench& bench, Call& call) {
  const std::string program = expect_program(bench, call);
  const json* wanted = call.object("settings");
  if (wanted == nullptr || wanted->empty()) {
    throw bad_argument("settings", "is missing", "say what shall be set, as KEY=VALUE");
  }
  const Bench::Writer writer = bench.begin_change(call.who() + ", settings set " + program);
  const auto present = settings_text(bench, program);
  std::string text = present.value_or("");
  std::vector<const SettingFact*> changed;
  for (const auto& [key, value] : wanted->items()) {
    changed.push_back(&expect_setting(program, key));
    text = with_setting(text, *changed.back(), given_text(key, value));
  }
  check_settings(program, settings_name(program), view_of(text));
  change::Plan plan;
  plan.reason = "settings " + program;
  plan.base = bench.current().number();
  const std::string path = bench.state.path() + "/" + settings_name(program);
  if (text != present.value_or("")) {
    plan.foreign.push_back(
        {.path = path, .expected_sha256 = change::foreign_sha256(path), .bytes = secret_copy(view_of(text))});
  }
  json changes = json::array();
  const auto before = values_of(program, present.value_or(""));
  const auto after = values_of(program, text);
  for (const SettingFact* fact : changed) {
    const std::string key(fact->key);
    changes.push_back({{"key", key}, {"before", before.at(key).text}, {"after", after.at(key).text}});
  }
  json reply = finish(bench, std::move(plan), call);
  reply["changes"] = std::move(changes);
  const RunningProgram now = running(bench, program);
  reply["restart"] = waits_for_restart(now, text);
  reply["waiting"] = now.waiting;
  if (reply["restart"] == true && reply["outcome"] == "done") {
    std::string keys;
    for (const std::string& key : now.waiting) keys += (keys.empty() ? "" : ", ") + key;
    reply["warnings"].push_back((keys.empty() ? "chancery-" + program + " goes on with what it was started with"
                                              : keys + " of chancery-" + program + " counts after a restart") +
                                ": systemctl restart chancery-" + program);
  }
  return reply;
}

}  // namespace chancery::manager
