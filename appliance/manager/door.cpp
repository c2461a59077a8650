#include "appliance/manager/door.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "appliance/manager/program_users.h"

namespace chancery::manager {

void expect_allowed(const control::Caller& caller, const std::string& verb) {
  if (caller.uid == 0 || caller.uid == ::geteuid()) return;
  if (verb == "status" || verb == "cert-list") return;
  // The root's key goes nowhere by the hand of a program that strangers can reach.
  if (verb == "authority-root-export" || verb == "authority-root-remove") {
    throw Failure({.code = "permission-denied",
                   .subject = verb,
                   .cause = user_name(caller.uid) + " may not touch the root's key",
                   .hint = "run the command as root (sudo chancery …)"});
  }
  if (verb == "audit-report") {
    for (const char* program : {"console", "portal", "engine"}) {
      const auto user = program_user(program);
      if (user && user->uid == caller.uid) return;
    }
  }
  // Looked up each time: the user may be made after the manager has started.
  const auto console = program_user("console");
  if (console && console->uid == caller.uid) return;
  // What the engine hands on is judged by its signature.
  const auto engine = program_user("engine");
  if (engine && engine->uid == caller.uid && verb == "member-order") return;
  throw Failure({.code = "permission-denied",
                 .subject = verb,
                 .cause = user_name(caller.uid) + " may only ask for status and cert list",
                 .hint = "run the command as root (sudo chancery …)"});
}

std::string describe(const control::Caller& caller) {
  return user_name(caller.uid) + " (uid " + std::to_string(caller.uid) + ")";
}

std::string verb_of(const control::Message& request) {
  const nlohmann::json document = nlohmann::json::parse(request.json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return "";
  const auto verb = document.find("verb");
  return verb != document.end() && verb->is_string() ? verb->get<std::string>() : "";
}

}  // namespace chancery::manager
