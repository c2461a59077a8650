// One run of keytool: what was asked, what was opened, and what has to be said at the end.
//
//   Work work{.given = options, .console = console, .surroundings = surroundings};
//   if (!open_store(work)) return 0;                 // three wrong tries; Java leaves quietly
//   …edit work.store…
//   save_store(work);
//
// Every command of commands.h gets it. Thread safety: none needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/keytool/console.h"
#include "appliance/keytool/keytool.h"
#include "appliance/keytool/options.h"
#include "keystore/java/java_keystore.h"

namespace chancery::keytool {

inline constexpr const char* default_alias = "mykey";

// A store as a command has it open.
struct OpenStore {
  std::string path;       // as it was given: messages quote it so
  std::string type_name;  // as Java would call it: the type that was asked for, else what the content is
  java::Keystore keystore;
  std::optional<SecretBytes> password;
  bool existed = false;
  bool passwordless = false;  // a PKCS12 with neither encryption nor MAC
  SecretBytes before;         // the file as it was read; empty where there was none

  [[nodiscard]] bool is_pkcs12() const { return type_name == "PKCS12"; }
  // What to hand to those who want a pointer.
  [[nodiscard]] const SecretBytes* password_pointer() const { return password ? &*password : nullptr; }
};

struct Work {
  const Options& given;
  Console& console;
  const Surroundings& surroundings;
  OpenStore store = {};
  std::optional<java::Keystore> system = {};  // the JDK's cacerts, with -trustcacerts
  std::vector<std::string> warnings = {};

  void say(std::string_view line) const { console.err(std::string(line) + "\n"); }
  // The gathered warnings, and none after that. Before a question an empty line follows.
  void show_warnings(bool question_follows);
  [[nodiscard]] std::string alias() const { return given.alias.value_or(default_alias); }
};

// store.cpp: opens the store that the options name (asking for its password where Java does) into work.store. False
// when the password was not given in three tries. Failures carry Java's classes and words.
[[nodiscard]] bool open_store(Work& work);
// Reads a store file for importing from; `password` may be absent.
[[nodiscard]] OpenStore read_store(const std::string& path, const std::optional<std::string>& type,
                                   const std::optional<SecretBytes>& password);
// The file as Java would find it; nullopt when there is none. Failure for what is empty or no file.
[[nodiscard]] std::optional<SecretBytes> read_store_file(const std::string& path);
[[nodiscard]] std::string home_keystore();  // ~/.keystore
[[nodiscard]] bool is_passwordless(ByteView pkcs12);
void save_store(Work& work, const std::optional<SecretBytes>& new_password = std::nullopt);
// The remark about JKS and JCEKS that ends every run on one that holds keys.
void note_proprietary_type(Work& work);

// jdk.cpp: the cacerts of the JDK that a keytool of this machine would belong to; "" when there is none.
[[nodiscard]] std::string system_cacerts();
[[nodiscard]] std::optional<java::Keystore> open_system_cacerts();

// Keys as Java finds them: with -keypass, else with the store's password, else by asking up to three times.
struct OpenedKey {
  java::KeyMaterial key;
  SecretBytes password;
};
[[nodiscard]] OpenedKey recover_key(Work& work, const std::string& alias);
[[nodiscard]] OpenedKey recover_key_of(Work& work, const OpenStore& store, const java::Entry& entry,
                                       const std::optional<SecretBytes>& key_password);
// Failure "Alias <x> does not exist".
[[nodiscard]] const java::Entry& entry_of(const OpenStore& store, const std::string& alias);
// The store's seal_key with Java's exceptions.
[[nodiscard]] java::SealedKey sealed(const OpenStore& store, const java::KeyMaterial& key, const SecretBytes& password);

// Questions.
[[nodiscard]] bool said_yes(Work& work, const std::string& question);
[[nodiscard]] SecretBytes new_password(Work& work, const std::string& what, const std::optional<SecretBytes>& old);
[[nodiscard]] SecretBytes new_key_password(Work& work, const std::string& alias);

}  // namespace chancery::keytool
