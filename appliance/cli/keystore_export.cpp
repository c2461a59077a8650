// chancery keystore export and convert: what leaves a store.
#include <nlohmann/json.hpp>

#include "appliance/cli/keystore_access.h"
#include "appliance/cli/keystore_commands.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "keystore/java/store_conversion.h"
#include "keystore/java/store_edits.h"
#include "keystore/java/store_export.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

java::Encoding encoding_of(const Arguments& arguments) {
  const std::string format = arguments.value("--format", "pem");
  if (format == "pem") return java::Encoding::pem;
  if (format == "der") return java::Encoding::der;
  throw usage("--format is pem or der", "leave it out for pem");
}

// The key leaves encrypted unless somebody says that it shall not.
SecretBytes exported_key(Session& session, const ReadStore& opened, const java::Entry& entry) {
  const Arguments& arguments = session.arguments();
  const SecretBytes key_password = key_password_of(session, opened.password);
  if (arguments.has("--clear")) return java::export_key(opened.store, entry, key_password, nullptr);
  std::optional<SecretBytes> passphrase = given_secret(arguments, "--passphrase");
  if (!passphrase && can_prompt()) passphrase = prompted_secret_twice("a passphrase for the exported key: ");
  if (!passphrase) {
    throw Failure({.code = "passphrase-needed",
                   .subject = entry.alias,
                   .cause = "a key leaves the keystore under a passphrase",
                   .hint = "give --passphrase-file FILE, or --clear for a key that anybody can read"});
  }
  return java::export_key(opened.store, entry, key_password, &*passphrase);
}

}  // namespace

int run_keystore_export(Session& session) {
  const Arguments& arguments = session.arguments();
  const java::Encoding encoding = encoding_of(arguments);
  const bool with_key = arguments.has("--private-key");
  const bool with_chain = arguments.has("--chain");
  if (encoding == java::Encoding::der && (with_key || with_chain)) {
    throw usage("DER holds one certificate", "leave --format out: PEM holds chains and keys");
  }
  const ReadStore opened = open_for_reading(session);
  const java::Entry& entry = java::entry_at(opened.store, arguments.value("--alias"));
  SecretBytes out;
  if (with_key) out = exported_key(session, opened, entry);
  if (!with_key || with_chain) {
    append(out, with_chain ? java::export_chain(entry) : java::export_certificate(entry, encoding));
  }
  const std::string path = arguments.value("--output", "-");
  write_new_file(session, path, view_of(out), with_key);
  Terminal& terminal = session.terminal();
  if (opened.store.integrity == java::Integrity::absent) {
    terminal.note("the integrity of the keystore was not checked: give --storepass-file");
  }
  if (path == "-") return 0;
  return show_outcome(session,
                      {{"outcome", arguments.has("--dry-run") ? "planned" : "done"},
                       {"output", path},
                       {"alias", printable(view_of(entry.alias))}},
                      "exported to " + path);
}

int run_keystore_convert(Session& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("--type")) throw usage("convert needs the type to convert into", "give --type PKCS12, say");
  const java::StoreType type = java::type_from_name(arguments.value("--type"));
  const bool in_place = !arguments.has("--output") || arguments.value("--output") == arguments.value("--keystore");
  const std::string target = in_place ? arguments.value("--keystore") : arguments.value("--output");

  stores::EditedStore edited = stores::EditedStore::open({.path = target,
                                                          .state = session.state(),
                                                          .doing = "keystore convert",
                                                          .part_hard_links = arguments.has("--part-hard-links"),
                                                          .backup = !arguments.has("--no-backup"),
                                                          .dry_run = arguments.has("--dry-run")});
  if (!in_place && edited.exists()) {
    throw Failure({.code = "already-exists",
                   .subject = target,
                   .cause = "there is such a file",
                   .hint = "remove it, or give another name to --output"});
  }
  const std::string source = arguments.value("--keystore");
  const std::shared_ptr<const SecretBytes> apart =
      in_place ? nullptr : std::make_shared<const SecretBytes>(read_secret_file(source, java::keystore_limit));
  const ReadStore opened = in_place ? open_whole(session, edited.bytes(), edited.owner(), source)
                                    : open_whole(session, view_of(*apart), apart, source);
  const java::Keystore& store = opened.store;
  const std::optional<SecretBytes>& password = opened.password;
  const bool has_new =
      arguments.has("--new-storepass") || arguments.has("--new-storepass-file") || arguments.has("--new-storepass-env");
  const SecretBytes next = has_new || !password
                               ? new_password_or_prompt(arguments, "--new-storepass", "a password for the new keystore")
                               : *password;
  const std::optional<SecretBytes> own = given_password(arguments, "--keypass");
  const SecretBytes none;
  // A key opens with the store's password or with the one given for keys.
  const auto key_password = [&](const java::Entry& entry) -> const SecretBytes& {
    if (!own) return password ? *password : none;
    if (!password) return *own;
    try {
      (void)java::open_key(store, entry, *own);
      return *own;
    } catch (const Failure& failure) {
      if (failure.code() != "wrong-key-password") throw;
      return *password;
    }
  };
  const java::Conversion done = java::convert_keystore(
      store, {.type = type,
              .key_password = key_password,
              .new_key_password = [&](const java::Entry&) -> const SecretBytes& { return next; }});
  Json reply = edited.put(done.store, {.password = &next, .former = password ? &*password : nullptr});
  reply["type"] = java::name_of(type);
  reply["from_type"] = java::name_of(store.type);
  reply["entries"] = Json::array();
  for (const java::ConvertedEntry& each : done.entries) {
    reply["entries"].push_back({{"from", printable(view_of(each.from))}, {"alias", printable(view_of(each.alias))}});
    if (!each.collided) continue;
    reply["warnings"].push_back("\"" + printable(view_of(each.from)) + "\" is now \"" + printable(view_of(each.alias)) +
                                "\": the new type takes its alias and another for one");
  }
  warn_for_java(reply, type, &next);
  return show_outcome(session, reply,
                      std::to_string(done.entries.size()) +
                          (done.entries.size() == 1 ? " entry is in " : " entries are in ") + target + " (" +
                          std::string(java::name_of(type)) + ")");
}

}  // namespace chancery::cli
