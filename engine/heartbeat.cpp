#include "engine/heartbeat.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/membership/customer_keys.h"
#include "appliance/membership/membership.h"
#include "appliance/serving/audit_heads.h"
#include "engine/heartbeat_body.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr const char* trust_path = "trust/engine/ca-bundle.crt";
constexpr std::size_t devices_a_beat = 1000;
constexpr std::size_t epoch_limit = 128;

struct Route {
  Membership membership;
  tls::ClientContext context;
  std::string customer_key;  // its id
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

std::string customer_key_id(const backup::Generation& generation) {
  const CustomerKeys keys = customer_keys_of(generation);
  return keys.current.empty() ? "" : id_of(keys.current);
}

std::shared_ptr<const Route> route_of(const backup::Generation& generation) {
  auto membership = read_membership(generation);
  if (!membership || !generation.has("identities/member/key.pem")) return nullptr;
  return std::make_shared<const Route>(Route{std::move(*membership),
                                             member_context(generation, generation.read(trust_path), true),
                                             customer_key_id(generation)});
}

class Heart {
 public:
  Heart(serving::Program& program, Devices& devices)
      : program_(program), devices_(devices), audit_heads_(program, "engine") {}

  RouteHolder& route() { return route_; }
  serving::MemberProof& proof() { return proof_; }

  // Says once per change, not once per beat, how it went.
  void beat_and_say() {
    const auto route = route_.get();
    if (!route) return;
    std::string outcome = "ok";
    try {
      beat(*route);
    } catch (const Failure& failure) {
      outcome = failure.what();
      if (outcome != last_outcome_)
        spdlog::warn("heartbeat to the portal failed: {} (hint: {})", outcome, failure.hint());
    }
    const Membership& membership = route->membership;
    if (outcome == "ok" && last_outcome_ != "ok") {
      spdlog::info("heartbeat accepted by portal {} at {}:{}", membership.portal_name, membership.portal_host,
                   membership.portal_port);
    }
    last_outcome_ = outcome;
    if (outcome != "ok") return;
    proof_.attempt({{membership.portal_host, membership.portal_port, membership.portal_name},
                    {membership.authority_host, membership.authority_port, membership.portal_name}});
  }

  bool is_behind() const { return last_outcome_ == "ok" && devices_.untold() > 0; }

 private:
  void beat(const Route& route) {
    const std::vector<Device> told = devices_.take_untold(devices_a_beat);
    try {
      take_reply(route,
                 http::request({.host = route.membership.portal_host,
                                .port = route.membership.portal_port,
                                .name = route.membership.portal_name},
                               route.context,
                               {.method = "POST",
                                .path = "/api/v1/heartbeat",
                                .body = audit_heads_.shown_in(heartbeat_body(program_, devices_,
                                                                             {.devices = told,
                                                                              .pending = devices_.untold(),
                                                                              .own = proof_.report(),
                                                                              .customer_key = route.customer_key})),
                                .headers = {}},
                               std::chrono::seconds(5)));
    } catch (const Failure&) {
      devices_.put_back_untold(told);
      throw;
    }
  }

  void take_reply(const Route& route, const http::Reply& reply) {
    if (reply.status != 200) {
      throw Failure({.code = "heartbeat-refused",
                     .subject = route.membership.portal_name,
                     .cause = "the portal answered with status " + std::to_string(reply.status),
                     .hint = "look at the portal's log; `chancery federation list` on the primary shows its members"});
    }
    audit_heads_.take_from(route.membership.portal_name, reply.body);
    const auto answer = nlohmann::json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object() || !answer.contains("anchors") || !answer["anchors"].is_string()) return;
    const auto epoch = answer["anchors"].get<std::string>().substr(0, epoch_limit);
    if (epoch == portal_epoch_) return;
    // The first portal after our own start needs nothing twice: everybody waits to be told already.
    if (!portal_epoch_.empty()) devices_.tell_all_again();
    portal_epoch_ = epoch;
  }

  serving::Program& program_;
  Devices& devices_;
  serving::AuditHeads audit_heads_;
  RouteHolder route_;
  serving::MemberProof proof_;
  std::string last_outcome_;
  std::string portal_epoch_;
};

}  // namespace

void start_heartbeat(serving::Program& program, Devices& devices, const std::atomic<int>& interval_seconds) {
  const auto heart = std::make_shared<Heart>(program, devices);
  program.on_generation([heart](const backup::Generation& generation) -> std::function<void()> {
    auto next = route_of(generation);
    auto proof = heart->proof().prepare(generation);
    return [heart, next = std::move(next), proof = std::move(proof)] {
      heart->route().set(next);
      proof();
    };
  });
  program.run_in_background("heartbeat", [&program, heart, &interval_seconds] {
    // By the second: an interval that became a shorter one counts now, not when the longer one has passed.
    do {
      heart->beat_and_say();
      for (int waited = 1; !heart->is_behind() && waited < interval_seconds; ++waited) {
        if (!program.pause(std::chrono::seconds(1))) return;
      }
    } while (program.pause(std::chrono::seconds(1)));
  });
}

}  // namespace chancery::engine
