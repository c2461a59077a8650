// A command line split as a shell would split it, and nothing else of a shell: blanks separate, 'single' and "double"
// quotes and backslashes quote; no expansion, no pipes, no variables. An open quote is Failure("bad-command").
#pragma once

#include <string>
#include <vector>

namespace chancery::change {

[[nodiscard]] std::vector<std::string> split_command(const std::string& text);

}  // namespace chancery::change
