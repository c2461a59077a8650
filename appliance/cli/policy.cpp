// chancery profile|endpoint|consumer …: policy and outside services, through the same transaction as certificates.
#include <nlohmann/json.hpp>
#include <sstream>

#include "appliance/cli/command.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

std::string noun_of(const Session& session) {
  const std::string_view path = session.command().path;
  return std::string(path.substr(0, path.find(' ')));
}

// KEY=VALUE; a key given twice is a list.
void put_settings(Json& settings, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const auto [key, value] = key_value(word, "for example: minimum-protocol=TLSv1.3");
    if (!settings.contains(key)) {
      settings[key] = value;
    } else if (settings[key].is_array()) {
      settings[key].push_back(value);
    } else {
      settings[key] = Json::array({settings[key], value});
    }
  }
}

// "a.pem;trust/federation/roots.pem": files travel with the request; what is named below trust/ is the generation's own.
void add_trusted(Ask& ask, const Json& setting) {
  std::istringstream entries(setting.is_string() ? setting.get<std::string>() : "");
  for (std::string entry; std::getline(entries, entry, ';');) {
    const auto first = entry.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    entry = entry.substr(first, entry.find_last_not_of(' ') - first + 1);
    if (entry.starts_with("trust/")) continue;
    preflight::SourceFile file = read_source(entry);
    file.name = entry;
    ask.add_file("trusted", std::move(file));
  }
}

constexpr Option kDryRun{
    .name = "--dry-run", .value = "", .help = "print the plan (files, endpoints, findings); change nothing"};

bool is_no_setting(std::string_view option) {
  return option == kDryRun.name || option == kNoRehearsal.name || option == kAcceptBreakage.name ||
         option == kDeadline.name || option == kWatch.name || option == kWatchShare.name;
}

int run_set(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string noun = noun_of(session);
  const std::string name = arguments.value("NAME");
  Json settings = Json::object();
  put_settings(settings, arguments.values("KEY=VALUE"));
  for (const Option& option : session.command().options) {
    if (!arguments.has(option.name) || is_no_setting(option.name)) continue;
    const std::string key(option.name.substr(2));
    if (option.repeated) {
      settings[key] = arguments.values(option.name);
    } else {
      settings[key] = arguments.value(option.name);
    }
  }
  if (settings.empty()) {
    throw usage("nothing to set for " + name, "`chancery help " + noun + " set` lists the settings");
  }
  Ask ask(noun + "-set");
  if (noun == "profile" && settings.contains("trusted")) add_trusted(ask, settings["trusted"]);
  ask.put_text("name", name).put("settings", settings).put_flag("dry_run", arguments.has("--dry-run"));
  put_rehearsal(ask, arguments);
  return show_outcome(session, session.ask(std::move(ask)), noun + " " + name + " is in force");
}

int run_delete(Session& session) {
  const std::string noun = noun_of(session);
  const std::string name = session.arguments().value("NAME");
  Ask ask(noun + "-delete");
  ask.put_text("name", name).put_flag("dry_run", session.arguments().has("--dry-run"));
  put_rehearsal(ask, session.arguments());
  return show_outcome(session, session.ask(std::move(ask)), noun + " " + name + " is deleted");
}

int run_show(Session& session) {
  Ask ask(noun_of(session) + "-show");
  ask.put_text("name", session.arguments().value("NAME"));
  const Json reply = session.ask(std::move(ask));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Sheet sheet;
  for (const auto& [key, value] : reply.items()) sheet.add(key, text_at(reply, key));
  sheet.print(session.terminal());
  return 0;
}

std::string address_of(const Json& endpoint) {
  const std::string host = text_at(endpoint, "host");
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + text_at(endpoint, "port");
}

int run_list(Session& session) {
  const std::string noun = noun_of(session);
  const Json reply = session.ask(Ask(noun + "-list"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json list = reply.value(noun + "s", Json::array());
  if (list.empty()) {
    terminal.note("no " + noun + "s");
    return 0;
  }
  if (noun == "endpoint") {
    Table table({{.title = "NAME"},
                 {.title = "ADDRESS", .may_shrink = true},
                 {.title = "IDENTITY"},
                 {.title = "PROFILE"},
                 {.title = "STATE"}});
    for (const Json& each : list) {
      const bool open = each.value("enabled", true);
      table.add({text_at(each, "name"), address_of(each), text_at(each, "identity"), text_at(each, "profile"),
                 open ? Text("open") : Text(painted(Colour::dim, "closed"))});
    }
    table.print(terminal);
  } else if (noun == "profile") {
    Table table({{.title = "NAME"},
                 {.title = "LEVEL"},
                 {.title = "FROM"},
                 {.title = "CLIENTS"},
                 {.title = "CIPHERS", .may_shrink = true}});
    for (const Json& each : list) {
      const std::string ciphers = text_at(each, "ciphers");
      table.add({text_at(each, "name"), text_at(each, "required-level"), text_at(each, "minimum-protocol"),
                 text_at(each, "client-certificates"), ciphers.empty() ? "built-in" : ciphers});
    }
    table.print(terminal);
  } else {
    Table table({{.title = "NAME"},
                 {.title = "IDENTITY"},
                 {.title = "RELOAD", .may_shrink = true},
                 {.title = "PROBE", .may_shrink = true}});
    for (const Json& each : list) {
      table.add({text_at(each, "name"), text_at(each, "identity"), text_at(each, "reload"), text_at(each, "probe")});
    }
    table.print(terminal);
  }
  return 0;
}

constexpr Option kDryRunOnly[] = {kDryRun};
constexpr Positional kSetPositionals[] = {
    {.name = "NAME", .help = "lower-case letters, digits and dashes"},
    {.name = "KEY=VALUE", .help = "settings, as an alternative to the options", .required = false, .repeated = true}};
constexpr Positional kName[] = {{.name = "NAME", .help = "as `list` shows it"}};

constexpr Option kProfileOptions[] = {
    {.name = "--required-level",
     .value = "LEVEL",
     .help = "how much TLS is demanded",
     .kind = "None|TLSNoPeerAuth|TLSPeerAuth"},
    {.name = "--minimum-protocol", .value = "VERSION", .help = "the oldest that is spoken", .kind = "TLSv1.2|TLSv1.3"},
    {.name = "--ciphers", .value = "LIST", .help = "OpenSSL list; empty: the built-in one"},
    {.name = "--groups", .value = "LIST", .help = "OpenSSL list of key exchange groups"},
    {.name = "--client-certificates",
     .value = "WHAT",
     .help = "are clients asked for a certificate?",
     .kind = "off|request|require"},
    {.name = "--trusted", .value = "FILES", .help = "CAs of the clients, or their own certificates: \"a.pem;b.pem\""},
    {.name = "--crl", .value = "FILE|URL", .help = "revoked client certificates"},
    {.name = "--crl-interval", .value = "MINUTES", .help = "how often it is read again"},
    {.name = "--allow", .value = "NAME", .help = "a name that client certificates may bear", .repeated = true},
    kNoRehearsal,
    kAcceptBreakage,
    kDeadline,
    kWatch,
    kWatchShare,
    kDryRun};
constexpr Example kProfileSetExamples[] = {
    {"chancery profile set strict --minimum-protocol TLSv1.3", "a profile that endpoints can use"},
    {"chancery profile set sensors --required-level TLSPeerAuth --trusted \"ca-2025.pem;ca-2026.pem\" --allow sensor-7",
     "mutual TLS, under an old and a new CA, for one name"},
    {"chancery profile set default minimum-protocol=TLSv1.3 --dry-run", "what that would change"}};
constexpr Example kProfileShowExamples[] = {{"chancery profile show default", "all its settings"}};
constexpr Example kProfileListExamples[] = {{"chancery profile list", "what endpoints can use"}};
constexpr Example kProfileDeleteExamples[] = {{"chancery profile delete strict", "refused while an endpoint uses it"}};

constexpr Option kEndpointOptions[] = {
    {.name = "--host", .value = "ADDRESS", .help = "where it listens"},
    {.name = "--port", .value = "N", .help = "at which port"},
    {.name = "--enabled", .value = "BOOL", .help = "open or closed", .kind = "true|false"},
    {.name = "--profile", .value = "NAME", .help = "its security profile"},
    {.name = "--identity", .value = "IDENTITY", .help = "the certificate that it presents", .kind = "identity"},
    kNoRehearsal,
    kStopAboveBreakage,
    kDeadline,
    kWatch,
    kWatchShare,
    kDryRun};
constexpr Option kEndpointDeleteOptions[] = {kNoRehearsal, kStopAboveBreakage, kDeadline, kWatch, kWatchShare, kDryRun};
constexpr Example kEndpointSetExamples[] = {
    {"chancery endpoint set portal --port 8443", "moves it at once; a port that cannot be opened changes nothing"},
    {"chancery endpoint set engine-api enabled=false", "closes it"}};
constexpr Example kEndpointShowExamples[] = {{"chancery endpoint show portal", "all its settings"}};
constexpr Example kEndpointListExamples[] = {{"chancery endpoint list", "ports, certificates and profiles"}};
constexpr Example kEndpointDeleteExamples[] = {
    {"chancery endpoint delete console-lan", "the appliance's own ones stay"}};

constexpr Option kConsumerOptions[] = {
    {.name = "--identity",
     .value = "IDENTITY",
     .help = "the files that it reads: current/identities/IDENTITY/",
     .kind = "identity"},
    {.name = "--reload", .value = "COMMAND", .help = "makes it read them again; run without a shell"},
    {.name = "--probe",
     .value = "HOST:PORT",
     .help = "where it must present the certificate afterwards",
     .repeated = true},
    {.name = "--starttls", .value = "PROTOCOL", .help = "how its probes begin TLS", .kind = "smtp|ldap|postgres"},
    {.name = "--requires",
     .value = "FILE:LINE",
     .help = "a line or XML element that its configuration must hold",
     .repeated = true},
    kDryRun};
constexpr Example kConsumerSetExamples[] = {
    {"chancery consumer set nginx --identity portal --reload 'systemctl reload nginx' --probe localhost:8080",
     "from now on nginx is reloaded, probed and rolled back like our own programs"},
    {"chancery consumer set web --identity portal --reload 'nginx -s reload' --probe [::1]:443 "
     "--requires '/etc/nginx/tls.conf:ssl_protocols TLSv1.3;'",
     "and its configuration is checked as well"}};
constexpr Example kConsumerShowExamples[] = {{"chancery consumer show nginx", "all its settings"}};
constexpr Example kConsumerListExamples[] = {
    {"chancery consumer list", "outside services that follow the certificates"}};
constexpr Example kConsumerDeleteExamples[] = {{"chancery consumer delete nginx", "it is not reloaded any more"}};

constexpr Command kPolicyCommands[] = {
    {.path = "profile set",
     .doing = "set the profile",
     .summary = "make or change a security profile",
     .description =
         "What is not mentioned stays as it is. Listeners take it with their next handshake. Stops where somebody who "
         "connects now could not any more (no version, suite or group in common, no client certificate, no TLS), "
         "unless --accept-breakage allows for so many.",
     .positionals = kSetPositionals,
     .options = kProfileOptions,
     .examples = kProfileSetExamples,
     .run = run_set},
    {.path = "profile show",
     .doing = "show the profile",
     .summary = "one security profile",
     .description = "All settings.",
     .positionals = kName,
     .options = {},
     .examples = kProfileShowExamples,
     .run = run_show},
    {.path = "profile list",
     .doing = "list profiles",
     .summary = "the security profiles",
     .description = "Versions, ciphers and client certificates that endpoints can be given.",
     .positionals = {},
     .options = {},
     .examples = kProfileListExamples,
     .run = run_list},
    {.path = "profile delete",
     .doing = "delete the profile",
     .summary = "remove a security profile",
     .description = "Only one that no endpoint uses.",
     .positionals = kName,
     .options = kDryRunOnly,
     .examples = kProfileDeleteExamples,
     .run = run_delete},
    {.path = "endpoint set",
     .doing = "set the endpoint",
     .summary = "make or change an endpoint",
     .description =
         "Where a program listens, with which certificate and profile. What is not mentioned stays as it is. Those who "
         "are connected there are asked before, or judged by what they have offered: who would be locked out is told, "
         "and stops it only where --accept-breakage says how many are too many.",
     .positionals = kSetPositionals,
     .options = kEndpointOptions,
     .examples = kEndpointSetExamples,
     .run = run_set},
    {.path = "endpoint show",
     .doing = "show the endpoint",
     .summary = "one endpoint",
     .description = "All settings.",
     .positionals = kName,
     .options = {},
     .examples = kEndpointShowExamples,
     .run = run_show},
    {.path = "endpoint list",
     .doing = "list endpoints",
     .summary = "where the programs listen",
     .description = "`chancery status` tells which of them really do.",
     .positionals = {},
     .options = {},
     .examples = kEndpointListExamples,
     .run = run_list},
    {.path = "endpoint delete",
     .doing = "delete the endpoint",
     .summary = "remove an endpoint",
     .description =
         "One that was added; the appliance's own ones are closed with enabled=false. Who is connected there and knows "
         "no other way is told, and stops it only where --accept-breakage says how many are too many.",
     .positionals = kName,
     .options = kEndpointDeleteOptions,
     .examples = kEndpointDeleteExamples,
     .run = run_delete},
    {.path = "consumer set",
     .doing = "set the consumer",
     .summary = "let an outside service follow the certificates",
     .description =
         "A service such as nginx that reads STATE/current/identities/IDENTITY/. Every change of that identity "
         "reloads and probes it, and rolls back when it fails.",
     .positionals = kSetPositionals,
     .options = kConsumerOptions,
     .examples = kConsumerSetExamples,
     .run = run_set},
    {.path = "consumer show",
     .doing = "show the consumer",
     .summary = "one outside service",
     .description = "All settings.",
     .positionals = kName,
     .options = {},
     .examples = kConsumerShowExamples,
     .run = run_show},
    {.path = "consumer list",
     .doing = "list consumers",
     .summary = "the outside services",
     .description = "What they read, how they are reloaded, and where they are probed.",
     .positionals = {},
     .options = {},
     .examples = kConsumerListExamples,
     .run = run_list},
    {.path = "consumer delete",
     .doing = "delete the consumer",
     .summary = "an outside service follows no more",
     .description = "Its own files are not touched.",
     .positionals = kName,
     .options = kDryRunOnly,
     .examples = kConsumerDeleteExamples,
     .run = run_delete},
};

}  // namespace

std::span<const Command> policy_commands() { return kPolicyCommands; }

}  // namespace chancery::cli
