#include "portal/engines.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "appliance/settings/appliance.h"
#include "appliance/storage/database.h"
#include "appliance/trust/portal_store.h"
#include "keystore/fault.h"

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
                                            ") STRICT"}};

Failure bad_heartbeat(const std::string& cause) {
  return Failure({.code = "heartbeat-invalid",
                  .subject = "heartbeat",
                  .cause = cause,
                  .hint = "engine and portal must be of the same major version"});
}

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

EngineView parse_heartbeat(const http::Call& call, const Certificate& member) {
  const json body = json::parse(call.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) throw bad_heartbeat("the body is not a JSON object");
  EngineView view;
  try {
    view.name = body.at("name").get<std::string>();
    view.internal_name = body.at("internal_name").get<std::string>();
    view.version = body.at("version").get<std::string>();
    view.port = body.at("port").get<int>();
    view.devices = body.at("devices").get<std::int64_t>();
    view.connected = body.at("connected").get<std::int64_t>();
  } catch (const json::exception&) {
    throw bad_heartbeat("a field is missing or of another type");
  }
  if (view.port < 1 || view.port > 65535) throw bad_heartbeat("the port is out of range");
  if (view.version.size() > 64) throw bad_heartbeat("the version is too long");
  // What the engine says of its names counts only as far as its member certificate says so too.
  const auto bears = [&member](const std::string& name) { return answers_to(member.names(), name); };
  if (!bears(view.name) || !bears(view.internal_name)) {
    throw Failure(
        {.code = "name-mismatch",
         .subject = view.name,
         .cause = "the member certificate does not bear the names that the heartbeat gives",
         .hint = "names come from the join token: remove the member and join it again with --name and --san"});
  }
  view.host = host_of(call.connection.peer_address());
  return view;
}

}  // namespace

struct Engines::State {
  State(serving::Program& given_program, const PortalSettings& given_settings)
      : program(given_program),
        settings(given_settings),
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
  }

  void take_heartbeat(const http::Call& call) {
    const auto chain = call.connection.peer_chain();
    if (chain.empty()) throw bad_heartbeat("it came without a member certificate");
    if (const auto member = member_name(chain.front()); !member || member->role == to_text(Role::primary)) {
      throw Failure({.code = "forbidden",
                     .subject = chain.front().subject(),
                     .cause = "a primary runs no engine, so it has no heartbeat to give",
                     .hint = "let the engine of a secondary or single appliance ask"});
    }
    EngineView fresh = parse_heartbeat(call, chain.front());
    fresh.last_seen = system_now();
    {
      const std::lock_guard lock(mutex);
      EngineView& entry = engines[fresh.name];
      if (entry.name.empty()) spdlog::info("engine {} says it lives at {}:{}", fresh.name, fresh.host, fresh.port);
      fresh.was_asked = entry.was_asked;
      fresh.reachable = entry.reachable;
      fresh.verified = entry.verified;
      fresh.certificate = entry.certificate;
      fresh.problem = entry.name.empty() ? "not asked yet" : entry.problem;
      entry = fresh;
    }
    database.run(
        "INSERT INTO engines (name, internal_name, host, port, version, last_seen) VALUES (?,?,?,?,?,?) "
        "ON CONFLICT (name) DO UPDATE SET internal_name=excluded.internal_name, host=excluded.host, "
        "port=excluded.port, version=excluded.version, last_seen=excluded.last_seen",
        {fresh.name, fresh.internal_name, fresh.host, std::int64_t{fresh.port}, fresh.version,
         std::int64_t{fresh.last_seen.time_since_epoch().count()}});
  }

  std::vector<EngineView> list() const {
    const std::lock_guard lock(mutex);
    std::vector<EngineView> all;
    for (const auto& [name, view] : engines) all.push_back(view);
    return all;
  }

  // Asks one engine; the outcome stands in the view.
  void ask(EngineView& view, const tls::ClientContext& context) const {
    const bool ignoring = settings.ignore_engine_certificate_problems;
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

  class ContextHolder {
   public:
    std::shared_ptr<const tls::ClientContext> get() const {
      const std::lock_guard lock(mutex_);
      return context_;
    }
    void set(std::shared_ptr<const tls::ClientContext> context) {
      const std::lock_guard lock(mutex_);
      context_ = std::move(context);
    }

   private:
    mutable std::mutex mutex_;
    std::shared_ptr<const tls::ClientContext> context_;
  };

  serving::Program& program;
  PortalSettings settings;
  storage::Database database;
  ContextHolder contexts;
  mutable std::mutex mutex;
  std::map<std::string, EngineView> engines;
};

Engines::Engines(serving::Program& program, const PortalSettings& settings)
    : state_(std::make_unique<State>(program, settings)) {
  State& state = *state_;
  program.on_generation([&state](const backup::Generation& generation) -> std::function<void()> {
    std::shared_ptr<const tls::ClientContext> next;
    if (generation.has("identities/member/key.pem")) {
      next = std::make_shared<const tls::ClientContext>(member_context(
          generation, trust::portal_trust_pem(generation), !state.settings.ignore_engine_certificate_problems));
    }
    return [&state, next] { state.contexts.set(next); };
  });
  program.routes().add_for_members("POST", "/api/v1/heartbeat", [&state](const http::Call& call) {
    state.take_heartbeat(call);
    return http::Answer::json("{}");
  });
  if (settings.ignore_engine_certificate_problems) {
    spdlog::warn("certificate problems of engines are ignored (engine-ssl-ignore-certificate-problems)");
  }
  program.run_in_background("engines", [&state, &program] {
    do {
      state.poll();
    } while (program.pause(poll_interval));
  });
}

Engines::~Engines() = default;

std::vector<EngineView> Engines::list() const { return state_->list(); }

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
