// chancery keystore delete, rename, passwd.
#include <nlohmann/json.hpp>

#include "appliance/cli/keystore_access.h"
#include "appliance/cli/keystore_commands.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

std::string shown(const std::string& alias) { return "\"" + printable(view_of(alias)) + "\""; }

int change_key_password(Session& session, OpenedStore& opened) {
  const Arguments& arguments = session.arguments();
  const std::string alias = arguments.value("--alias");
  const SecretBytes current = key_password_of(session, opened.password);
  const SecretBytes next =
      new_password_or_prompt(arguments, "--new-keypass", "new password of the key " + shown(alias));
  java::change_key_password(opened.store, alias, current, next);
  Json reply = opened.put();
  reply["resealed"] = {printable(view_of(alias))};
  warn_for_java(reply, opened.store.type, &next);
  const bool differs = opened.password && !secret_equal(view_of(next), view_of(*opened.password));
  if (opened.store.type == java::StoreType::pkcs12 && differs) {
    reply["warnings"].push_back(
        "the key has another password than the store, which most of Java's programs cannot handle");
  }
  return show_outcome(session, reply, "the key " + shown(alias) + " has a new password");
}

int change_store_password(Session& session, OpenedStore& opened) {
  const SecretBytes next =
      new_password_or_prompt(session.arguments(), "--new-storepass", "new password of the keystore");
  const SecretBytes none;
  const java::PasswordChange change =
      java::change_store_password(opened.store, {.current = opened.password ? *opened.password : none,
                                                 .next = next,
                                                 .keys_too = session.arguments().has("--keys-too")});
  Json reply = opened.put_under(&next);
  reply["resealed"] = Json::array();
  reply["kept"] = Json::array();
  for (const std::string& alias : change.resealed) reply["resealed"].push_back(printable(view_of(alias)));
  for (const std::string& alias : change.kept) {
    reply["kept"].push_back(printable(view_of(alias)));
    reply["warnings"].push_back("the key " + shown(alias) + " keeps the password it had");
  }
  return show_outcome(session, reply, "the keystore has a new password");
}

}  // namespace

int run_keystore_delete(Session& session) {
  OpenedStore opened = open_for_change(session, "keystore delete");
  const std::vector<std::string> aliases = session.arguments().values("--alias");
  for (const std::string& alias : aliases) java::delete_entry(opened.store, alias);
  Json reply = opened.put();
  reply["deleted"] = Json::array();
  std::string names;
  for (const std::string& alias : aliases) {
    reply["deleted"].push_back(printable(view_of(alias)));
    names += (names.empty() ? "" : ", ") + shown(alias);
  }
  return show_outcome(session, reply, names + (aliases.size() == 1 ? " is deleted" : " are deleted"));
}

int run_keystore_rename(Session& session) {
  const std::string from = session.arguments().value("--alias");
  const std::string to = session.arguments().value("--to");
  OpenedStore opened = open_for_change(session, "keystore rename");
  java::rename_entry(opened.store, from, to);
  Json reply = opened.put();
  const std::string stored = java::stored_alias(opened.store.type, to);
  reply["alias"] = printable(view_of(stored));
  return show_outcome(session, reply, shown(from) + " is called " + shown(stored) + " now");
}

int run_keystore_passwd(Session& session) {
  OpenedStore opened = open_for_change(session, "keystore passwd");
  return session.arguments().has("--alias") ? change_key_password(session, opened)
                                            : change_store_password(session, opened);
}

}  // namespace chancery::cli
