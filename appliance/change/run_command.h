// Runs a program of this machine to its end: no shell, an environment of PATH and LANG only, nothing on stdin, its output
// kept for the message. Internal to appliance/change.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace chancery::change {

struct CommandEnd {
  bool ok = false;
  std::string how;     // "exited with 1 and said: …"; "" where it went well
  std::string output;  // the last lines, safe to print
};

// Stopped, with all it started, when it runs longer than `patience`. Failure only where no pipe can be made.
[[nodiscard]] CommandEnd run_command(const std::vector<std::string>& words, std::chrono::seconds patience);

}  // namespace chancery::change
