#include "appliance/manager/audit_peers.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>

#include "appliance/audit/held_heads.h"
#include "appliance/http/client.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/membership/membership.h"
#include "appliance/trust/portal_store.h"

namespace chancery::manager {
namespace {

constexpr const char* engine_trust_path = "trust/engine/ca-bundle.crt";
constexpr std::chrono::seconds patience{5};
constexpr std::size_t answer_limit = std::size_t{8} * 1024 * 1024;

// Where the portal here reaches each engine that has ever reported.
struct KnownEngine {
  std::string name;
  std::string internal_name;
  std::string host;
  int port = 0;
};

std::vector<KnownEngine> known_engines(const std::string& state_path) {
  const std::string path = state_path + "/databases/portal.db";
  std::vector<KnownEngine> known;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return known;
  try {
    constexpr int patience_ms = 2000;
    const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
    SQLite::Statement rows(database, "SELECT name, internal_name, host, port FROM engines ORDER BY name");
    while (rows.executeStep()) {
      known.push_back({.name = rows.getColumn(0).getString(),
                       .internal_name = rows.getColumn(1).getString(),
                       .host = rows.getColumn(2).getString(),
                       .port = rows.getColumn(3).getInt()});
    }
  } catch (const SQLite::Exception& error) {
    throw Failure({.code = "storage-failed",
                   .subject = path,
                   .cause = std::string("the engines that hold heads of this audit are not known: ") + error.what(),
                   .hint = "look at the portal: chancery status; then repeat the command"});
  }
  return known;
}

audit::PeerHeads ask(const std::string& peer, const tls::Target& target, const tls::ClientContext& context) {
  audit::PeerHeads answer{.peer = peer, .problem = {}, .heads = {}};
  try {
    const http::Reply reply =
        http::request(target, context, {.method = "GET", .path = audit::held_heads_route, .body = {}, .headers = {}},
                      patience, answer_limit);
    if (reply.status == 200) {
      answer.heads = audit::held_heads_from(reply.body);
    } else {
      answer.problem = "it answered with status " + std::to_string(reply.status);
    }
  } catch (const Failure& failure) {
    answer.problem = failure.what();
  }
  return answer;
}

std::vector<audit::PeerHeads> ask_engines(Bench& bench) {
  const tls::ClientContext context = member_context(bench.current(), trust::portal_trust_pem(bench.current()), true);
  std::vector<audit::PeerHeads> answers;
  for (const KnownEngine& engine : known_engines(bench.appliance.state)) {
    // The engine of a single appliance is this appliance, and no witness against itself.
    if (engine.name == bench.appliance.name) continue;
    answers.push_back(
        ask(engine.name, {.host = engine.host, .port = engine.port, .name = engine.internal_name}, context));
  }
  return answers;
}

}  // namespace

std::vector<audit::PeerHeads> heads_that_peers_hold(Bench& bench) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts || !bench.current().has("identities/member/key.pem")) return {};
  if (bench.appliance.role != Role::secondary) return ask_engines(bench);
  const tls::ClientContext context = member_context(bench.current(), bench.current().read(engine_trust_path), true);
  return {ask(facts->portal_name, {.host = facts->portal_host, .port = facts->portal_port, .name = facts->portal_name},
              context)};
}

}  // namespace chancery::manager
