// The words of chancery-collector's command line, as values.
//
//   chancery-collector [--state DIR] [--application NAME] [--status | --version]
//   chancery-collector [--state DIR] install-trust FILE | move HOST:PORT [--name N] [--ca FILE] | repair FILE | reset
//                      [--dry-run] [--json]
#pragma once

#include <string>

namespace chancery::collector {

inline constexpr const char* usage =
    "chancery-collector [--state DIR] [--application NAME] [--status] [--version]; or, by a local administrator: "
    "install-trust FILE, move HOST:PORT [--name NAME] [--ca FILE], repair FILE, reset, each with [--dry-run] [--json]";

struct CommandLine {
  std::string state;  // --state, CHANCERY_STATE, /var/lib/chancery-collector
  std::string application;
  bool wants_status = false;
  bool wants_version = false;
  std::string verb;     // "": run
  std::string operand;  // FILE or HOST:PORT
  std::string name;
  std::string ca;
  bool dry_run = false;
  bool json = false;      // errors as JSON on stdout; answers always are
  std::string complaint;  // not empty: wrong usage
};

[[nodiscard]] CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace chancery::collector
