// Looking things up in the command table (command.h).
//
//   const Command* command = find_command("cert replace");
//   for (const Command& each : commands_below("cert")) …
//
// Thread safety: reads constants.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "appliance/cli/command.h"

namespace chancery::cli {

// All of them, in the order in which help shows them.
[[nodiscard]] std::vector<const Command*> all_commands();
[[nodiscard]] const Command* find_command(std::string_view path);
// Commands whose path starts with the words of `path` ("cert" -> cert list, cert show, …); "": all.
[[nodiscard]] std::vector<const Command*> commands_below(std::string_view path);
// The words that may follow `path`, without duplicates: "" -> init, status, cert, …; "cert" -> list, show, ….
[[nodiscard]] std::vector<std::string> words_after(std::string_view path);
// The candidate that a person most likely meant; "" when none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// "chancery cert reset [options] IDENTITY"
[[nodiscard]] std::string usage_line(const Command& command);

}  // namespace chancery::cli
