#include "appliance/manager/register_setting.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace chancery::manager {
namespace {

// "storage = …" in any of its spellings, outside a table of another name.
bool is_of_storage(std::string_view line) {
  constexpr std::array keys{"storage", "storage-password-file", "authority.storage", "authority.storage-password-file"};
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  std::string key;
  for (const char c : line.substr(0, equals)) {
    if (c != ' ' && c != '\t' && c != '"' && c != '\'') key += c;
  }
  return std::ranges::find(keys, key) != keys.end();
}

}  // namespace

std::string with_register_setting(const std::string& text, const StorageSetting& setting) {
  std::string out;
  if (setting.kind != StorageSetting::Kind::sqlite) {
    out = "storage = " + toml_quoted(to_text(setting) + "?sslmode=verify-full") + "\n";
    if (!setting.password_file.empty()) out += "storage-password-file = " + toml_quoted(setting.password_file) + "\n";
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!is_of_storage(line)) out += line + "\n";
  }
  // What is written must be read as it was meant; a file that cannot be edited so is left alone.
  SettingFile file = SettingFile::parse(register_settings, view_of(out));
  const StorageSetting read = read_storage_setting(file, {"authority.storage", "storage"},
                                                   {"authority.storage-password-file", "storage-password-file"});
  file.finish();
  if (to_text(read) == to_text(setting) && read.password_file == setting.password_file) return out;
  throw Failure({.code = "bad-setting",
                 .subject = register_settings,
                 .cause = "the setting storage stands there in a way that cannot be changed by a program",
                 .hint = "put `storage` on a line of its own, at the top of the file"});
}

}  // namespace chancery::manager
