// chancery finder: asks portal and engine as a person at an endpoint would, with the trust of this machine.
#include <nlohmann/json.hpp>

#include "appliance/cli/network_commands.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/http/client.h"
#include "appliance/settings/policy.h"
#include "keystore/trust/os_trust.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::chrono::seconds kPatience{10};

struct Station {
  std::string who;  // "Portal"
  tls::Target target;
};

tls::Target target_of(const std::string& text, const std::string& name) {
  const ProbeAddress address = parse_address(text, 443);
  return {.host = address.host, .port = address.port, .name = name};
}

Bytes trusted(const Arguments& arguments) {
  Bytes bundle;
  for (const std::string& path : arguments.values("--trust")) {
    const preflight::SourceFile file = read_source(path);
    bundle.insert(bundle.end(), file.bytes.begin(), file.bytes.end());
    bundle.push_back('\n');
  }
  return bundle.empty() ? os_trust_bundle() : bundle;
}

// A peer that shakes hands when nobody looks at its certificate failed because of its certificate.
bool answers_unverified(const Station& station, const tls::ClientContext& careless) {
  try {
    (void)tls::Connection::connect(station.target, careless, tls::within(kPatience));
    return true;
  } catch (const Failure&) {
    return false;
  }
}

// Asks before it goes on; throws where nobody may or does.
void expect_consent(Session& session, const Station& station, const Failure& failure) {
  const std::string message = "The security certificate of the " + station.who + " could not be validated";
  Terminal& terminal = session.terminal();
  if (!session.json()) {
    terminal.problem(Text() << painted(Colour::yellow, message));
    terminal.problem("  " + failure.cause());
  }
  if (session.arguments().has("--continue-anyway")) return;
  if (can_prompt() && !session.json() && confirmed("Continue anyway?")) return;
  throw Failure({.code = failure.code(),
                 .subject = "",
                 .cause = message + " (" + failure.cause() + ")",
                 .hint = failure.hint() + "; --trust FILE names another root, --continue-anyway goes on all the same"});
}

Json visit(Session& session, const Station& station, const tls::ClientContext& careful) {
  http::Request question;
  question.path = "/api/v1/status";
  Json entry = {{"who", station.who},
                {"address", station.target.host + ":" + std::to_string(station.target.port)},
                {"validated", true}};
  http::Reply reply;
  try {
    reply = http::request(station.target, careful, question, kPatience);
  } catch (const Failure& failure) {
    tls::ClientOptions options;
    options.verify_chain = false;
    options.verify_name = false;
    const tls::ClientContext careless(std::move(options));
    if (!answers_unverified(station, careless)) throw;
    expect_consent(session, station, failure);
    entry["validated"] = false;
    entry["problem"] = {{"code", failure.code()}, {"message", failure.cause()}, {"hint", failure.hint()}};
    reply = http::request(station.target, careless, question, kPatience);
  }
  entry["http_status"] = reply.status;
  const Json body = Json::parse(reply.body, nullptr, false);
  if (body.is_object()) entry["answer"] = body;
  return entry;
}

void print_visit(Terminal& terminal, const Json& entry) {
  const bool validated = entry.value("validated", false);
  Text line;
  line << painted(Colour::bold, text_at(entry, "who")) << "  " << text_at(entry, "address") << "  "
       << (validated ? painted(Colour::green, "validated") : painted(Colour::yellow, "not validated"));
  const int status = entry.value("http_status", 0);
  line << (status < 400 ? ", answers" : ", answers with HTTP status " + std::to_string(status));
  terminal.line(line);
}

}  // namespace

int run_finder(Session& session) {
  const Arguments& arguments = session.arguments();
  std::vector<Station> stations;
  if (arguments.has("--portal")) {
    stations.push_back(
        {.who = "Portal", .target = target_of(arguments.value("--portal"), arguments.value("--portal-name"))});
  }
  stations.push_back({.who = "Engine", .target = target_of(arguments.value("--engine"), arguments.value("--name"))});
  tls::ClientOptions options;
  options.trust_pem = trusted(arguments);
  options.only_roots_anchor = !arguments.has("--trust");
  const tls::ClientContext careful(std::move(options));
  Json visits = Json::array();
  for (const Station& station : stations) visits.push_back(visit(session, station, careful));
  if (session.json()) {
    session.terminal().document({{"visits", visits}});
    return 0;
  }
  for (const Json& entry : visits) print_visit(session.terminal(), entry);
  return 0;
}

}  // namespace chancery::cli
