// Who may ask the manager for what, by the user on the other end of its socket (SO_PEERCRED; docs/state.md, "Manager").
#pragma once

#include <string>

#include "appliance/control/message.h"

namespace chancery::manager {

// root, the manager's own user and chancery-console: everything; chancery-engine: handing on an order of the primary
// (member-order), too; anybody else only status and cert-list.
// Failure("permission-denied") otherwise.
void expect_allowed(const control::Caller& caller, const std::string& verb);

// "alice (uid 1000)"
[[nodiscard]] std::string describe(const control::Caller& caller);

// The verb of a request; "" where there is none (the manager itself then refuses it).
[[nodiscard]] std::string verb_of(const control::Message& request);

}  // namespace chancery::manager
