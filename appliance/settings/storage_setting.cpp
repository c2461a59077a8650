#include "appliance/settings/storage_setting.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "keystore/files/folder.h"

namespace chancery {
namespace {

constexpr std::string_view scheme = "postgresql://";
constexpr const char* example = "write it as \"postgresql://user@host/db?sslmode=verify-full\"";
constexpr std::size_t password_limit = 4096;

// "%40" -> "@"; nullopt for what is no URI text.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte <= 0x20 || byte >= 0x7f) return std::nullopt;
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    const char* const start = text.data() + at + 1;
    if (at + 2 >= text.size() || std::from_chars(start, start + 2, value, 16).ptr != start + 2) return std::nullopt;
    if (value < 0x20 || value == 0x7f) return std::nullopt;
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

std::string encoded(const std::string& text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    out += {'%', digits[byte / 16], digits[byte % 16]};
  }
  return out;
}

struct Problem {
  std::string cause;
  std::string hint;
};

std::optional<Problem> parse_query(std::string_view query) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (part == "sslmode=verify-full") continue;
    if (part.starts_with("sslmode=")) {
      return Problem{"the database's certificate is always verified: " + std::string(part) + " cannot be",
                     "say sslmode=verify-full, and let the engine trust the CA: chancery trust append CA.pem"};
    }
    return Problem{"this part of the address is not known: " + std::string(part),
                   "only sslmode=verify-full may stand there"};
  }
  return std::nullopt;
}

std::optional<Problem> parse_host(std::string_view text, StorageSetting& setting) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Problem{"the address in brackets does not end", example};
    port = text.substr(end + 1);
    setting.host = text.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return Problem{"something follows the address in brackets", example};
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    setting.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (setting.host.empty()) return Problem{"the address names no host", example};
  // libpq takes lists and folders of sockets in this place; neither is a name that a certificate could bear.
  const bool is_one_name = std::all_of(setting.host.begin(), setting.host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' || c == ':';
  });
  if (!is_one_name) return Problem{"the host is not one name or address", example};
  if (port.empty()) return std::nullopt;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), setting.port);
  if (error != std::errc() || end != port.data() + port.size() || setting.port < 1 || setting.port > 65535) {
    return Problem{"the port must be a number from 1 to 65535", example};
  }
  return std::nullopt;
}

std::optional<Problem> parse_postgresql(std::string_view text, StorageSetting& setting) {
  setting.kind = StorageSetting::Kind::postgresql;
  text.remove_prefix(scheme.size());
  const std::size_t question = std::min(text.find('?'), text.size());
  if (question < text.size()) {
    if (auto problem = parse_query(text.substr(question + 1))) return problem;
  }
  text = text.substr(0, question);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Problem{"the address names no database", example};
  const auto database = decoded(text.substr(slash + 1));
  text = text.substr(0, slash);
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return Problem{"the address names no user", example};
  if (text.substr(0, at).find(':') != std::string_view::npos) {
    return Problem{"a password stands in the address, where every reader of the settings sees it",
                   "write it into a file of its own, mode 0600, and name that in storage-password-file"};
  }
  const auto user = decoded(text.substr(0, at));
  if (!user || user->empty() || !database || database->empty())
    return Problem{"user or database is no plain text", example};
  setting.user = *user;
  setting.database = *database;
  return parse_host(text.substr(at + 1), setting);
}

}  // namespace

std::string to_text(const StorageSetting& setting) {
  if (setting.kind == StorageSetting::Kind::sqlite) return "sqlite";
  const std::string host = setting.host.find(':') == std::string::npos ? setting.host : "[" + setting.host + "]";
  return std::string(scheme) + encoded(setting.user) + "@" + host + ":" + std::to_string(setting.port) + "/" +
         encoded(setting.database);
}

StorageSetting parse_storage(const std::string& text) {
  StorageSetting setting;
  if (text == "sqlite") return setting;
  const auto problem = text.starts_with(scheme)
                           ? parse_postgresql(text, setting)
                           : std::optional(Problem{"storage cannot be " + text.substr(0, text.find(':')),
                                                   "it may be sqlite or postgresql://user@host/db"});
  if (!problem) return setting;
  throw Failure({.code = "bad-storage", .subject = "storage", .cause = problem->cause, .hint = problem->hint});
}

StorageSetting read_storage_setting(SettingFile& file, const SettingFile::Keys& storage,
                                    const SettingFile::Keys& password_file) {
  StorageSetting setting;
  const std::string text = file.text(storage).value_or("sqlite");
  setting.password_file = file.text(password_file).value_or("");
  if (!setting.password_file.empty() && !setting.password_file.starts_with('/')) {
    throw file.wrong_value(password_file, "the file of the password must be named in full", "begin its path with /");
  }
  if (text == "sqlite") return setting;
  if (!text.starts_with(scheme)) {
    // Only what stands before "://": behind it there may be a password.
    throw file.wrong_value(storage, "storage cannot be " + text.substr(0, text.find(':')),
                           "it may be \"sqlite\" or \"postgresql://user@host/db?sslmode=verify-full\"");
  }
  if (const auto problem = parse_postgresql(text, setting)) {
    throw file.wrong_value(storage, problem->cause, problem->hint);
  }
  return setting;
}

SecretBytes read_password_file(const std::string& path, const SecretReader& reader) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw system_failure(errno, "look at", path);
  const bool is_ours = status.st_uid == reader.user || status.st_uid == 0;
  // root:chancery-engine 0640 is how the appliance's own keys stand; a group of one's own is as good as oneself.
  const bool group_is_ours = status.st_uid == 0 && reader.user != 0 && status.st_gid == reader.group;
  const mode_t forbidden = group_is_ours ? 037 : 077;
  if (!is_ours || (status.st_mode & forbidden) != 0) {
    throw Failure({.code = "key-permissions",
                   .subject = path,
                   .cause = "others than this program can read or write this password",
                   .hint = "chown it to the program's user, then: chmod 600 " + path});
  }
  SecretBytes password = read_secret_file(path, password_limit);
  const auto end =
      std::find_if(password.begin(), password.end(), [](std::uint8_t c) { return c == '\n' || c == '\r'; });
  password.erase(end, password.end());
  return password;
}

}  // namespace chancery
