#include "engine/heartbeat.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr const char* trust_path = "trust/engine/ca-bundle.crt";
constexpr const char* engine_endpoint = "engine";
constexpr const char* engine_api_endpoint = "engine-api";

struct Route {
  Membership membership;
  tls::ClientContext context;
};

// The way to the portal under the generation in force; empty outside a federation.
class RouteHolder {
 public:
  std::shared_ptr<const Route> get() const {
    const std::lock_guard lock(mutex_);
    return route_;
  }
  void set(std::shared_ptr<const Route> route) {
    const std::lock_guard lock(mutex_);
    route_ = std::move(route);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Route> route_;
};

std::shared_ptr<const Route> route_of(const backup::Generation& generation) {
  auto membership = read_membership(generation);
  if (!membership || !generation.has("identities/member/key.pem")) return nullptr;
  return std::make_shared<const Route>(
      Route{std::move(*membership), member_context(generation, generation.read(trust_path), true)});
}

// Where the portal reaches the Web API: the shared port, or on a single appliance the Web API's own.
int port_for_portal(const tls::ServingSnapshot& serving) {
  for (const char* name : {engine_endpoint, engine_api_endpoint}) {
    const auto found = serving.endpoints.find(name);
    if (found != serving.endpoints.end()) return found->second.endpoint.port;
  }
  return 0;
}

void beat(const serving::Program& program, const Devices& devices, const Route& route) {
  const Appliance& appliance = program.appliance();
  const nlohmann::json body = {{"name", appliance.name},
                               {"internal_name", appliance.internal_name},
                               {"version", CHANCERY_VERSION},
                               {"port", port_for_portal(*program.serving())},
                               {"devices", devices.count()},
                               {"connected", devices.connected()},
                               {"generation", program.generation().number()}};
  const http::Reply reply =
      http::request({.host = route.membership.portal_host,
                     .port = route.membership.portal_port,
                     .name = route.membership.portal_name},
                    route.context, {.method = "POST", .path = "/api/v1/heartbeat", .body = body.dump(), .headers = {}},
                    std::chrono::seconds(5));
  if (reply.status != 200) {
    throw Failure({.code = "heartbeat-refused",
                   .subject = route.membership.portal_name,
                   .cause = "the portal answered with status " + std::to_string(reply.status),
                   .hint = "look at the portal's log; `chancery federation list` on the primary shows its members"});
  }
}

}  // namespace

void start_heartbeat(serving::Program& program, const Devices& devices, std::chrono::seconds interval) {
  const auto holder = std::make_shared<RouteHolder>();
  program.on_generation([holder](const backup::Generation& generation) -> std::function<void()> {
    auto next = route_of(generation);
    return [holder, next = std::move(next)] { holder->set(next); };
  });
  program.run_in_background("heartbeat", [&program, &devices, holder, interval] {
    std::string last_outcome;  // said once per change, not once per beat
    while (!program.stopping()) {
      if (const auto route = holder->get()) {
        std::string outcome = "ok";
        try {
          beat(program, devices, *route);
        } catch (const Failure& failure) {
          outcome = failure.what();
          if (outcome != last_outcome)
            spdlog::warn("heartbeat to the portal failed: {} (hint: {})", outcome, failure.hint());
        }
        if (outcome == "ok" && last_outcome != "ok") {
          spdlog::info("heartbeat accepted by portal {} at {}:{}", route->membership.portal_name,
                       route->membership.portal_host, route->membership.portal_port);
        }
        last_outcome = outcome;
      }
      if (!program.pause(interval)) return;
    }
  });
}

}  // namespace chancery::engine
