// chancery authority root export-key, remove-key: the root's key in a safe place and off the appliance.
#include <nlohmann/json.hpp>

#include "appliance/cli/authority_commands.h"
#include "appliance/cli/new_file.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/root_options.h"
#include "appliance/cli/secret_input.h"
#include "keystore/fault.h"

namespace chancery::cli {

using Json = nlohmann::json;

void put_root_access(Ask& ask, const Arguments& arguments) {
  if (arguments.has("--root-key")) ask.put_file("root_key", read_source(arguments.value("--root-key")));
  if (auto passphrase = given_secret(arguments, "--root-passphrase")) {
    ask.put_secret("root_passphrase", std::move(*passphrase));
  }
  if (auto pin = given_secret(arguments, "--root-pin")) ask.put_secret("root_pin", std::move(*pin));
}

int run_export_root_key(Session& session) {
  const Arguments& arguments = session.arguments();
  const bool is_dry = arguments.has("--dry-run");
  const std::string output = arguments.value("--output");
  std::optional<SecretBytes> passphrase = given_secret(arguments, "--passphrase");
  if (!passphrase) passphrase = prompted_secret_twice("passphrase for " + output + ": ");
  Ask ask("authority-root-export");
  ask.put_secret("passphrase", std::move(*passphrase)).put_flag("dry_run", is_dry);
  put_root_access(ask, arguments);
  if (is_dry) return show_outcome(session, session.ask(std::move(ask)), "");
  NewFile file(output);
  std::vector<SecretBytes> attachments;
  Json reply = session.ask(std::move(ask), &attachments);
  if (attachments.empty()) {
    throw Failure({.code = "reply-invalid",
                   .subject = "chancery-manager",
                   .cause = "its reply holds no key",
                   .hint = "are `chancery` and `chancery-manager` of the same version?"});
  }
  file.keep(view_of(attachments.front()));
  if (session.json()) {
    reply["output"] = output;
    session.terminal().document(reply);
    return 0;
  }
  session.terminal().note("the root's key is in " + output + ", encrypted; keep it and its passphrase apart");
  session.terminal().hint("to take it off this appliance: chancery authority root remove-key --root-key " + output +
                          " --root-passphrase-file FILE");
  return 0;
}

int run_remove_root_key(Session& session) {
  Ask ask("authority-root-remove");
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  put_root_access(ask, session.arguments());
  return show_outcome(session, session.ask(std::move(ask)),
                      "the root's key is off this appliance; issuing and renewing go on without it");
}

}  // namespace chancery::cli
