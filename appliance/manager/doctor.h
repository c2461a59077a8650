// The doctor: everything that can be wrong with an appliance, looked at once and graded as monitoring plugins grade.
//
//   Examination examination;
//   examine(examination, state_path, clock);
//   reply = examination.to_json();         // {"status":0..3,"checks":[{"check","status","message","hint"}]}
//
// Never throws for what it finds: what cannot be looked at is a check that is critical and says why. Changes nothing
// and takes no lock. Every check that is not ok has a hint with the way out.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/manager/served.h"

namespace chancery::manager {

enum class Grade { ok, warning, critical };

struct Check {
  std::string check;  // "identity portal"
  Grade grade = Grade::ok;
  std::string message;
  std::string hint;
  std::string replace;  // the identity whose certificate a person has to replace; "" where that is not the way out
};

class Examination {
 public:
  void ok(const std::string& check, const std::string& message);
  void warning(const std::string& check, const std::string& message, const std::string& hint);
  void critical(const std::string& check, const std::string& message, const std::string& hint);
  void add(Check check) { checks_.push_back(std::move(check)); }
  // Runs `look`; whatever it throws is a critical check of that name.
  void attempt(const std::string& check, const std::function<void()>& look);

  const std::vector<Check>& checks() const noexcept { return checks_; }
  bool has_problem(const std::string& check) const;
  [[nodiscard]] nlohmann::json to_json() const;
  std::vector<ServedEndpoint> served;  // what endpoints showed, for who wants to know more of it

 private:
  std::vector<Check> checks_;
};

void examine(Examination& examination, const std::string& state_path, const Clock& clock);

// The parts, each in a source file of its own.
void examine_state(Examination& examination, Bench& bench);        // doctor_state.cpp
void examine_permissions(Examination& examination, Bench& bench);  // doctor_permissions.cpp
void examine_identities(Examination& examination, Bench& bench);   // doctor_identities.cpp
void examine_trust(Examination& examination, Bench& bench);        // doctor_identities.cpp
void examine_stores(Examination& examination, Bench& bench);       // doctor_stores.cpp
void examine_programs(Examination& examination, Bench& bench);     // doctor_programs.cpp
void examine_policy(Examination& examination, Bench& bench);       // doctor_programs.cpp
void examine_register(Examination& examination, Bench& bench);     // doctor_register.cpp
void examine_federation(Examination& examination, Bench& bench);   // doctor_federation.cpp

}  // namespace chancery::manager
