#include "appliance/manager/doctor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chancery::manager {
namespace {

using nlohmann::json;

const char* text_of_grade(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return "ok";
    case Grade::warning:
      return "warning";
    case Grade::critical:
      break;
  }
  return "critical";
}

}  // namespace

void Examination::ok(const std::string& check, const std::string& message) {
  add({.check = check, .grade = Grade::ok, .message = message, .hint = {}, .replace = {}});
}

void Examination::warning(const std::string& check, const std::string& message, const std::string& hint) {
  add({.check = check, .grade = Grade::warning, .message = message, .hint = hint, .replace = {}});
}

void Examination::critical(const std::string& check, const std::string& message, const std::string& hint) {
  add({.check = check, .grade = Grade::critical, .message = message, .hint = hint, .replace = {}});
}

void Examination::attempt(const std::string& check, const std::function<void()>& look) {
  try {
    look();
  } catch (const Failure& failure) {
    critical(check, failure.what(), failure.hint());
  } catch (const std::exception& error) {
    critical(check, std::string("cannot be looked at: ") + error.what(),
             "this is a defect worth reporting, with the output of chancery doctor --json");
  }
}

bool Examination::has_problem(const std::string& check) const {
  return std::any_of(checks_.begin(), checks_.end(),
                     [&check](const Check& one) { return one.check == check && one.grade != Grade::ok; });
}

json Examination::to_json() const {
  int status = 0;
  json checks = json::array();
  for (const Check& one : checks_) {
    status = std::max(status, static_cast<int>(one.grade));
    json entry{{"check", one.check}, {"status", text_of_grade(one.grade)}, {"message", one.message}};
    if (!one.hint.empty()) entry["hint"] = one.hint;
    if (!one.replace.empty()) entry["replace"] = one.replace;
    checks.push_back(std::move(entry));
  }
  return {{"status", status}, {"checks", std::move(checks)}};
}

void examine(Examination& examination, const std::string& state_path, const Clock& clock) {
  std::unique_ptr<Bench> bench;
  examination.attempt("settings", [&] {
    bench = std::make_unique<Bench>(state_path, clock);
    examination.ok("settings", bench->appliance.name + " is a " + to_text(bench->appliance.role));
  });
  if (!bench) return;
  examine_state(examination, *bench);
  examine_permissions(examination, *bench);
  // Without a generation there is nothing more to look at.
  if (examination.has_problem("generation") && !bench->generations.has_current()) return;
  examine_identities(examination, *bench);
  examine_trust(examination, *bench);
  examine_stores(examination, *bench);
  examine_programs(examination, *bench);
  examine_policy(examination, *bench);
  examine_register(examination, *bench);
  examine_federation(examination, *bench);
}

}  // namespace chancery::manager
