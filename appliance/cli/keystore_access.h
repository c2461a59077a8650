// How the keystore commands come to a store and its passwords. Nothing here opens STATE.
//
//   OpenedStore opened = open_for_change(session, "keystore delete");
//   java::delete_entry(opened.store, alias);
//   return show_outcome(session, opened.put(), "the entry is deleted");
//
// Passwords come from --storepass-file, --storepass-env, --storepass, or a prompt where a person is there.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "appliance/cli/session.h"
#include "appliance/stores/edited_store.h"
#include "keystore/java/java_keystore.h"

namespace chancery::cli {

// NAME-file, NAME-env, or NAME itself (in clear on the command line: for scripts of keytool's). More than one of them is
// Failure("usage").
[[nodiscard]] std::optional<SecretBytes> given_password(const Arguments& arguments, const std::string& name);
// The same, else asked for, twice where it is a new one. Failure("password-needed") where nobody can be asked.
[[nodiscard]] SecretBytes password_or_prompt(const Arguments& arguments, const std::string& name,
                                             const std::string& question);
[[nodiscard]] SecretBytes new_password_or_prompt(const Arguments& arguments, const std::string& name,
                                                 const std::string& question);

struct OpenedStore {
  stores::EditedStore edited;
  java::Keystore store;
  std::optional<SecretBytes> password;  // absent: a PKCS12 without one, and it stays one
  bool is_new = false;

  [[nodiscard]] const SecretBytes* sealed_under() const { return password ? &*password : nullptr; }
  // Under the password it was opened with. The reply has "type" and "path" too.
  [[nodiscard]] nlohmann::json put();
  [[nodiscard]] nlohmann::json put_under(const SecretBytes* next);
};
struct ChangeOf {
  bool may_make = false;
  bool asks_no_more = false;  // than the store's password, so that it can be read first
};
// --keystore, locked for a change. With `may_make` one that is absent is begun, of --type or PKCS12, under a new
// password; otherwise it is Failure("not-found"). A --type that the store has not is Failure("keystore-type").
[[nodiscard]] OpenedStore open_for_change(Session& session, const std::string& doing, const ChangeOf& change = {});

struct ReadStore {
  java::Keystore store;
  std::optional<SecretBytes> password;
};
// The bytes of a store that is going to be changed or copied whole: with its password, asked for where it has one.
[[nodiscard]] ReadStore open_whole(Session& session, ByteView bytes, std::shared_ptr<const void> owner,
                                   const std::string& path, std::optional<SecretBytes> known = {});
// For reading: without a lock, and without a password as far as that goes (integrity is absent then).
[[nodiscard]] ReadStore open_for_reading(Session& session);

// The password that an entry's key opens with: --keypass…, else the store's.
[[nodiscard]] SecretBytes key_password_of(Session& session, const std::optional<SecretBytes>& store_password);

// What Java could not read back; said once a password came into force.
void warn_for_java(nlohmann::json& reply, java::StoreType type, const SecretBytes* password);

// --output: a new file; an existing one, or a folder, is Failure("already-exists"). "-" is stdout.
void write_new_file(Session& session, const std::string& path, ByteView bytes, bool is_secret);

}  // namespace chancery::cli
