#include "collector/command_line.h"

#include <cstdlib>
#include <map>
#include <string_view>

namespace chancery::collector {

namespace {

bool takes_operand(const std::string& verb) { return verb != "reset"; }

bool is_verb(std::string_view word) {
  return word == "install-trust" || word == "move" || word == "repair" || word == "reset";
}

// What was said must fit together.
std::string complaint_about(const CommandLine& line) {
  if (line.verb.empty()) return line.dry_run || !line.name.empty() || !line.ca.empty() ? "that option is a verb's" : "";
  if (takes_operand(line.verb) && line.operand.empty()) {
    return line.verb + " needs " + (line.verb == "move" ? "HOST:PORT" : "a FILE");
  }
  if (line.verb != "move" && (!line.name.empty() || !line.ca.empty())) return "--name and --ca are for move";
  return "";
}

}  // namespace

CommandLine read_command_line(int argc, const char* const* argv) {
  CommandLine line;
  const char* from_environment = std::getenv("CHANCERY_STATE");
  line.state = from_environment != nullptr ? from_environment : "/var/lib/chancery-collector";
  const std::map<std::string_view, std::string*> values{
      {"--state", &line.state}, {"--application", &line.application}, {"--name", &line.name}, {"--ca", &line.ca}};
  const std::map<std::string_view, bool*> flags{{"--status", &line.wants_status},
                                                {"--version", &line.wants_version},
                                                {"--dry-run", &line.dry_run},
                                                {"--json", &line.json}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (const auto value = values.find(word); value != values.end() && i + 1 < argc) {
      *value->second = argv[++i];
    } else if (const auto flag = flags.find(word); flag != flags.end()) {
      *flag->second = true;
    } else if (line.verb.empty() && is_verb(word)) {
      line.verb = word;
    } else if (!line.verb.empty() && takes_operand(line.verb) && line.operand.empty() && !word.starts_with("--")) {
      line.operand = word;
    } else {
      line.complaint = "unknown option '" + std::string(word) + "'";
      return line;
    }
  }
  line.complaint = complaint_about(line);
  return line;
}

}  // namespace chancery::collector
