// The one command table: what parsing, help, completion, man pages and the hint after a wrong word come from.
//
// Each family of commands (cert.cpp, backup.cpp, …) declares its rows as constants; commands.cpp puts them together.
// Everything is constant-initialised: the table costs nothing at start. Thread safety: constants.
#pragma once

#include <span>
#include <string_view>

namespace chancery::cli {

class Session;

// What a value is, for completion: "file", "folder", "identity", "a|b|c", or "" for anything.
struct Option {
  std::string_view name;   // "--certificate"
  std::string_view value;  // "FILE" as help shows it; "" for a flag
  std::string_view help;
  std::string_view kind = "";
  bool repeated = false;
  bool required = false;
  std::string_view unless = "";  // not required where that one is given
};

struct Positional {
  std::string_view name;  // "IDENTITY"
  std::string_view help;
  std::string_view kind = "";
  bool required = true;
  bool repeated = false;  // the last one only
};

struct Example {
  std::string_view command;
  std::string_view effect;
};

struct Command {
  std::string_view path;     // "cert replace"
  std::string_view doing;    // "replace certificates": what stands after "failed to"
  std::string_view summary;  // one line
  std::string_view description;
  std::span<const Positional> positionals;
  std::span<const Option> options;
  std::span<const Example> examples;
  int (*run)(Session& session);  // the exit code; Failures are thrown
};

// One family's rows.
[[nodiscard]] std::span<const Command> init_commands();
[[nodiscard]] std::span<const Command> status_commands();
[[nodiscard]] std::span<const Command> federation_commands();
[[nodiscard]] std::span<const Command> nifi_commands();
[[nodiscard]] std::span<const Command> rotation_commands();
[[nodiscard]] std::span<const Command> rollout_commands();
[[nodiscard]] std::span<const Command> cert_commands();
[[nodiscard]] std::span<const Command> rehearsal_commands();
[[nodiscard]] std::span<const Command> backup_commands();
[[nodiscard]] std::span<const Command> generation_commands();
[[nodiscard]] std::span<const Command> trust_commands();
[[nodiscard]] std::span<const Command> keystore_commands();
[[nodiscard]] std::span<const Command> keystore_repair_commands();
[[nodiscard]] std::span<const Command> storage_commands();
[[nodiscard]] std::span<const Command> policy_commands();
[[nodiscard]] std::span<const Command> settings_commands();
[[nodiscard]] std::span<const Command> authority_commands();
[[nodiscard]] std::span<const Command> alert_commands();
[[nodiscard]] std::span<const Command> collector_commands();
[[nodiscard]] std::span<const Command> collector_trust_commands();
[[nodiscard]] std::span<const Command> installer_commands();
[[nodiscard]] std::span<const Command> customer_key_commands();
[[nodiscard]] std::span<const Command> rule_commands();
[[nodiscard]] std::span<const Command> audit_commands();
[[nodiscard]] std::span<const Command> network_commands();
[[nodiscard]] std::span<const Command> keytool_commands();
[[nodiscard]] std::span<const Command> help_commands();

// Options that every command takes, before or after its words.
[[nodiscard]] std::span<const Option> global_options();

}  // namespace chancery::cli
