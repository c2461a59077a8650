// Who may see the portal: its administrator, and where a directory is set up, everybody whom that knows (P27).
//
//   SignIn door(program, settings);
//   if (auto refusal = door.refusal(call)) return *refusal;      // 401, 429, or 503 where the directory is away
//
// The administrator never depends on the directory, and the directory never decides about the name "administrator". A
// right answer of the directory is remembered for a minute as an HMAC under a key of this process; a new generation
// (other trust) forgets them all. Wrong ones count as in sign_in/wrong_answers.h. Thread safe.
#pragma once

#include <memory>
#include <optional>

#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "appliance/sign_in/sign_in_log.h"

namespace chancery::portal {

class SignIn {
 public:
  SignIn(serving::Program& program, const PortalSettings& settings, SignInLog* log = nullptr);  // log: borrowed
  ~SignIn();
  std::optional<http::Answer> refusal(const http::Call& call);  // nullopt: come in
  void set(const PortalSettings& settings);                     // another directory, or none: at once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::portal
