// chancery keystore import: certificates of any bundle, or a key with its chain.
#include <nlohmann/json.hpp>

#include "appliance/cli/human_time.h"
#include "appliance/cli/keystore_access.h"
#include "appliance/cli/keystore_commands.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/material.h"
#include "keystore/x509/printable.h"

namespace chancery::cli {

using Json = nlohmann::json;
using preflight::SourceFile;

namespace {

struct Given {
  std::vector<Certificate> certificates;
  std::vector<PrivateKey> keys;
  Json notes = Json::array();
};

// Every certificate or none: a bundle of which a part cannot be read is not imported in part.
bool is_grave(const std::string& code) {
  return code == "damaged-block" || code == "not-a-certificate" || code == "too-large" || code == "not-pem" ||
         code == "empty-input";
}

void take(Given& given, const SourceFile& file, const SecretBytes* passphrase, bool is_key_file) {
  Material found = read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase});
  for (const MaterialNote& note : found.notes) {
    if (is_grave(note.code) || (note.code == "key-encrypted" && (is_key_file || found.certificates.empty()))) {
      throw Failure({.code = note.code, .subject = note.subject, .cause = note.message, .hint = note.hint});
    }
    given.notes.push_back(
        {{"code", note.code}, {"subject", note.subject}, {"message", note.message}, {"hint", note.hint}});
  }
  for (Certificate& each : found.certificates) given.certificates.push_back(std::move(each));
  for (PrivateKey& each : found.keys) given.keys.push_back(std::move(each));
}

Given read_given(const Arguments& arguments) {
  std::vector<SourceFile> files;
  for (const std::string& path : arguments.values("--file")) files.push_back(read_source(path));
  const std::size_t key_from = files.size();
  if (arguments.has("--key")) files.push_back(read_source(arguments.value("--key")));
  if (files.empty()) {
    throw usage("there is nothing to import",
                "give --file FILE: certificates in any container, or a key with its certificates");
  }
  std::vector<const SourceFile*> all;
  for (const SourceFile& file : files) all.push_back(&file);
  const std::optional<SecretBytes> passphrase = passphrase_for(arguments, all);
  Given given;
  for (std::size_t at = 0; at < files.size(); ++at) {
    take(given, files[at], passphrase ? &*passphrase : nullptr, at >= key_from);
  }
  if (given.keys.size() > 1) {
    throw Failure({.code = "many-keys",
                   .subject = "",
                   .cause = "there is more than one key",
                   .hint = "import them one by one, each with an alias of its own"});
  }
  return given;
}

std::int64_t milliseconds_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Json row(const char* outcome, const std::string& alias, const Certificate& certificate) {
  return {{"outcome", outcome},
          {"alias", alias},
          {"subject", certificate.subject()},
          {"sha256", certificate.fingerprint()},
          {"not_after", to_rfc3339(certificate.not_after())}};
}

struct Done {
  Json rows = Json::array();
  std::size_t added = 0;
  std::string sentence;
};

Done import_all(OpenedStore& opened, const Given& given, const Arguments& arguments) {
  Done done;
  const auto imported = java::import_certificates(
      opened.store, given.certificates,
      {.alias = arguments.value("--alias"), .duplicates = arguments.has("--duplicates"), .now_ms = milliseconds_now()});
  for (const java::ImportedCertificate& each : imported) {
    const bool is_added = each.outcome == java::ImportedCertificate::Outcome::added;
    done.added += is_added ? 1 : 0;
    done.rows.push_back(row(is_added ? "added" : "already-there", each.alias, each.certificate));
  }
  done.sentence =
      std::to_string(done.added) + (done.added == 1 ? " certificate is" : " certificates are") + " imported";
  return done;
}

void add_chain(Done& done, const java::Chain& chain, const std::string& alias) {
  for (const Certificate& each : chain.certificates) done.rows.push_back(row("added", alias, each));
  for (const Certificate& each : chain.unused) done.rows.push_back(row("not-in-chain", "", each));
  done.added = chain.certificates.size();
}

Done import_with_key(OpenedStore& opened, const Given& given, Session& session) {
  const std::optional<SecretBytes> own = given_password(session.arguments(), "--keypass");
  const SecretBytes* under = own ? &*own : opened.sealed_under();
  const java::ImportedKey imported = java::import_key(
      opened.store, given.keys.front(), given.certificates,
      {.alias = session.arguments().value("--alias"), .key_password = under, .now_ms = milliseconds_now()});
  Done done;
  add_chain(done, imported.chain, imported.alias);
  done.sentence = "the key is imported as " + printable(view_of(imported.alias));
  return done;
}

Done renew(OpenedStore& opened, const Given& given, Session& session) {
  const std::string alias = session.arguments().value("--alias");
  if (alias.empty() || !given.keys.empty()) {
    throw usage("--renew gives the key that is under --alias new certificates",
                "name the key by --alias, and give only certificates");
  }
  const SecretBytes key_password = key_password_of(session, opened.password);
  Done done;
  add_chain(done, java::replace_chain(opened.store, alias, given.certificates, key_password), alias);
  done.sentence = "the key " + printable(view_of(alias)) + " has its new certificates";
  return done;
}

void show_rows(Session& session, const Json& rows) {
  if (session.json() || session.terminal().quiet()) return;
  Table table({{.title = "RESULT"},
               {.title = "ALIAS", .may_shrink = true},
               {.title = "CERTIFICATE", .may_shrink = true},
               {.title = "ENDS"}});
  for (const Json& each : rows) {
    const std::string outcome = text_at(each, "outcome");
    const Text said = outcome == "added"           ? painted(Colour::green, "added")
                      : outcome == "already-there" ? painted(Colour::yellow, "already there")
                                                   : painted(Colour::dim, "not in chain");
    table.add({said, printable(view_of(text_at(each, "alias"))), text_at(each, "subject"),
               ending(text_at(each, "not_after"), session.now())});
  }
  table.print(session.terminal());
}

}  // namespace

int run_keystore_import(Session& session) {
  const Arguments& arguments = session.arguments();
  const Given given = read_given(arguments);
  OpenedStore opened = open_for_change(
      session, "keystore import", {.may_make = true, .asks_no_more = given.keys.empty() && !arguments.has("--renew")});
  const Done done = arguments.has("--renew") ? renew(opened, given, session)
                    : given.keys.empty()     ? import_all(opened, given, arguments)
                                             : import_with_key(opened, given, session);
  Json reply = done.added > 0 ? opened.put()
                              : Json{{"outcome", "unchanged"},
                                     {"path", printable(view_of(opened.edited.path()))},
                                     {"message", "the keystore has all of these certificates already"}};
  if (opened.is_new && done.added > 0) reply["created"] = true;
  reply["certificates"] = done.rows;
  if (!given.notes.empty()) reply["notes"] = given.notes;
  show_rows(session, done.rows);
  return show_outcome(session, reply, done.sentence);
}

}  // namespace chancery::cli
