// CLI tests as readable files:
//
//   # a comment
//   > openssl genpkey -algorithm ed25519 -out key.pem        a set-up line: run by sh, has to succeed
//   $ chancery cert check --certificate leaf.pem             a command; what follows is its output
//   REFUSED: * error*                                        stdout, line by line; * stands for anything
//   ...                                                      any number of lines
//   ! hint: *                                                stderr, the same way
//   [1]                                                      the exit code; 0 where nothing is said
//
// Output that is not mentioned is a failure. Besides what a script says, the runner checks of every command that
// - its stdout fits 80 columns and holds no control characters, where it is no JSON, PEM or script of a shell;
// - with --json its stdout is exactly one JSON document;
// - after a failure the generation in force is the one before, byte by byte;
// - after --dry-run every file of every appliance in the workplace is, databases included.
#pragma once

#include <string>
#include <vector>

namespace chancery::test {

struct ScriptStep {
  int line = 0;
  bool is_set_up = false;
  std::string command;
  std::vector<std::string> out;
  std::vector<std::string> error;
  int exit = 0;
};

[[nodiscard]] std::vector<ScriptStep> read_script(const std::string& path);

// "" when the lines match; else what is wrong.
[[nodiscard]] std::string compare(const std::vector<std::string>& expected, const std::string& actual);

}  // namespace chancery::test
