// From argv to a command of the table and its options. CLI11 reads the options of the one command that was named; the
// words before that are found here, so that global options may stand anywhere.
//
//   Invocation invocation = read_arguments({"--json", "cert", "list"});
//   invocation.command->path == "cert list"
//
// Wrong usage is Failure("usage") whose hint names the nearest right word. Thread safety: none needed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "appliance/cli/command.h"
#include "keystore/fault.h"

namespace chancery::cli {

class Arguments {
 public:
  bool has(std::string_view name) const;
  // The last value given, or `otherwise`.
  std::string value(std::string_view name, std::string otherwise = {}) const;
  std::vector<std::string> values(std::string_view name) const;
  // A whole number within limits; Failure("usage") otherwise.
  long number(std::string_view name, long otherwise, long least, long most) const;

  void put(std::string_view name, std::vector<std::string> values);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;  // options by "--name", positionals by "NAME"
};

struct Invocation {
  const Command* command = nullptr;  // nullptr: only words of a noun, or nothing at all, with --help
  std::string words;                 // "cert" of `chancery cert --help`
  Arguments arguments;
  bool help = false;
};

[[nodiscard]] Invocation read_arguments(const std::vector<std::string>& arguments);
// What was typed cannot be meant: Failure("usage"), exit 2.
[[nodiscard]] Failure usage(std::string cause, std::string hint);
// --output - where --json has stdout already.
[[nodiscard]] Failure stdout_is_taken();

struct KeyValue {
  std::string key;
  std::string value;  // what stands behind the first "="; may be empty
};
// Of KEY=VALUE; Failure("usage") with the command's own example as hint.
[[nodiscard]] KeyValue key_value(const std::string& word, std::string hint);

// "10m", "24h", "90s", "7d" or seconds; Failure("usage").
[[nodiscard]] long seconds_from(const std::string& text, std::string_view option);

// Did whoever typed this want JSON, or is this doctor (whose wrong usage is "unknown", 3)? For errors in the usage
// itself, when nothing else is known.
[[nodiscard]] bool mentions(const std::vector<std::string>& arguments, std::string_view word);

}  // namespace chancery::cli
