#include "engine/rehearsal_desk.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "appliance/settings/appliance.h"
#include "appliance/tls/serving_snapshot.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::engine {

namespace {

using nlohmann::json;
using rehearsal::About;
using rehearsal::Question;
using rehearsal::Report;

constexpr const char* trust_path = "trust/engine/ca-bundle.crt";
constexpr const char* roots_path = "trust/federation/roots.pem";
constexpr const char* engine_identity = "engine";  // what the portal sees
constexpr const char* portal_identity = "portal";
constexpr std::chrono::milliseconds margin{500};

// The engine as a client, under the generation in force.
struct ClientSide {
  std::optional<Membership> membership;
  std::optional<tls::ClientContext> to_members;
  std::optional<tls::ClientContext> to_servers;
  std::vector<Certificate> roots;  // of the federation
};

std::shared_ptr<const ClientSide> client_side_of(const backup::Generation& generation) {
  auto side = std::make_shared<ClientSide>();
  side->membership = read_membership(generation);
  if (side->membership && generation.has("identities/member/key.pem")) {
    side->to_members = member_context(generation, generation.read(trust_path), true);
  }
  tls::ClientOptions options;
  options.trust_pem = generation.read(trust_path);
  options.verify_chain = !options.trust_pem.empty();
  side->to_servers = tls::ClientContext(std::move(options));
  if (generation.has(roots_path)) {
    side->roots = read_material(generation.read(roots_path), {.source = roots_path}).certificates;
  }
  return side;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

bool is_portal(const http::Call& call) {
  const auto chain = call.connection.peer_chain();
  const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
  return member && (member->role == to_text(Role::primary) || member->role == to_text(Role::single));
}

Report silent_portal(const Membership& membership, const std::string& why) {
  return Report::unanswered(membership.portal_name, "the portal could not be asked: " + why);
}

// Cross certificates are the ones that bear the name and key of a root and are not it.
std::vector<Certificate> without_crosses(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots) {
  std::vector<Certificate> kept;
  for (const Certificate& each : chain) {
    const bool is_cross = std::ranges::any_of(
        roots, [&](const Certificate& root) { return root.key_digest() == each.key_digest() && !(root == each); });
    if (!is_cross) kept.push_back(each);
  }
  return kept;
}

// Identity and endpoint that members use have one name.
bool is_about(const Question& question, const std::string& name) {
  const bool is_about_all = question.identities.empty() && question.endpoints.empty();
  return is_about_all || contains(question.identities, name) || contains(question.endpoints, name);
}

class Desk {
 public:
  Desk(serving::Program& program, CollectorRehearsal& collectors, std::vector<rehearsal::TrustedPeer> servers)
      : program_(program), collectors_(collectors), servers_(std::move(servers)) {}

  void set(std::shared_ptr<const ClientSide> side) {
    const std::lock_guard lock(mutex_);
    side_ = std::move(side);
  }

  Report answer(const Question& question) {
    switch (question.about) {
      case About::engine:
        return about_engine(question);
      case About::portal:
        return about_portal(question);
      case About::own_trust:
        return about_own_trust(question);
      case About::retirement:
        break;
    }
    return about_retirement(question);
  }

 private:
  std::shared_ptr<const ClientSide> side() const {
    const std::lock_guard lock(mutex_);
    return side_;
  }

  Concerned concerned_by(const Question& question) const {
    Concerned concerned;
    if (question.identities.empty() && question.endpoints.empty()) return concerned;
    for (const auto& [name, endpoint] : program_.serving()->endpoints) {
      if (contains(question.identities, endpoint.endpoint.identity) || contains(question.endpoints, name)) {
        concerned.endpoints.insert(name);
      } else {
        concerned.presented_others.insert(endpoint.chain.front().fingerprint());
      }
    }
    // On a single appliance the portal's port hands collectors over to an endpoint that has no port of its own.
    if (contains(question.identities, engine_identity)) concerned.endpoints.insert(engine_identity);
    return concerned;
  }

  Report about_engine(const Question& question) {
    const bool is_told = !question.chain.empty() || question.lists;
    const bool concerns_portal = !question.live && is_told && is_about(question, engine_identity);
    std::future<Report> portal;
    if (concerns_portal) portal = std::async(std::launch::async, [this, &question] { return ask_portal(question); });
    Report report = collectors_.ask(question, concerned_by(question));
    if (portal.valid()) report.add(portal.get());
    return report;
  }

  Report ask_portal(const Question& question) const {
    const auto now = side();
    if (!now->membership || !now->to_members) return {};
    const Membership& membership = *now->membership;
    try {
      const http::Reply reply = http::request(
          {.host = membership.portal_host, .port = membership.portal_port, .name = membership.portal_name},
          *now->to_members,
          {.method = "POST", .path = rehearsal::member_path, .body = to_json(question), .headers = {}},
          question.deadline);
      if (reply.status == 200) return rehearsal::parse_report(reply.body);
      return silent_portal(membership, "it answered with status " + std::to_string(reply.status));
    } catch (const Failure& failure) {
      return silent_portal(membership, failure.what());
    }
  }

  Report about_portal(const Question& question) {
    const auto now = side();
    Report report;
    // Engines speak to the portal's own port, not to the collectors'.
    if (is_about(question, portal_identity) && now->membership && now->to_members) {
      const std::string& own = program_.appliance().name;
      const std::string& portal = now->membership->portal_name;
      report = rehearsal::judge_chain(own, *now->to_members, question.present, question.chain, portal);
      if (report.would_break.empty()) {
        Report demands = rehearsal::judge_demands(own, *now->to_members, question, portal);
        if (demands.asked > 0) report = std::move(demands);
      }
    }
    report.add(collectors_.ask(question, {.endpoints = {}, .presented_others = {}, .about_portal = true}));
    return report;
  }

  Report about_own_trust(const Question& question) const {
    const auto now = side();
    const auto patience = question.deadline;
    Report report;
    if (now->membership && now->to_members) {
      const Membership& membership = *now->membership;
      report = rehearsal::judge_peers(program_.appliance().name,
                                      {{.what = "the portal " + membership.portal_name,
                                        .address = {membership.portal_host, membership.portal_port, ""},
                                        .name = membership.portal_name,
                                        .alpn = member_protocol}},
                                      *now->to_members, question.without, patience);
    }
    if (!servers_.empty()) {
      report.add(
          rehearsal::judge_peers(program_.appliance().name, servers_, *now->to_servers, question.without, patience));
    }
    return report;
  }

  // Each endpoint has its chain; those with the same one are asked together.
  Report about_retirement(const Question& question) {
    const auto now = side();
    std::map<std::string, std::vector<std::string>> identities;  // by leaf
    std::map<std::string, std::vector<Certificate>> chains;
    for (const auto& [name, endpoint] : program_.serving()->endpoints) {
      const std::string leaf = endpoint.chain.front().fingerprint();
      identities[leaf].push_back(endpoint.endpoint.identity);
      chains[leaf] = endpoint.chain;
    }
    Report report = about_own_trust(question);
    for (const auto& [leaf, chain] : chains) {
      Question one = question;
      one.about = About::engine;
      one.identities = identities[leaf];
      one.present = chain;
      one.chain = without_crosses(chain, now->roots);
      report.add(collectors_.ask(one, concerned_by(one)));
    }
    return report;
  }

  serving::Program& program_;
  CollectorRehearsal& collectors_;
  const std::vector<rehearsal::TrustedPeer> servers_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ClientSide> side_;
};

}  // namespace

void add_rehearsal(serving::Program& program, CollectorRehearsal& collectors,
                   std::vector<rehearsal::TrustedPeer> servers) {
  const auto desk = std::make_shared<Desk>(program, collectors, std::move(servers));
  program.on_generation([desk](const backup::Generation& generation) -> std::function<void()> {
    return [desk, next = client_side_of(generation)] { desk->set(next); };
  });
  program.on_command("rehearse", [desk](const std::string& request) {
    const json asked = json::parse(request, nullptr, /*allow_exceptions=*/false);
    const Report report = desk->answer(rehearsal::parse_question(asked.value("question", json()).dump()));
    return json({{"ok", true}, {"report", to_document(report)}}).dump(-1, ' ', false, json::error_handler_t::replace);
  });
  program.routes().add_for_members(
      "POST", rehearsal::member_path,
      [desk](const http::Call& call) {
        if (!is_portal(call)) {
          return http::Answer::problem(403, "forbidden", "the federation's portal asks engines, nobody else", "");
        }
        Question question = rehearsal::parse_question(call.body);
        if (question.about != About::retirement) question.about = About::portal;
        // So that the answer is back in time.
        question.deadline = std::max(question.deadline - margin, margin);
        return http::Answer::json(to_json(desk->answer(question)));
      },
      rehearsal::question_limit);
}

}  // namespace chancery::engine
