// keytool's command line, read as keytool reads it: commands and options in any case, passwords with the modifiers
// :env and :file, the last of a repeated option winning.
//
//   Reading reading = read_options(argc, argv, console);
//   if (reading.exit) return *reading.exit;            // usage was shown: 0 for help, 1 for what was wrong
//
// Passwords are copied into wiping memory and overwritten in argv at once, so that /proc/PID/cmdline shows them no
// longer. Options for Java itself (-J…) and for its security providers are taken and mean nothing here.
// Thread safety: none needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/keytool/console.h"
#include "keystore/bytes/secret.h"

namespace chancery::keytool {

enum class Command {
  certreq,
  changealias,
  remove,
  exportcert,
  genkeypair,
  genseckey,
  gencert,
  importcert,
  importpass,
  importkeystore,
  keypasswd,
  list,
  printcert,
  printcertreq,
  printcrl,
  storepasswd,
  showinfo,
};

struct Options {
  std::optional<Command> command;
  std::optional<std::string> keystore;     // -keystore, -destkeystore
  std::optional<std::string> source;       // -srckeystore
  std::optional<std::string> type;         // upper case
  std::optional<std::string> source_type;  // upper case
  std::optional<SecretBytes> store_password;
  std::optional<SecretBytes> source_password;
  std::optional<SecretBytes> key_password;
  std::optional<SecretBytes> source_key_password;
  std::optional<SecretBytes> destination_key_password;
  std::optional<SecretBytes> new_password;
  std::optional<SecretBytes> signer_key_password;
  std::optional<std::string> alias;        // -alias, -srcalias
  std::optional<std::string> destination;  // -destalias
  std::optional<std::string> name;         // -dname
  std::optional<std::string> file;
  std::optional<std::string> server;  // -sslserver
  std::optional<std::string> jar;     // -jarfile
  std::optional<std::string> key_algorithm;
  std::optional<std::string> signature_algorithm;
  std::optional<std::string> group;
  std::optional<std::string> signer;
  std::optional<std::string> start;
  std::optional<int> key_size;
  std::int64_t validity_days = 90;
  std::vector<std::string> extensions;
  bool cacerts = false;
  bool verbose = false;
  bool rfc = false;
  bool no_prompt = false;
  bool no_warnings = false;
  bool trust_cacerts = false;
  bool is_protected = false;
  bool source_is_protected = false;
};

struct Reading {
  Options options;
  std::optional<int> exit;
  std::vector<std::string> warnings;  // options given twice
};

// argv without the program's name; its passwords are overwritten.
[[nodiscard]] Reading read_options(int argc, char** argv, Console& console);

// usage.cpp: what -help shows, of one command or of all.
[[nodiscard]] std::string usage_text(std::optional<Command> command);
// "-list"; the command that a flag names, nullopt for none. `-genkey`, `-import`, `-export` are known too.
[[nodiscard]] const char* name_of(Command command);
[[nodiscard]] std::optional<Command> command_named(const std::string& plain);
// A flag as Java's collator compares it: without case, dashes and blanks.
[[nodiscard]] std::string plain_flag(std::string_view flag);

}  // namespace chancery::keytool
