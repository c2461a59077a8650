#include "appliance/keytool/options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "appliance/keytool/java_ways.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t password_file_limit = 64 * 1024;

using Password = std::optional<SecretBytes> Options::*;
using Text = std::optional<std::string> Options::*;
using Flag = bool Options::*;

const std::map<std::string, Password, std::less<>>& passwords() {
  static const std::map<std::string, Password, std::less<>> table = {
      {"storepass", &Options::store_password},
      {"deststorepass", &Options::store_password},
      {"srcstorepass", &Options::source_password},
      {"keypass", &Options::key_password},
      {"srckeypass", &Options::source_key_password},
      {"destkeypass", &Options::destination_key_password},
      {"new", &Options::new_password},
      {"signerkeypass", &Options::signer_key_password},
  };
  return table;
}

const std::map<std::string, Text, std::less<>>& texts() {
  static const std::map<std::string, Text, std::less<>> table = {
      {"keystore", &Options::keystore},    {"destkeystore", &Options::keystore},
      {"srckeystore", &Options::source},   {"storetype", &Options::type},
      {"deststoretype", &Options::type},   {"srcstoretype", &Options::source_type},
      {"alias", &Options::alias},          {"srcalias", &Options::alias},
      {"dest", &Options::destination},     {"destalias", &Options::destination},
      {"dname", &Options::name},           {"file", &Options::file},
      {"sslserver", &Options::server},     {"jarfile", &Options::jar},
      {"keyalg", &Options::key_algorithm}, {"sigalg", &Options::signature_algorithm},
      {"groupname", &Options::group},      {"signer", &Options::signer},
      {"startdate", &Options::start},
  };
  return table;
}

const std::map<std::string, Flag, std::less<>>& flags() {
  static const std::map<std::string, Flag, std::less<>> table = {
      {"cacerts", &Options::cacerts},
      {"v", &Options::verbose},
      {"rfc", &Options::rfc},
      {"noprompt", &Options::no_prompt},
      {"nowarn", &Options::no_warnings},
      {"trustcacerts", &Options::trust_cacerts},
      {"protected", &Options::is_protected},
      {"destprotected", &Options::is_protected},
      {"srcprotected", &Options::source_is_protected},
  };
  return table;
}

// Taken with their value, and without effect.
const std::set<std::string, std::less<>>& ignored_with_value() {
  static const std::set<std::string, std::less<>> names = {"providername", "destprovidername", "srcprovidername",
                                                           "providerpath", "provider",         "providerclass",
                                                           "addprovider",  "providerarg",      "conf",
                                                           "id",           "infile",           "outfile"};
  return names;
}
bool is_ignored_flag(const std::string& plain) { return plain == "debug" || plain == "tls"; }

bool takes_value(const std::string& plain) {
  return passwords().contains(plain) || texts().contains(plain) || ignored_with_value().contains(plain) ||
         plain == "keysize" || plain == "validity" || plain == "ext";
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

template <typename Number>
Number number_from(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    fail_as("java.lang.NumberFormatException", "For input string: \"" + std::string(text) + "\"");
  }
  return value;
}

void wipe_argument(char* argument) { wipe(argument, std::strlen(argument)); }

class Parser {
 public:
  Parser(std::vector<char*> arguments, Console& console) : arguments_(std::move(arguments)), console_(console) {}

  Reading read() {
    if (!note_commands()) return std::move(reading_);
    take_all();
    if (!reading_.exit) finish();
    // Also those that were not reached.
    for (std::size_t at = 0; at + 1 < arguments_.size(); ++at) {
      if (passwords().contains(plain_flag(arguments_[at]))) wipe_argument(arguments_[at + 1]);
    }
    return std::move(reading_);
  }

 private:
  // What is repeated, and the one command; values that look like options count, as in Java.
  bool note_commands() {
    std::set<std::string> seen;
    static const std::set<std::string> repeatable = {"-ext",           "-id",         "-provider", "-addprovider",
                                                     "-providerclass", "-providerarg"};
    for (const char* argument : arguments_) {
      if (argument[0] != '-') continue;
      const std::string lower = lower_ascii(argument);
      if (!seen.insert(lower).second && !repeatable.contains(lower)) {
        reading_.warnings.push_back("The " + lower +
                                    " option is specified multiple times. All except the last one will be ignored.");
      }
      const std::optional<Command> command = command_named(plain_flag(argument));
      if (!command) continue;
      if (reading_.options.command) {
        wipe_all();
        fail_plain("Only one command is allowed: both " + std::string(name_of(*reading_.options.command)) + " and " +
                   name_of(*command) + " were specified.");
      }
      reading_.options.command = command;
    }
    return true;
  }

  void wipe_all() {
    for (char* argument : arguments_) {
      if (argument[0] != '-') wipe_argument(argument);
    }
  }

  void show_usage(int exit) {
    console_.err(usage_text(reading_.options.command));
    reading_.exit = exit;
  }

  void take_all() {
    at_ = 0;
    for (; at_ < arguments_.size() && arguments_[at_][0] == '-' && !reading_.exit; ++at_) take_one();
    if (reading_.exit || at_ >= arguments_.size()) return;
    console_.err("Illegal option:  " + std::string(arguments_[at_]) + "\n");
    show_usage(1);
  }

  void take_one() {
    const std::string_view argument = arguments_[at_];
    if (at_ + 1 == arguments_.size() && takes_value(plain_flag(argument))) return need_value(argument);
    const std::size_t colon = argument.find(':');
    const bool has_modifier = colon != std::string_view::npos && colon > 0;
    const std::string_view flag = has_modifier ? argument.substr(0, colon) : argument;
    const std::string plain = plain_flag(flag);
    if (command_named(plain)) return;
    if (plain == "help" || plain == "h" || plain == "?") {
      help_ = true;
      return;
    }
    if (takes_value(plain)) {
      if (at_ + 1 == arguments_.size()) {
        fail_as("java.lang.ArrayIndexOutOfBoundsException", "Index " + std::to_string(arguments_.size()) +
                                                                " out of bounds for length " +
                                                                std::to_string(arguments_.size()));
      }
      return take_value(plain, has_modifier ? std::optional(argument.substr(colon + 1)) : std::nullopt,
                        arguments_[++at_]);
    }
    if (const auto found = flags().find(plain); found != flags().end()) {
      reading_.options.*found->second = true;
      return;
    }
    if (is_ignored_flag(plain)) return;
    console_.err("Illegal option:  " + std::string(flag) + "\n");
    show_usage(1);
  }

  void need_value(std::string_view flag) {
    console_.err("Command option " + std::string(flag) + " needs an argument.\n");
    show_usage(1);
  }

  void take_value(const std::string& plain, std::optional<std::string_view> modifier, char* value) {
    Options& options = reading_.options;
    if (const auto found = passwords().find(plain); found != passwords().end()) {
      options.*found->second = password_from(modifier, value);
    } else if (plain == "keysize") {
      options.key_size = number_from<int>(value);
    } else if (plain == "validity") {
      options.validity_days = number_from<std::int64_t>(value);
    } else if (plain == "ext") {
      options.extensions.emplace_back(value);
    } else if (const auto text = texts().find(plain); text != texts().end()) {
      options.*text->second = plain.ends_with("storetype") ? upper(value) : std::string(value);
    }
  }

  std::optional<SecretBytes> password_from(std::optional<std::string_view> modifier, char* value) {
    if (!modifier) {
      SecretBytes password = secret_copy(std::string_view(value));
      wipe_argument(value);
      return password;
    }
    const std::string kind = plain_flag(*modifier);
    if (kind == "env") {
      const char* found = std::getenv(value);
      if (found != nullptr) return secret_copy(std::string_view(found));
      console_.err("Cannot find environment variable: " + std::string(value) + "\n");
    } else if (kind == "file") {
      try {
        SecretBytes content = read_secret_file(value, password_file_limit);
        const auto end = std::find_if(content.begin(), content.end(), [](auto c) { return c == '\n' || c == '\r'; });
        content.erase(end, content.end());
        return content;
      } catch (const Failure&) {
        console_.err("Cannot find file: " + std::string(value) + "\n");
      }
    } else {
      console_.err("Unknown password type: " + std::string(*modifier) + "\n");
    }
    show_usage(1);
    return std::nullopt;
  }

  void finish() {
    if (reading_.options.command && !help_) return;
    if (!reading_.options.command && !help_ && !arguments_.empty()) {
      console_.err("Usage error: no command provided\n");
      show_usage(1);
      return;
    }
    show_usage(0);
  }

  std::vector<char*> arguments_;
  Console& console_;
  Reading reading_;
  std::size_t at_ = 0;
  bool help_ = false;
};

}  // namespace

std::string plain_flag(std::string_view flag) {
  std::string plain;
  for (const char c : lower_ascii(flag)) {
    if (c != '-' && c != ' ') plain += c;
  }
  return plain;
}

Reading read_options(int argc, char** argv, Console& console) {
  std::vector<char*> arguments;
  for (int at = 0; at < argc; ++at) {
    if (std::strncmp(argv[at], "-J", 2) != 0) arguments.push_back(argv[at]);
  }
  return Parser(std::move(arguments), console).read();
}

}  // namespace chancery::keytool
