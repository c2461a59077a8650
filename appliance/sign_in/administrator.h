// The appliance's administrator at the door of a page or API: HTTP Basic over TLS, or a password that a form brought,
// checked against the argon2id hash in STATE/settings/administrator.hash.
//
//   Administrator door(state_folder);
//   if (auto refusal = door.refusal(call)) return *refusal;      // 401 with a challenge, or 429
//
// One right answer is remembered as an HMAC under a key of this process, so that argon2id runs once and not per request;
// it is forgotten when the file changes. After 10 wrong ones from an address within a minute that address waits. The
// user's name is not secret and must be "administrator". Sign-ins and refusals go to the log, where one is given.
// Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "appliance/http/server.h"
#include "appliance/sign_in/credential.h"
#include "appliance/sign_in/sign_in_log.h"
#include "keystore/files/folder.h"

namespace chancery {

inline constexpr const char* administrator_name = "administrator";

class Administrator {
 public:
  explicit Administrator(const Folder& state, SignInLog* log = nullptr);  // both borrowed
  ~Administrator();
  // nullopt: this is the administrator.
  std::optional<http::Answer> refusal(const http::Call& call);
  // The same of what a form brought. Never remembered: argon2id runs each time. `second` is asked once the password is
  // right; what it says no to counts as a wrong answer and is answered like one.
  std::optional<http::Answer> refusal(const Credential& credential, const std::string& address,
                                      const std::function<bool()>& second = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery
