// What a change came to: done, planned (--dry-run), unchanged, or refused; for people and as JSON, with the exit code.
//
//   return show_outcome(session, session.ask(std::move(ask)), "the certificates of console and portal are replaced");
//
// Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "appliance/cli/session.h"

namespace chancery::cli {

// `done` is the sentence for people when it was done ("trust of the engine was extended").
[[nodiscard]] int show_outcome(Session& session, const nlohmann::json& reply, const std::string& done);

// A Failure for people or, with --json, as the document {"error":{…}}; the exit code (1, or 3 where a person is needed,
// 2 for wrong usage).
[[nodiscard]] int show_failure(Terminal& terminal, const Failure& failure, std::string_view doing);

}  // namespace chancery::cli
