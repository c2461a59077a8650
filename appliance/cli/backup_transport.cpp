#include "appliance/cli/backup_transport.h"

#include <nlohmann/json.hpp>

#include "appliance/cli/ask.h"
#include "appliance/cli/backup_stores.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "backup/sets/store_sets.h"
#include "keystore/files/folder.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kLargestSet = 64u << 20;

std::optional<SecretBytes> export_passphrase(const Arguments& arguments) {
  if (arguments.has("--ask-passphrase")) return prompted_secret_twice("passphrase for the exported set: ");
  return given_secret(arguments, "--passphrase");
}

}  // namespace

int run_backup_export(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string output = arguments.value("--output");
  const std::string id = arguments.value("ID");
  const std::optional<SecretBytes> passphrase = export_passphrase(arguments);
  std::vector<SecretBytes> attachments;
  Json reply;
  if (backup::is_store_set_id(id)) {
    attachments.push_back(export_store_set(session, id, passphrase ? &*passphrase : nullptr, reply));
  } else {
    Ask ask("backup-export");
    ask.put_text("id", id);
    if (passphrase) ask.put_secret("passphrase", *passphrase);
    reply = session.ask(std::move(ask), &attachments);
  }
  if (attachments.empty()) {
    throw Failure({.code = "reply-invalid",
                   .subject = "chancery-manager",
                   .cause = "its reply holds no set",
                   .hint = "are `chancery` and `chancery-manager` of the same version?"});
  }
  Terminal& terminal = session.terminal();
  if (output == "-") {
    if (session.json()) {
      throw stdout_is_taken();
    }
    terminal.secret(view_of(attachments.front()));
    return 0;
  }
  const std::size_t slash = output.rfind('/');
  const Folder folder = Folder::open(slash == std::string::npos ? "." : slash == 0 ? "/" : output.substr(0, slash));
  const std::string name = slash == std::string::npos ? output : output.substr(slash + 1);
  if (folder.status(name)) {
    throw Failure({.code = "already-exists",
                   .subject = output,
                   .cause = "there is such a file",
                   .hint = "remove it, or give another name to --output"});
  }
  folder.write_atomically(name, view_of(attachments.front()), {.mode = 0600});
  reply["output"] = output;
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": written to " << output
                         << (passphrase ? ", encrypted" : ""));
  }
  if (!passphrase) terminal.hint("it holds private keys in clear: --passphrase-file encrypts it");
  return 0;
}

int run_backup_import(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("backup-import");
  preflight::SourceFile file{.name = arguments.value("FILE"),
                             .bytes = read_secret_file(arguments.value("FILE"), kLargestSet)};
  std::optional<SecretBytes> passphrase = given_secret(arguments, "--passphrase");
  const bool is_zip = file.bytes.size() >= 2 && file.bytes[0] == 'P' && file.bytes[1] == 'K';
  if (!passphrase && !is_zip && can_prompt()) passphrase = prompted_secret("passphrase of " + file.name + ": ");
  std::optional<Json> of_a_store = import_store_set(session, file.bytes, passphrase);
  if (!of_a_store) {
    ask.put_file("file", std::move(file));
    if (passphrase) ask.put_secret("passphrase", std::move(*passphrase));
    ask.put_flag("dry_run", arguments.has("--dry-run"));
  }
  const Json reply = of_a_store ? std::move(*of_a_store) : session.ask(std::move(ask));
  if (arguments.has("--dry-run")) return show_outcome(session, reply, "");
  if (session.json()) {
    session.terminal().document(reply);
  } else if (!session.terminal().quiet()) {
    session.terminal().line(Text() << painted(Colour::green, "done") << ": imported as " << text_at(reply, "id"));
    session.terminal().line("  to put it in force: chancery backup restore " + text_at(reply, "id"));
  }
  return 0;
}

}  // namespace chancery::cli
