// chancery init: makes the state of an appliance.
#include <nlohmann/json.hpp>
#include <optional>

#include "appliance/cli/appliance_backup.h"
#include "appliance/cli/command.h"
#include "appliance/cli/new_file.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"
#include "appliance/manager/certificate_manager.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

manager::InitialOptions options_of(Session& session) {
  const Arguments& arguments = session.arguments();
  return {.state = session.state(),
          .role = role_from_name(arguments.value("--role")),
          .name = arguments.value("--name"),
          .internal_name = arguments.value("--internal-name"),
          .sans = arguments.values("--san"),
          .listen_host = arguments.value("--listen", "0.0.0.0"),
          .port_base = static_cast<int>(arguments.number("--port-base", 0, 1, 65000)),
          .authority_key_type = key_type_from_name(arguments.value("--authority-key-type", "ecdsa-p256")),
          .root_token_uri = arguments.value("--root-key")};
}

// Who gave it knows it: it is printed nowhere again.
bool is_password_given(const Session& session) {
  return session.arguments().has("--administrator-password-file") ||
         session.arguments().has("--administrator-password-env");
}

void print_json(Session& session, const manager::InitialOptions& options, const manager::Initial& initial) {
  Json document = {{"state", options.state},
                   {"role", to_text(options.role)},
                   {"name", options.name},
                   {"federation", initial.federation.empty() ? Json(nullptr) : Json(initial.federation)},
                   {"generation", initial.generation}};
  Terminal& terminal = session.terminal();
  if (session.arguments().has("--password-file")) {
    document["password_file"] = session.arguments().value("--password-file");
  }
  if (session.arguments().has("--password-file") || is_password_given(session)) {
    terminal.document(document);
    return;
  }
  // The password goes from its wiping memory to stdout; it is made of letters and digits that JSON takes as they are.
  std::string text = document.dump(2);
  text.resize(text.find_last_not_of("\n}") + 1);
  terminal.raw(text + ",\n  \"administrator_password\": \"");
  terminal.secret(view_of(initial.administrator_password));
  terminal.raw("\"\n}\n");
}

void print_words(Session& session, const manager::InitialOptions& options, const manager::Initial& initial) {
  Terminal& terminal = session.terminal();
  const std::string role = to_text(options.role);
  if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": " << options.name << " is a " << role
                         << " appliance now");
    Sheet sheet;
    sheet.add("state", options.state);
    if (!initial.federation.empty()) sheet.add("federation", initial.federation);
    sheet.print(terminal, 2);
  }
  if (session.arguments().has("--password-file")) {
    terminal.note("the administrator's password is in " + session.arguments().value("--password-file"));
  } else if (is_password_given(session)) {
    terminal.note("the administrator's password is the one given");
  } else {
    terminal.raw("administrator password: ");
    terminal.secret(view_of(initial.administrator_password));
    terminal.raw("\n");
    terminal.note("it is shown this once: keep it in a safe place");
  }
  if (options.role == Role::secondary) {
    terminal.hint("on the primary: chancery federation token --role engine --name " + options.name);
    terminal.hint("then here: chancery federation join --primary HOST:PORT --token-file FILE");
  } else {
    terminal.hint("look around: chancery status; chancery cert list; chancery doctor");
  }
}

// Nothing is there yet that could be compared: what would listen where, and under whose name.
int show_plan(Session& session, const manager::InitialPlan& plan) {
  Json endpoints = Json::array();
  for (const Endpoint& endpoint : plan.endpoints) {
    if (!endpoint.enabled) continue;
    endpoints.push_back({{"endpoint", endpoint.name},
                         {"identity", endpoint.identity},
                         {"host", endpoint.host},
                         {"port", endpoint.port}});
  }
  const Appliance& appliance = plan.appliance;
  return show_outcome(session,
                      {{"outcome", "planned"},
                       {"plan",
                        {{"state", appliance.state},
                         {"role", to_text(appliance.role)},
                         {"names", appliance.all_names()},
                         {"identities", plan.identities},
                         {"endpoints", endpoints},
                         {"users", appliance.separate_users ? "one per program" : "one for everything"}}}},
                      "");
}

int run_init(Session& session) {
  if (session.arguments().has("--from")) return run_rebuild(session);
  manager::InitialOptions options = options_of(session);
  options.root_passphrase = given_secret(session.arguments(), "--root-passphrase");
  options.root_pin = given_secret(session.arguments(), "--root-pin");
  if (session.arguments().has("--dry-run")) {
    options.administrator_password = given_secret(session.arguments(), "--administrator-password");
    return show_plan(session, manager::plan_initialise(options));
  }
  std::optional<NewFile> file;
  if (session.arguments().has("--password-file")) file.emplace(session.arguments().value("--password-file"));
  options.administrator_password = given_secret(session.arguments(), "--administrator-password");
  const manager::Initial initial = manager::initialise(options, system_now);
  if (file) {
    SecretBytes line = initial.administrator_password;
    line.push_back('\n');
    file->keep(view_of(line));
  }
  if (session.json()) {
    print_json(session, options, initial);
  } else {
    print_words(session, options, initial);
  }
  return 0;
}

constexpr Option kInitOptions[] = {
    {.name = "--role",
     .value = "ROLE",
     .help = "primary: console + portal; secondary: console + engine; single: all three",
     .kind = "primary|secondary|single",
     .required = true,
     .unless = "--from"},
    {.name = "--name",
     .value = "DNS",
     .help = "the name that browsers, finder and collectors use",
     .required = true,
     .unless = "--from"},
    {.name = "--internal-name", .value = "DNS", .help = "the name that the portal uses towards the engine, if another"},
    {.name = "--san", .value = "NAME", .help = "one more name or address", .repeated = true},
    {.name = "--listen", .value = "HOST", .help = "the address to listen at (0.0.0.0)"},
    {.name = "--port-base", .value = "N", .help = "ports N, N+1, … instead of 99, 443, … (several on one machine)"},
    {.name = "--password-file",
     .value = "FILE",
     .help = "write the administrator's password there (new, 0600), not to stdout",
     .kind = "file"},
    {.name = "--administrator-password-file",
     .value = "FILE",
     .help = "use the password in that file (- is stdin) instead of making one",
     .kind = "file"},
    {.name = "--authority-key-type",
     .value = "TYPE",
     .help = "of the root and the issuing CA (ecdsa-p256)",
     .kind = "ecdsa-p256|rsa-3072"},
    {.name = "--root-passphrase-file",
     .value = "FILE",
     .help = "keep the root's key encrypted under the passphrase in that file (- is stdin)",
     .kind = "file"},
    {.name = "--root-key", .value = "URI", .help = "the root's key is in a PKCS#11 token: pkcs11:token=…;object=…"},
    {.name = "--root-pin-file", .value = "FILE", .help = "the PIN of that token", .kind = "file"},
    {.name = "--from",
     .value = "FILE",
     .help = "instead of all that: rebuild the appliance from what `backup appliance` wrote",
     .kind = "file"},
    {.name = "--passphrase-file", .value = "FILE", .help = "of that backup (- is stdin)", .kind = "file"},
    {.name = "--passphrase-env", .value = "VARIABLE", .help = "the same from the environment"},
    {.name = "--dry-run", .value = "", .help = "print what would be made and where it would listen; make nothing"}};
constexpr Example kInitExamples[] = {
    {"chancery init --role primary --name portal.example.com", "the first appliance of a federation, with its own PKI"},
    {"chancery init --role secondary --name engine1.example.com --internal-name engine1.lan",
     "an engine; it serves self-signed certificates until it joins"},
    {"chancery --state /tmp/try init --role single --name localhost --listen 127.0.0.1 --port-base 20000",
     "everything on one machine, for trying out"},
    {"chancery init --from primary.backup --passphrase-file pass",
     "the appliance as it was when that was taken, on a machine that has none; nothing is overwritten"}};

constexpr Command kInitCommands[] = {
    {.path = "init",
     .doing = "initialise the appliance",
     .summary = "make this machine an appliance",
     .description = "Makes the state, complete or not at all. A primary and a single get their own PKI, default "
                    "certificates, a Customer Key, a repair key and an administrator, whose password is printed once. "
                    "With --from an "
                    "appliance comes back from its backup: names, ports, keys and databases are in it; numbers of "
                    "generations, revocation lists and audit go on higher than any before, and open join tokens are "
                    "revoked.",
     .positionals = {},
     .options = kInitOptions,
     .examples = kInitExamples,
     .run = run_init}};

}  // namespace

std::span<const Command> init_commands() { return kInitCommands; }

}  // namespace chancery::cli
