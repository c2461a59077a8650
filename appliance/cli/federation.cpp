// chancery federation …: tokens, joining, members.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/root_options.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// People name an appliance by what it runs; the roster by its role.
std::string role_named(const std::string& word) { return word == "engine" ? "secondary" : word; }

// The first 16 bytes of a token name it (join.h); what follows them is secret.
std::string token_id(ByteView token) {
  constexpr std::size_t kIdSize = 16;
  constexpr std::size_t kIdText = 24;  // base64url of 18 bytes: whole groups of four characters
  const std::string_view text = text_of(token);
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || text.size() < dot + 1 + kIdText) return {};
  const SecretBytes head = from_base64url_secret(view_of(text.substr(dot + 1, kIdText)));
  return to_hex(view_of(head).first(kIdSize));
}

int run_token(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("federation-token");
  ask.put_text("role", role_named(arguments.value("--role")))
      .put_text("name", arguments.value("--name"))
      .put_texts("sans", arguments.values("--san"))
      .put("ttl_seconds", seconds_from(arguments.value("--ttl", "10m"), "--ttl"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  put_root_access(ask, arguments);
  std::vector<SecretBytes> attachments;
  Json reply = session.ask(std::move(ask), &attachments);
  if (arguments.has("--dry-run")) return show_outcome(session, reply, "");
  if (attachments.empty()) {
    throw Failure({.code = "reply-invalid",
                   .subject = "chancery-manager",
                   .cause = "its reply holds no token",
                   .hint = "are `chancery` and `chancery-manager` of the same version?"});
  }
  Terminal& terminal = session.terminal();
  const ByteView token = view_of(attachments.front());
  if (session.json()) {
    // The token goes from its wiping memory to stdout; it is base64url, which JSON takes as it is.
    reply.erase("token");
    if (!reply.contains("id")) reply["id"] = token_id(token);
    std::string rest = reply.dump(2);
    rest.erase(0, rest.find_first_not_of("{\n "));
    terminal.raw("{\n  \"token\": \"");
    terminal.secret(token);
    terminal.raw(rest == "}" || rest.empty() ? "\"\n}\n" : "\",\n  " + rest + "\n");
    return 0;
  }
  terminal.secret(token);
  terminal.raw("\n");
  terminal.note("good for one key, until " + dated(text_at(reply, "expires"), session.now()));
  terminal.hint("on the new appliance: chancery federation join --primary HOST:PORT --token-file FILE");
  return 0;
}

int run_tokens_list(Session& session) {
  const Json reply = session.ask(Ask("federation-tokens-list"));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Table table({{.title = "ID"},
               {.title = "ROLE"},
               {.title = "NAMES", .may_shrink = true},
               {.title = "STATE"},
               {.title = "EXPIRES"}});
  for (const Json& each : reply.value("tokens", Json::array())) {
    table.add({text_at(each, "id"), text_at(each, "role"), text_at(each, "names"), text_at(each, "state"),
               relative(text_at(each, "expires"), session.now())});
  }
  if (table.is_empty()) {
    session.terminal().note("no tokens");
  } else {
    table.print(session.terminal());
  }
  return 0;
}

int run_tokens_revoke(Session& session) {
  const std::string id = session.arguments().value("ID");
  Ask ask("federation-tokens-revoke");
  ask.put_text("id", id).put_flag("dry_run", session.arguments().has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  if (session.arguments().has("--dry-run")) return show_outcome(session, reply, "");
  if (session.json()) {
    session.terminal().document(reply);
  } else if (!session.terminal().quiet()) {
    session.terminal().line(Text() << painted(Colour::green, "done") << ": token " << id
                                   << " lets nobody join any more");
  }
  return 0;
}

int run_list(Session& session) {
  const Json reply = session.ask(Ask("federation-list"));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Table table({{.title = "NAME", .may_shrink = true},
               {.title = "ROLE"},
               {.title = "STATE", .may_shrink = true},
               {.title = "VERSION"},
               {.title = "LAST SEEN"}});
  for (const Json& each : reply.value("members", Json::array())) {
    const std::string seen = text_at(each, "last_seen");
    const std::string version = text_at(each, "version");
    table.add({text_at(each, "name"), text_at(each, "role"), text_at(each, "state"), version.empty() ? "-" : version,
               seen.empty() ? "-" : relative(seen, session.now())});
  }
  if (table.is_empty()) {
    session.terminal().note("no members yet");
    session.terminal().hint("chancery federation token --role engine --name DNS lets one join");
  } else {
    table.print(session.terminal());
  }
  return 0;
}

int run_join(Session& session) {
  const Arguments& arguments = session.arguments();
  std::optional<SecretBytes> token = given_secret(arguments, "--token");
  if (!token) token = prompted_secret("join token: ");
  Ask ask("federation-join");
  ask.put_text("primary", arguments.value("--primary"))
      .put_secret("token", std::move(*token))
      .put_flag("dry_run", arguments.has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)), "this appliance is a member of the federation");
}

int run_remove(Session& session) {
  const std::string name = session.arguments().value("NAME");
  Ask ask("federation-remove");
  ask.put_text("name", name).put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)),
                      name + " is no member any more; its certificates are revoked");
}

int run_renew(Session& session) {
  Ask ask("federation-renew");
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)), "renewed what the federation's authority issued here");
}

constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "print the plan; change nothing"};

constexpr Option kTokenOptions[] = {
    {.name = "--role",
     .value = "ROLE",
     .help = "what the new appliance runs",
     .kind = "engine|secondary",
     .required = true},
    {.name = "--name", .value = "DNS", .help = "its name, exactly as its `init` was told", .required = true},
    {.name = "--san", .value = "NAME", .help = "its other names (internal name, addresses)", .repeated = true},
    {.name = "--ttl", .value = "TIME", .help = "good for so long (10m; at most as the primary allows)"},
    kRootKey,
    kRootPassphrase,
    kRootPin,
    kDryRun};
constexpr Example kTokenExamples[] = {
    {"chancery federation token --role engine --name engine1.example.com --san engine1.lan > token",
     "a token for one appliance, good for one key and ten minutes"},
    {"chancery federation token --role engine --name engine2.example.com --ttl 24h --json", "for scripts"}};

constexpr Example kTokensListExamples[] = {
    {"chancery federation tokens list", "open, used, expired and revoked tokens"}};
constexpr Positional kTokenId[] = {{.name = "ID", .help = "as `federation tokens list` shows it"}};
constexpr Example kTokensRevokeExamples[] = {
    {"chancery federation tokens revoke 3f2a9c", "a token that went astray is good for nothing"}};

constexpr Option kJoinOptions[] = {
    {.name = "--primary", .value = "HOST:PORT", .help = "the primary's join endpoint (port 8444)", .required = true},
    {.name = "--token-file", .value = "FILE", .help = "the token (- is stdin)", .kind = "file"},
    {.name = "--token-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    {.name = "--dry-run",
     .value = "",
     .help = "look at the primary's authority and print the plan; uses up no token, changes nothing"}};
constexpr Option kRevokeOptions[] = {kDryRun};
constexpr Example kJoinExamples[] = {
    {"chancery federation join --primary portal.example.com:8444 --token-file token",
     "gets this appliance's certificates; own ones already in force stay"},
    {"chancery federation join --primary portal.example.com:8444", "asks for the token"},
    {"chancery federation join --primary portal.example.com:8444 --token-file token --dry-run",
     "is it the primary that made the token, and what would change here?"}};
constexpr Positional kMemberName[] = {{.name = "NAME", .help = "as `federation list` shows it"}};
constexpr Example kRemoveExamples[] = {
    {"chancery federation remove engine1.example.com", "sold, stolen or gone: refused everywhere within ten seconds"},
    {"chancery federation remove engine1.example.com --dry-run", "which certificates would be revoked"}};
constexpr Example kRenewExamples[] = {
    {"chancery federation renew", "new keys and certificates now, whatever time the present ones have left"},
    {"chancery federation renew --dry-run", "what would change; on a secondary, is the primary there?"}};
constexpr Example kListExamples[] = {{"chancery federation list", "members, and when they were last seen"}};

constexpr Command kFederationCommands[] = {
    {.path = "federation token",
     .doing = "make a join token",
     .summary = "print a token that lets one appliance join",
     .description =
         "On the primary. Only the token stands on stdout. It pins the authority's key, is bound to role and "
         "names, and is good for one key; the primary keeps no copy that would let anybody join.",
     .positionals = {},
     .options = kTokenOptions,
     .examples = kTokenExamples,
     .run = run_token},
    {.path = "federation tokens list",
     .doing = "list tokens",
     .summary = "the tokens that were made",
     .description = "Shows ids and what became of them, never the tokens.",
     .positionals = {},
     .options = {},
     .examples = kTokensListExamples,
     .run = run_tokens_list},
    {.path = "federation tokens revoke",
     .doing = "revoke the token",
     .summary = "make a token good for nothing",
     .description = "Who has joined with it stays a member.",
     .positionals = kTokenId,
     .options = kRevokeOptions,
     .examples = kTokensRevokeExamples,
     .run = run_tokens_revoke},
    {.path = "federation join",
     .doing = "join the federation",
     .summary = "make this appliance a member",
     .description = "Proves the token to the primary and the primary's key to us before anything is written; then puts "
                    "the federation's certificates in force through the same transaction as every change.",
     .positionals = {},
     .options = kJoinOptions,
     .examples = kJoinExamples,
     .run = run_join},
    {.path = "federation renew",
     .doing = "renew the certificates",
     .summary = "renew what the federation's authority issued, now",
     .description = "chancery-manager does this by itself after two thirds of a certificate's life. New keys are made "
                    "here; own certificates in force stay, and the default beside them is renewed. A member whose "
                    "certificate has ended can do it for 90 days more.",
     .positionals = {},
     .options = kRevokeOptions,
     .examples = kRenewExamples,
     .run = run_renew},
    {.path = "federation remove",
     .doing = "remove the member",
     .summary = "revoke what a member was issued, and forget it",
     .description = "On the primary. Programs here refuse it at once, those of other members as soon as their manager "
                    "has fetched the list of revocations (every few seconds). It cannot renew; it comes back with a "
                    "new token only.",
     .positionals = kMemberName,
     .options = kRevokeOptions,
     .examples = kRemoveExamples,
     .run = run_remove},
    {.path = "federation list",
     .doing = "list members",
     .summary = "the appliances of the federation",
     .description = "Known in full on the primary. STATE is ok, missing (nothing heard for five minutes), or what is "
                    "off: its clock, a certificate that ends, its version. --json has all of it, and what each "
                    "member serves.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list},
};

}  // namespace

std::span<const Command> federation_commands() { return kFederationCommands; }

}  // namespace chancery::cli
