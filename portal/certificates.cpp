#include "portal/certificates.h"

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/http/client.h"
#include "appliance/preflight/finding.h"
#include "appliance/serving/own_certificates.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::portal {

namespace {

using nlohmann::json;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds patience{5};
constexpr std::chrono::seconds fresh_for{5};
constexpr std::chrono::minutes usual_pause{1};
constexpr std::size_t answer_limit = std::size_t{1024} * 1024;
constexpr std::size_t most_identities = 64;
constexpr std::size_t most_intermediates = 16;
constexpr std::size_t most_names = 1000;
constexpr std::size_t digest_size = 64;
constexpr const char* roots_path = "trust/federation/roots.pem";

Failure unreadable() {
  return Failure({.code = "engine-answer-invalid",
                  .subject = "certificates",
                  .cause = "what it tells of its certificates cannot be read",
                  .hint = "engine and portal must be of the same major version"});
}

// The fields of contract.md's certificate and no others, each of its type.
json certificate_in(const json& told) {
  json certificate;
  for (const char* name : {"subject", "issuer", "serial"}) certificate[name] = told.at(name).get<std::string>();
  for (const char* name : {"not_before", "not_after"}) {
    certificate[name] = to_rfc3339(from_rfc3339(told.at(name).get<std::string>()));
  }
  const auto digest = told.at("sha256").get<std::string>();
  if (digest.size() != digest_size || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw unreadable();
  }
  certificate["sha256"] = digest;
  certificate["sans"] = told.at("sans").get<std::vector<std::string>>();
  if (certificate["sans"].size() > most_names) throw unreadable();
  certificate["key"] = {{"type", told.at("key").at("type").get<std::string>()},
                        {"bits", told.at("key").at("bits").get<int>()}};
  certificate["ca"] = told.at("ca").get<bool>();
  certificate["self_issued"] = told.at("self_issued").get<bool>();
  return certificate;
}

json list_in(const json& told, const char* name, std::size_t most) {
  const json& list = told.at(name);
  if (!list.is_array() || list.size() > most) throw unreadable();
  return list;
}

json identities_in(const std::string& body) {
  const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) throw unreadable();
  json all = json::array();
  try {
    for (const json& each : list_in(document, "certificates", most_identities)) {
      json intermediates = json::array();
      for (const json& one : list_in(each, "intermediates", most_intermediates)) {
        intermediates.push_back(certificate_in(one));
      }
      all.push_back({{"identity", each.at("identity").get<std::string>()},
                     {"source", each.at("source").get<std::string>()},
                     {"certificate", certificate_in(each.at("certificate"))},
                     {"intermediates", std::move(intermediates)}});
    }
  } catch (const json::exception&) {
    throw unreadable();
  }
  return all;
}

// What an engine of an earlier version cannot tell, the handshake with it has shown.
json seen_of(const EngineView& view) {
  if (!view.certificate) return json::array();
  return {{{"identity", "engine"},
           {"source", ""},
           {"certificate", preflight::to_json(*view.certificate)},
           {"intermediates", json::array()}}};
}

struct Told {
  json identities = json::array();
  Instant when{};
  std::string problem;  // "" where the last question was answered
};

class FederationCertificates {
 public:
  FederationCertificates(const serving::Program& program, const Engines& engines)
      : program_(program), engines_(engines) {}

  // One caller asks; others wait for it and take what it has learnt.
  void ask_all(std::chrono::seconds unless_within) {
    const std::lock_guard asking(asking_);
    if (asked_ && std::chrono::steady_clock::now() - *asked_ < unless_within) return;
    for (const EngineView& view : engines_.list()) {
      if (view.name == program_.appliance().name) continue;  // a single appliance's own, which stands there already
      Told told = ask(view);
      const std::lock_guard lock(mutex_);
      Told& entry = told_[view.name];
      if (told.problem.empty()) {
        entry = std::move(told);
      } else {
        entry.problem = std::move(told.problem);
      }
    }
    asked_ = std::chrono::steady_clock::now();
  }

  json document() const {
    json certificates = json::array();
    json unreachable = json::array();
    std::map<std::string, json> authorities;
    const auto add_authority = [&authorities](const json& certificate, const std::string& member) {
      json& entry = authorities[certificate.at("sha256").get<std::string>()];
      if (entry.is_null()) entry = {{"certificate", certificate}, {"members", json::array()}};
      json& members = entry["members"];
      if (!member.empty() && (members.empty() || members.back() != member)) members.push_back(member);
    };
    for (const Certificate& root : roots()) add_authority(preflight::to_json(root), "");
    const auto add = [&](const std::string& member, const json& identities, Instant told) {
      for (const json& each : identities) {
        certificates.push_back({{"member", member},
                                {"identity", each.at("identity")},
                                {"source", each.at("source")},
                                {"told", to_rfc3339(told)},
                                {"certificate", each.at("certificate")}});
        for (const json& one : each.at("intermediates")) add_authority(one, member);
      }
    };
    add(program_.appliance().name, serving::own_certificates(program_).at("certificates"), system_now());
    const std::lock_guard lock(mutex_);
    for (const auto& [name, told] : told_) {
      add(name, told.identities, told.when);
      if (!told.problem.empty()) unreachable.push_back({{"engine", name}, {"problem", told.problem}});
    }
    json between = json::array();
    for (auto& [digest, entry] : authorities) between.push_back(std::move(entry));
    return {{"certificates", std::move(certificates)},
            {"authorities", std::move(between)},
            {"unreachable", std::move(unreachable)}};
  }

 private:
  Told ask(const EngineView& view) const {
    const auto context = engines_.context();
    try {
      if (!context) {
        throw Failure({.code = "not-joined",
                       .subject = view.name,
                       .cause = "this portal is in no federation",
                       .hint = "look at chancery doctor"});
      }
      const http::Reply reply = http::request(
          {.host = view.host, .port = view.port, .name = view.internal_name}, *context,
          {.method = "GET", .path = "/api/v1/certificates", .body = {}, .headers = {}}, patience, answer_limit);
      const bool is_older = reply.status == 404;
      if (reply.status != 200 && !is_older) {
        return {.identities = {}, .when = {}, .problem = "it answers with status " + std::to_string(reply.status)};
      }
      return {.identities = is_older ? seen_of(view) : identities_in(reply.body), .when = system_now(), .problem = ""};
    } catch (const Failure& failure) {
      return {.identities = {}, .when = {}, .problem = failure.what()};
    }
  }

  std::vector<Certificate> roots() const {
    const backup::Generation generation = program_.generation();
    if (!generation.has(roots_path)) return {};
    return read_material(generation.read(roots_path), {.source = roots_path}).certificates;
  }

  const serving::Program& program_;
  const Engines& engines_;
  std::mutex asking_;
  std::optional<SteadyTime> asked_;
  mutable std::mutex mutex_;
  std::map<std::string, Told> told_;
};

}  // namespace

void add_certificates(serving::Program& program, const Engines& engines,
                      std::function<std::optional<http::Answer>(const http::Call&)> refusal) {
  const auto all = std::make_shared<FederationCertificates>(program, engines);
  program.routes().add("GET", "/api/v1/certificates", [all, refusal](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    all->ask_all(fresh_for);
    return http::Answer::json(all->document().dump(-1, ' ', false, json::error_handler_t::replace));
  });
  program.run_in_background("certificates", [all, &program] {
    do {
      all->ask_all(usual_pause);
    } while (program.pause(usual_pause));
  });
}

}  // namespace chancery::portal
