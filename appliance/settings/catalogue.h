// Every setting of a process: what it is for, what it is where nothing is said, and what a file says of it.
//
//   for (const SettingFact& fact : settings_of("portal")) …
//   for (const SettingValue& each : read_settings("settings/portal.toml", bytes, "portal", environment)) …
//   check_settings("portal", "settings/portal.toml", bytes);    // as the program itself would read them
//
// read_settings judges no values beyond their kind: what cannot be read as it should be is told as a problem of its own.
// No secret is told: settings name files that hold secrets, and of the two values in which a person could have put one (an
// address with a token in its path, or with a password) only the harmless part is shown. Thread safety: constants, values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/settings/setting_file.h"

namespace chancery {

enum class SettingKind { text, flag, number, list, numbers, choice };
[[nodiscard]] const char* to_text(SettingKind kind);

struct SettingFact {
  std::string_view program;
  std::string_view key;  // as it stands in the program's own file
  SettingKind kind = SettingKind::text;
  std::string_view fallback;  // as a person would write it; "": nothing
  std::string_view meaning;
  std::string_view example = "";
  std::string_view choices = "";    // "starttls|tls"
  std::string_view reference = "";  // what the reference appliance calls it
  std::string_view owner = "";      // the command that alone changes it
};

struct SettingValue {
  const SettingFact* fact = nullptr;
  std::string text;   // what counts, or "" where nothing does; without secrets
  std::string where;  // "settings/portal.toml:3", a variable's name, or "": the fallback
  std::string problem;
};

// Of "portal", "engine", "console", "authority", "manager"; empty for any other word.
[[nodiscard]] std::vector<SettingFact> settings_of(std::string_view program);
[[nodiscard]] const SettingFact* find_setting(std::string_view program, std::string_view key);  // nullptr
[[nodiscard]] SettingFile::Keys keys_of(const SettingFact& fact);
// False: it counts as soon as a change of it is done, in the program that runs.
[[nodiscard]] bool needs_restart(const SettingFact& fact);

// Failure("bad-setting") where the file is no TOML.
[[nodiscard]] std::vector<SettingValue> read_settings(const std::string& file_name, ByteView toml,
                                                      std::string_view program, const Environment& environment = {});
// Failure("bad-setting") with line and hint, exactly as the program would refuse to start with it.
void check_settings(std::string_view program, const std::string& file_name, ByteView toml);

}  // namespace chancery
