#include "portal/engines.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "appliance/serving/audit_heads.h"
#include "appliance/serving/member_proof.h"
#include "appliance/settings/appliance.h"
#include "appliance/storage/database.h"
#include "appliance/trust/portal_store.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/bytes/secret.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "portal/blocked.h"
#include "portal/collectors.h"
#include "portal/heartbeat_report.h"
#include "portal/proven_anchors.h"

namespace chancery::portal {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds poll_interval{5};

const storage::Schema schema{.what = "the portal's engines",
                             .migrations = {"CREATE TABLE engines ("
                                            "  name TEXT PRIMARY KEY,"
                                            "  internal_name TEXT NOT NULL,"
                                            "  host TEXT NOT NULL,"
                                            "  port INTEGER NOT NULL,"
                                            "  version TEXT NOT NULL,"
                                            "  last_seen INTEGER NOT NULL"
                                            ") STRICT",
                                            // Seconds that its clock is ahead of ours, as far as it told.
                                            "ALTER TABLE engines ADD COLUMN clock_skew INTEGER NOT NULL DEFAULT 0",
                                            "ALTER TABLE engines ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",
                                            // JSON: [{"endpoint","identity","sha256","not_after"}]
                                            "ALTER TABLE engines ADD COLUMN served TEXT NOT NULL DEFAULT '[]'",
                                            "ALTER TABLE engines ADD COLUMN anchors_pending INTEGER NOT NULL DEFAULT 0",
                                            proven_anchors_table, blocked_collectors_table,
                                            // {"id":its Customer Key's,"holders":{id:collectors,…}}; "" before it told
                                            "ALTER TABLE engines ADD COLUMN customer_keys TEXT NOT NULL DEFAULT ''"}};

std::string host_of(const std::string& peer) {
  std::string host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// Of another version's answer: what is missing or no number counts as none, and never keeps other engines from being asked.
std::int64_t number_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string to_text(const std::vector<ServedCertificate>& served) {
  json all = json::array();
  for (const ServedCertificate& each : served) {
    all.push_back({{"endpoint", each.endpoint},
                   {"identity", each.identity},
                   {"sha256", each.sha256},
                   {"not_after", to_rfc3339(each.not_after)}});
  }
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

struct Engines::State {
  State(serving::Program& given_program, const PortalSettings& given_settings)
      : program(given_program),
        is_ignoring(given_settings.ignore_engine_certificate_problems),
        database(storage::Database::open(given_program.state().open_folder("databases"), "portal.db", schema)) {
    for (const storage::Row& row :
         database.rows("SELECT name, internal_name, host, port, version, last_seen FROM engines")) {
      EngineView view;
      view.name = row.text(0);
      view.internal_name = row.text(1);
      view.host = row.text(2);
      view.port = static_cast<int>(row.integer(3));
      view.version = row.text(4);
      view.last_seen = Instant(std::chrono::seconds(row.integer(5)));
      view.problem = "not asked yet";
      engines.emplace(view.name, std::move(view));
    }
    for (const storage::Row& row : database.rows("SELECT DISTINCT who FROM proven_anchors WHERE kind = 'collector'")) {
      collectors.insert(row.text(0));
    }
  }

  std::shared_ptr<const tls::ClientContext> context_for(const backup::Generation& generation) const {
    return std::make_shared<const tls::ClientContext>(
        member_context(generation, trust::portal_trust_pem(generation), !is_ignoring));
  }

  void warn() const {
    if (is_ignoring) {
      spdlog::warn("certificate problems of engines are ignored (engine-ssl-ignore-certificate-problems)");
    }
  }

  void take_heartbeat(const http::Call& call) {
    const auto chain = call.connection.peer_chain();
    const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
    if (!member || member->role == to_text(Role::primary)) {
      throw Failure({.code = "forbidden",
                     .subject = chain.empty() ? "heartbeat" : chain.front().subject(),
                     .cause = "a primary runs no engine, so it has no heartbeat to give",
                     .hint = "let the engine of a secondary or single appliance ask"});
    }
    const HeartbeatReport report = parse_heartbeat(call.body, chain.front());
    const Instant now = system_now();
    const std::string host = host_of(call.connection.peer_address());
    {
      const std::lock_guard lock(mutex);
      EngineView& entry = engines[report.name];
      if (entry.name.empty()) {
        spdlog::info("engine {} says it lives at {}:{}", report.name, host, report.port);
        entry.problem = "not asked yet";
      }
      entry.name = report.name;
      entry.internal_name = report.internal_name;
      entry.host = host;
      entry.port = report.port;
      entry.version = report.version;
      entry.devices = report.devices;
      entry.connected = report.connected;
      entry.last_seen = now;
      entry.health = report.health;
      for (const AnchorReport& each : report.anchors) {
        if (each.kind == "collector") collectors.insert(each.who);
      }
    }
    database.write([&] { store(report, host, now); });
  }

  void store(const HeartbeatReport& report, const std::string& host, Instant now) {
    const std::int64_t skew = report.clock ? (*report.clock - now).count() : 0;
    database.run(
        "INSERT INTO engines (name, internal_name, host, port, version, last_seen, clock_skew, generation, served, "
        "anchors_pending, customer_keys) VALUES (?,?,?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT (name) DO UPDATE SET internal_name=excluded.internal_name, host=excluded.host, "
        "port=excluded.port, version=excluded.version, last_seen=excluded.last_seen, clock_skew=excluded.clock_skew, "
        "generation=excluded.generation, served=excluded.served, anchors_pending=excluded.anchors_pending, "
        "customer_keys=excluded.customer_keys",
        {report.name, report.internal_name, host, std::int64_t{report.port}, report.version,
         std::int64_t{now.time_since_epoch().count()}, skew, report.generation, to_text(report.served),
         report.anchors_pending, report.customer_keys});
    store_anchors(database, report.name, report.anchors);
  }

  // A primary runs no engine that could prove for it. With whom: an engine that answers, else its own authority.
  void prove() {
    if (program.appliance().role != Role::primary) return;
    std::vector<tls::Target> servers;
    for (const EngineView& view : list()) {
      if (view.reachable) servers.push_back({view.host, view.port, view.internal_name});
    }
    if (const auto own = membership.get()) {
      servers.push_back({own->authority_host, own->authority_port, own->portal_name});
    }
    proof.attempt(servers);
    const serving::MemberProof::Report report = proof.report();
    if (report.held.empty()) return;
    const std::string& name = program.appliance().name;
    AnchorReport own{
        .who = name, .kind = "member", .name = name, .proven = {}, .held = {}, .needs = true, .seen = system_now()};
    own.proven.assign(report.proven.begin(), report.proven.end());
    for (const std::string& root : report.held) {
      if (!report.proven.contains(root)) own.held.push_back(root);
    }
    store_anchors(database, name, {own});
  }

  std::vector<EngineView> list() const {
    const std::lock_guard lock(mutex);
    std::vector<EngineView> all;
    for (const auto& [name, view] : engines) all.push_back(view);
    return all;
  }

  // An engine that has another list of blocked collectors gets ours. `digest` is what it says of its own; one of an earlier
  // version says nothing.
  void tell_blocked(const EngineView& view, const tls::ClientContext& context, const json& digest) const {
    const std::set<std::string> ids = blocked.all();
    if (!digest.is_string() || digest == wire::digest_of_ids(ids)) return;
    const http::Reply reply =
        http::request({.host = view.host, .port = view.port, .name = view.internal_name}, context,
                      {.method = "POST", .path = "/api/v1/blocked", .body = json({{"ids", ids}}).dump(), .headers = {}},
                      std::chrono::seconds(5));
    if (reply.status != 200) {
      spdlog::warn("engine {} does not take the list of blocked collectors: status {}", view.name, reply.status);
    }
  }

  // Asks one engine; the outcome stands in the view.
  void ask(EngineView& view, const tls::ClientContext& context) const {
    const bool ignoring = is_ignoring;
    try {
      bool verified = false;
      const http::Reply reply = http::request_bound(
          {.host = view.host, .port = view.port, .name = view.internal_name}, context,
          [](const tls::Connection&) {
            return http::Request{.method = "GET", .path = "/api/v1/status", .body = {}, .headers = {}};
          },
          [&verified, &view](const tls::Connection& link, const http::Reply&) {
            verified = link.peer_verified();
            if (const auto chain = link.peer_chain(); !chain.empty()) view.certificate = chain.front();
          },
          std::chrono::seconds(5));
      const json status = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
      if (reply.status != 200 || !status.is_object()) {
        throw Failure(
            {.code = "engine-answer-invalid",
             .subject = view.name,
             .cause = "status " + std::to_string(reply.status) + " instead of its status document",
             .hint = "look whether port " + std::to_string(view.port) + " of " + view.host + " is an engine"});
      }
      if (verified) tell_blocked(view, context, status.value("blocked", json()));
      view.devices = number_in(status, "devices");
      view.connected = number_in(status, "connected");
      view.reachable = true;
      view.verified = verified && !ignoring;
      view.problem.clear();
    } catch (const Failure& failure) {
      view.reachable = false;
      view.verified = false;
      view.problem = failure.what();
    }
  }

  void poll() {
    ask_all();
    prove();
  }

  void ask_all() {
    const auto context = contexts.get();
    if (!context) return;
    for (EngineView view : list()) {
      const std::string before = view.problem;
      const bool was_reachable = view.reachable;
      ask(view, *context);
      if (view.problem != before || view.reachable != was_reachable) report(view);
      const std::lock_guard lock(mutex);
      EngineView& entry = engines[view.name];
      entry.was_asked = true;
      entry.reachable = view.reachable;
      entry.verified = view.verified;
      entry.problem = view.problem;
      entry.certificate = view.certificate;
      entry.devices = view.devices;
      entry.connected = view.connected;
    }
  }

  static void report(const EngineView& view) {
    if (view.reachable) {
      spdlog::info("engine {} at {}:{} answers {}", view.name, view.host, view.port,
                   view.verified ? "[VERIFIED]" : "(certificate problems are ignored by setting)");
    } else {
      spdlog::warn("engine {} at {}:{} could not be asked: {}", view.name, view.host, view.port, view.problem);
    }
  }

  template <typename Value>
  class Holder {
   public:
    std::shared_ptr<const Value> get() const {
      const std::lock_guard lock(mutex_);
      return value_;
    }
    void set(std::shared_ptr<const Value> value) {
      const std::lock_guard lock(mutex_);
      value_ = std::move(value);
    }

   private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Value> value_;
  };

  serving::Program& program;
  serving::AuditHeads audit_heads{program, "portal"};
  std::atomic<bool> is_ignoring;  // of certificate problems
  storage::Database database;
  Blocked blocked{database};
  Holder<tls::ClientContext> contexts;
  Holder<Membership> membership;
  serving::MemberProof proof;
  const std::string epoch =
      to_hex(view_of(random_secret(16)));  // of this process: who hears another one tells all again
  mutable std::mutex mutex;
  std::map<std::string, EngineView> engines;
  std::set<std::string> collectors;  // ids, of all that engines have told of
};

Engines::Engines(serving::Program& program, const PortalSettings& settings)
    : state_(std::make_unique<State>(program, settings)) {
  State& state = *state_;
  program.on_generation([&state](const backup::Generation& generation) -> std::function<void()> {
    std::shared_ptr<const tls::ClientContext> next;
    if (generation.has("identities/member/key.pem")) {
      next = state.context_for(generation);
    }
    const auto membership = read_membership(generation);
    const auto own = membership ? std::make_shared<const Membership>(*membership) : nullptr;
    return [&state, next, own, proof = state.proof.prepare(generation)] {
      state.contexts.set(next);
      state.membership.set(own);
      proof();
    };
  });
  program.routes().add_for_members(
      "POST", "/api/v1/heartbeat",
      [&state](const http::Call& call) {
        state.take_heartbeat(call);
        state.audit_heads.take_from(member_name(call.connection.peer_chain().front())->name, call.body);
        return http::Answer::json(state.audit_heads.shown_in(json({{"anchors", state.epoch}}).dump()));
      },
      heartbeat_limit);
  add_collector_commands(program, state.database, state.blocked);
  state.warn();
  program.run_in_background("engines", [&state, &program] {
    do {
      state.poll();
    } while (program.pause(poll_interval));
  });
}

Engines::~Engines() = default;

void Engines::set(const PortalSettings& settings) {
  State& state = *state_;
  if (state.is_ignoring.exchange(settings.ignore_engine_certificate_problems) ==
      settings.ignore_engine_certificate_problems) {
    return;
  }
  state.warn();
  const backup::Generation generation = state.program.generation();
  if (generation.has("identities/member/key.pem")) state.contexts.set(state.context_for(generation));
}

std::vector<EngineView> Engines::list() const { return state_->list(); }
std::shared_ptr<const tls::ClientContext> Engines::context() const { return state_->contexts.get(); }
bool Engines::is_known(const std::string& collector) const {
  const std::lock_guard lock(state_->mutex);
  return state_->collectors.contains(collector);
}
std::size_t Engines::blocked() const { return state_->blocked.all().size(); }

bool Engines::is_blocked(const std::string& collector) const { return state_->blocked.contains(collector); }

std::string Engines::to_json() const {
  json engines = json::array();
  for (const EngineView& view : list()) {
    engines.push_back({{"name", view.name},
                       {"internal_name", view.internal_name},
                       {"host", view.host},
                       {"port", view.port},
                       {"version", view.version},
                       {"last_seen", to_rfc3339(view.last_seen)},
                       {"reachable", view.reachable},
                       {"verified", view.verified},
                       {"problem", view.problem},
                       {"devices", view.devices},
                       {"connected", view.connected}});
  }
  return json({{"engines", engines}}).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace chancery::portal
