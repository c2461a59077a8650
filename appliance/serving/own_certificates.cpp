#include "appliance/serving/own_certificates.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <set>

#include "appliance/control/message.h"
#include "appliance/preflight/finding.h"

namespace chancery::serving {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds patience{3};

// An identity that is damaged or missing has no certificate to show; `chancery doctor` says what is wrong with it.
json told_by_manager(const Program& program) {
  const control::Message reply =
      control::ask(program.appliance().state + "/run/manager/control.sock",
                   {.json = R"({"verb":"cert-list","arguments":{"probe":false}})", .attachments = {}}, patience);
  const json document = json::parse(reply.json);
  json all = json::array();
  for (const json& each : document.at("identities")) {
    if (!each.contains("certificate")) continue;
    all.push_back({{"identity", each.at("identity")},
                   {"source", each.at("source")},
                   {"certificate", each.at("certificate")},
                   {"intermediates", each.at("intermediates")}});
  }
  return all;
}

json served_here(const Program& program) {
  json all = json::array();
  std::set<std::string> shown;
  for (const auto& [name, served] : program.serving()->endpoints) {
    if (served.chain.empty() || !shown.insert(served.endpoint.identity).second) continue;
    json intermediates = json::array();
    for (std::size_t at = 1; at < served.chain.size(); ++at) {
      intermediates.push_back(preflight::to_json(served.chain[at]));
    }
    all.push_back({{"identity", served.endpoint.identity},
                   {"source", ""},
                   {"certificate", preflight::to_json(served.chain.front())},
                   {"intermediates", std::move(intermediates)}});
  }
  return all;
}

}  // namespace

json own_certificates(const Program& program) {
  try {
    return {{"certificates", told_by_manager(program)}};
  } catch (const std::exception& problem) {
    spdlog::debug("the manager does not tell of its certificates: {}", problem.what());
  }
  return {{"certificates", served_here(program)}};
}

}  // namespace chancery::serving
