#include "appliance/cli/keystore_access.h"

#include <nlohmann/json.hpp>

#include "appliance/cli/secret_input.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/java/pkcs12.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Failure password_needed(const std::string& name, const std::string& cause) {
  return Failure({.code = "password-needed",
                  .subject = "",
                  .cause = cause,
                  .hint = "give it by " + name + "-file FILE or " + name + "-env VARIABLE"});
}

java::StoreType wanted_type(const Arguments& arguments) {
  return arguments.has("--type") ? java::type_from_name(arguments.value("--type")) : java::StoreType::pkcs12;
}

void expect_type(const Arguments& arguments, const java::Keystore& store, const std::string& path) {
  if (!arguments.has("--type") || wanted_type(arguments) == store.type) return;
  throw Failure({.code = "keystore-type",
                 .subject = path,
                 .cause = "is a " + std::string(java::name_of(store.type)) + ", not a " +
                          std::string(java::name_of(wanted_type(arguments))),
                 .hint = "leave --type out, or `chancery keystore convert` it first"});
}

// Neither a MAC nor anything encrypted: it has no password, as newer JDKs make them on demand.
std::optional<java::Keystore> without_password(ByteView bytes, const std::string& path) {
  if (java::detect(bytes) != java::StoreType::pkcs12) return std::nullopt;
  try {
    java::Keystore store = java::open_keystore(bytes, {.source = path, .accept_absent_integrity = false});
    for (const java::StoreProtection& each : java::pkcs12_details(store).protections) {
      if (each.algorithm != "none") return std::nullopt;
    }
    return store;
  } catch (const Failure& failure) {
    if (failure.code() == "password-needed" || failure.code() == "integrity-absent") return std::nullopt;
    throw;
  }
}

}  // namespace

std::optional<SecretBytes> given_password(const Arguments& arguments, const std::string& name) {
  std::optional<SecretBytes> given = given_secret(arguments, name);
  if (!arguments.has(name)) return given;
  if (given) {
    throw usage(name + " and " + name + "-file or " + name + "-env exclude each other",
                "give the file or the variable: what stands on the command line is seen by everybody here");
  }
  return secret_copy(std::string_view(arguments.value(name)));
}

SecretBytes password_or_prompt(const Arguments& arguments, const std::string& name, const std::string& question) {
  if (std::optional<SecretBytes> given = given_password(arguments, name)) return std::move(*given);
  if (!can_prompt()) throw password_needed(name, question + " is needed, and nobody can be asked for it here");
  return prompted_secret(question + ": ");
}

SecretBytes new_password_or_prompt(const Arguments& arguments, const std::string& name, const std::string& question) {
  std::optional<SecretBytes> given = given_password(arguments, name);
  if (!given && !can_prompt())
    throw password_needed(name, question + " is needed, and nobody can be asked for it here");
  SecretBytes password = given ? std::move(*given) : prompted_secret_twice(question + ": ");
  java::expect_usable_password(password);
  return password;
}

Json OpenedStore::put() { return put_under(sealed_under()); }

Json OpenedStore::put_under(const SecretBytes* next) {
  Json reply = edited.put(store, {.password = next, .former = sealed_under()});
  reply["type"] = java::name_of(store.type);
  reply["path"] = printable(view_of(edited.path()));
  warn_for_java(reply, store.type, next);
  return reply;
}

ReadStore open_whole(Session& session, ByteView bytes, std::shared_ptr<const void> owner, const std::string& path,
                     std::optional<SecretBytes> known) {
  const Arguments& arguments = session.arguments();
  ReadStore opened{.store = {}, .password = known ? std::move(known) : given_password(arguments, "--storepass")};
  if (!opened.password) {
    if (auto store = without_password(bytes, path)) return {.store = std::move(*store), .password = {}};
    opened.password = password_or_prompt(arguments, "--storepass", "the password of " + path);
  }
  opened.store = java::open_keystore(bytes, {.source = path,
                                             .password = &*opened.password,
                                             .accept_absent_integrity = arguments.has("--accept-absent-integrity"),
                                             .owner = std::move(owner)});
  return opened;
}

OpenedStore open_for_change(Session& session, const std::string& doing, const ChangeOf& change) {
  const Arguments& arguments = session.arguments();
  const std::string path = arguments.value("--keystore");
  const bool may_make = change.may_make;
  // Before the store is touched: a pipe may keep us waiting.
  std::optional<SecretBytes> known;
  if (change.asks_no_more) known = given_password(arguments, "--storepass");
  OpenedStore opened{.edited = stores::EditedStore::open({.path = path,
                                                          .state = session.state(),
                                                          .doing = doing,
                                                          .part_hard_links = arguments.has("--part-hard-links"),
                                                          .backup = !arguments.has("--no-backup"),
                                                          .dry_run = arguments.has("--dry-run"),
                                                          .asks_nobody = known.has_value()}),
                     .store = {},
                     .password = {}};
  // An empty file is what `mktemp` leaves for a store that shall be made.
  opened.is_new = !opened.edited.exists() || opened.edited.bytes().empty();
  if (opened.is_new) {
    if (!may_make) {
      if (!opened.edited.exists()) throw system_failure(ENOENT, "open", path);
      (void)java::open_keystore({}, {.source = path});  // says that it is empty
    }
    opened.store.type = wanted_type(arguments);
    if (known) java::expect_usable_password(*known);
    opened.password = known
                          ? std::move(*known)
                          : new_password_or_prompt(arguments, "--storepass", "a password for the new keystore " + path);
    return opened;
  }
  ReadStore whole = open_whole(session, opened.edited.bytes(), opened.edited.owner(), path, std::move(known));
  opened.store = std::move(whole.store);
  opened.password = std::move(whole.password);
  expect_type(arguments, opened.store, path);
  return opened;
}

ReadStore open_for_reading(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string path = arguments.value("--keystore");
  const SecretBytes bytes = read_secret_file(path, java::keystore_limit);
  ReadStore opened{.store = {}, .password = given_password(arguments, "--storepass")};
  const auto open = [&] {
    return java::open_keystore(
        view_of(bytes), {.source = path,
                         .password = opened.password ? &*opened.password : nullptr,
                         .accept_absent_integrity = !opened.password || arguments.has("--accept-absent-integrity")});
  };
  try {
    opened.store = open();
  } catch (const Failure& failure) {
    if (failure.code() != "password-needed" || opened.password) throw;
    if (!can_prompt()) throw password_needed("--storepass", path + " shows nothing without its password");
    opened.password = prompted_secret("the password of " + path + ": ");
    opened.store = open();
  }
  expect_type(arguments, opened.store, path);
  return opened;
}

SecretBytes key_password_of(Session& session, const std::optional<SecretBytes>& store_password) {
  if (auto given = given_password(session.arguments(), "--keypass")) return std::move(*given);
  return store_password ? *store_password
                        : password_or_prompt(session.arguments(), "--keypass", "the password of the key");
}

void warn_for_java(Json& reply, java::StoreType type, const SecretBytes* password) {
  if (password == nullptr) return;
  if (const auto reason = java::java_cannot_read(type, *password)) reply["warnings"].push_back(*reason);
}

void write_new_file(Session& session, const std::string& path, ByteView bytes, bool is_secret) {
  if (path == "-") {
    if (session.json()) {
      throw stdout_is_taken();
    }
    session.terminal().secret(bytes);
    return;
  }
  const std::size_t slash = path.rfind('/');
  const Folder folder = Folder::open(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (folder.status(name)) {
    throw Failure({.code = "already-exists",
                   .subject = path,
                   .cause = "there is such a file",
                   .hint = "remove it, or give another name to --output"});
  }
  if (session.arguments().has("--dry-run")) return;
  const mode_t mode = is_secret ? 0600 : 0644 & ~caller_umask();
  folder.write_atomically(name, bytes, {.mode = mode});
}

}  // namespace chancery::cli
