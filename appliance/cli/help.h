// What `chancery help`, --help and the man page say; all of it from the command table.
#pragma once

#include <string>
#include <string_view>

namespace chancery::cli {

// "": an overview of all commands; "cert": those of one noun; "cert replace": everything about one command.
[[nodiscard]] std::string help_text(std::string_view words, std::size_t width);
// The man page chancery(1) in troff.
[[nodiscard]] std::string manual();
// A completion script for "bash", "zsh" or "fish".
[[nodiscard]] std::string completion_script(std::string_view shell);

}  // namespace chancery::cli
