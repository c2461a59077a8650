// The root's key: brought along by a request, exported for a safe place, taken off the appliance.
#include <nlohmann/json.hpp>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/root_access.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

SecretBytes export_passphrase(const Call& call) {
  if (auto passphrase = call.secret("passphrase")) return std::move(*passphrase);
  throw bad_argument("passphrase", "the exported key is always encrypted, and no passphrase is given",
                     "give one with --passphrase-file FILE");
}

json about(const AuthorityDesk& desk, authority::RootKeyPlace place) {
  const Certificate root = desk.authority.root();
  return {{"root", {{"subject", root.subject()}, {"sha256", root.fingerprint()}}}, {"kept", to_text(place)}};
}

}  // namespace

authority::RootAccess root_access(const Call& call) {
  authority::RootAccess access{.passphrase = call.secret("root_passphrase"), .pin = call.secret("root_pin")};
  if (call.object("root_key") != nullptr) {
    preflight::SourceFile file = call.file("root_key");
    access.key_file = std::move(file.bytes);
    access.key_name = file.name;
  }
  return access;
}

json authority_root_export(Bench& bench, Call& call) {
  const SecretBytes passphrase = export_passphrase(call);
  const AuthorityDesk desk(bench);
  if (desk.authority.root_key_place() == authority::RootKeyPlace::token) {
    throw Failure({.code = "root-key-in-token",
                   .subject = desk.authority.root().subject(),
                   .cause = "its key is in a PKCS#11 token, which does not hand it out",
                   .hint = "make a copy with the token's own tools"});
  }
  const authority::RootKey key = desk.authority.root_key(root_access(call));
  json reply = about(desk, desk.authority.root_key_place());
  reply["outcome"] = call.flag("dry_run") ? "planned" : "done";
  SecretBytes sealed = key.sealed(passphrase);
  if (!call.flag("dry_run")) call.reply_attachments.push_back(std::move(sealed));
  return reply;
}

json authority_root_remove(Bench& bench, Call& call) {
  const authority::RootAccess access = root_access(call);
  if (!access.key_file) {
    throw bad_argument("root_key", "the exported key must be shown before the one here is removed",
                       "export it first (chancery authority root export-key), then give that file: --root-key FILE "
                       "--root-passphrase-file FILE");
  }
  const Bench::Writer writer = bench.begin_change(call.who() + ", authority root remove-key");
  AuthorityDesk desk(bench);
  // Whoever removes the key here proves that it opens elsewhere.
  static_cast<void>(desk.authority.root_key(access));
  const authority::RootKeyPlace place = desk.authority.root_key_place();
  json reply = about(desk, place);
  const bool is_here = place == authority::RootKeyPlace::clear || place == authority::RootKeyPlace::encrypted;
  reply["outcome"] = is_here ? "done" : "unchanged";
  if (call.flag("dry_run")) {
    json files = json::array();
    if (is_here) files.push_back({{"path", "authority/root.key"}, {"change", "remove"}});
    reply["outcome"] = "planned";
    reply["plan"] = {{"files", std::move(files)}};
    return reply;
  }
  desk.authority.forget_root_key();
  reply["kept"] = to_text(desk.authority.root_key_place());
  return reply;
}

}  // namespace chancery::manager
