#include "appliance/cli/backup_stores.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "appliance/cli/human_time.h"
#include "appliance/cli/keystore_access.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/table.h"
#include "appliance/stores/edited_store.h"
#include "backup/sets/envelope.h"
#include "backup/sets/store_sets.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Json set_json(const backup::BackupSummary& summary) {
  Json out{{"id", summary.id},
           {"created", to_rfc3339(summary.created)},
           {"generation", nullptr},
           {"component", summary.components.empty() ? "keystore" : summary.components.front()},
           {"components", summary.components},
           {"reason", summary.cause.reason},
           {"who", summary.cause.who},
           {"certificate", nullptr},
           {"verified", summary.verified}};
  if (!summary.problem.empty()) out["problem"] = summary.problem;
  return out;
}

std::string type_of(ByteView bytes) {
  const std::optional<java::StoreType> type = java::detect(bytes);
  return type ? std::string(java::name_of(*type)) : "unknown";
}

}  // namespace

Json store_sets_json(Session& session) {
  Json sets = Json::array();
  for (const backup::BackupSummary& each : backup::store_set_summaries(session.state())) sets.push_back(set_json(each));
  return sets;
}

int show_store_set(Session& session, const std::string& id) {
  const backup::StoreSet set = backup::open_store_set(session.state(), id);
  Json reply = set_json(set.summary);
  const FileAttributes& attributes = set.copy.file.attributes;
  reply["path"] = printable(view_of(set.copy.path));
  reply["type"] = type_of(view_of(set.copy.file.bytes));
  reply["files"] = {{{"path", reply["path"]},
                     {"size", set.copy.file.bytes.size()},
                     {"mode", attributes.mode},
                     {"sha256", sha256_hex(view_of(set.copy.file.bytes))}}};
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Sheet sheet;
  sheet.add("id", id);
  sheet.add("made", dated(text_at(reply, "created"), session.now()));
  sheet.add("holds", text_at(reply, "path") + " (" + text_at(reply, "type") + ", " +
                         std::to_string(set.copy.file.bytes.size()) + " bytes)");
  sheet.add("before", text_at(reply, "reason") + " by " + text_at(reply, "who"));
  sheet.add("set", painted(Colour::green, "ok"));
  sheet.print(session.terminal());
  return 0;
}

int verify_store_set(Session& session, const std::string& id) {
  const Json reply = set_json(backup::open_store_set(session.state(), id).summary);
  if (session.json()) {
    session.terminal().document(reply);
  } else if (!session.terminal().quiet()) {
    session.terminal().line(Text() << painted(Colour::green, "verified") << ": the keystore in " << id
                                   << " is as it was");
  }
  return 0;
}

int restore_store_set(Session& session, const std::string& id) {
  const Arguments& arguments = session.arguments();
  backup::StoreSet set = backup::open_store_set(session.state(), id);
  FileAttributes attributes = set.copy.file.attributes;
  if (::geteuid() != 0) attributes = {.mode = attributes.mode};  // a missing file comes back as ours
  stores::EditedStore edited = stores::EditedStore::open({.path = set.copy.path,
                                                          .state = session.state(),
                                                          .doing = "backup restore " + id,
                                                          .dry_run = arguments.has("--dry-run")});
  const std::string path = printable(view_of(edited.path()));
  const bool is_same = edited.exists() && secret_equal(edited.bytes(), view_of(set.copy.file.bytes));
  if (is_same) {
    return show_outcome(session,
                        {{"outcome", "unchanged"}, {"path", path}, {"message", "the file is as it is in the set"}}, "");
  }
  const std::optional<SecretBytes> password = given_password(arguments, "--storepass");
  const Json reply =
      edited.put_bytes(std::move(set.copy.file.bytes), {}, attributes, {.password = password ? &*password : nullptr});
  return show_outcome(session, reply, path + " is as it was before " + set.summary.cause.reason);
}

SecretBytes export_store_set(Session& session, const std::string& id, const SecretBytes* passphrase, Json& reply) {
  SecretBytes bytes = backup::export_store_set(session.state(), id, passphrase);
  reply = {{"id", id}, {"bytes", bytes.size()}, {"encrypted", passphrase != nullptr}};
  return bytes;
}

std::optional<Json> import_store_set(Session& session, const SecretBytes& file,
                                     const std::optional<SecretBytes>& passphrase) {
  SecretBytes opened;
  const bool is_closed = passphrase && backup::is_envelope(view_of(file));
  if (is_closed) opened = backup::open_envelope(view_of(file), *passphrase);
  const ByteView zip = is_closed ? view_of(opened) : view_of(file);
  if (!backup::looks_like_store_set(zip)) return std::nullopt;
  const backup::StoreSets place = backup::StoreSets::for_writing(session.state());
  if (session.arguments().has("--dry-run")) return Json{{"outcome", "planned"}, {"id", place.examine_import(zip).id}};
  Json reply = set_json(place.summary(place.import_set(zip)));
  reply["outcome"] = "done";
  return reply;
}

std::vector<std::string> prune_store_sets(Session& session, std::size_t keep) {
  std::vector<std::string> removed;
  for (const backup::StoreSets& place : backup::StoreSets::for_reading(session.state())) {
    for (const std::string& id : place.beyond(keep)) {
      if (!session.arguments().has("--dry-run")) place.remove(id);
      removed.push_back(id);
    }
  }
  return removed;
}

}  // namespace chancery::cli
