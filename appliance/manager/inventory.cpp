// What is installed, what is really served, and when it ends.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/served.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/request.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

json certificates_json(const std::vector<Certificate>& certificates) {
  json out = json::array();
  for (const Certificate& certificate : certificates) out.push_back(preflight::to_json(certificate));
  return out;
}

std::int64_t days_until(Instant end, Instant now) { return std::chrono::floor<std::chrono::days>(end - now).count(); }

json served_json(const std::vector<ServedEndpoint>& served, const std::string& identity, const std::string& installed) {
  json out = json::array();
  for (const ServedEndpoint& one : served) {
    if (one.endpoint.identity != identity) continue;
    json entry{{"endpoint", one.endpoint.endpoint},
               {"host", one.endpoint.host},
               {"port", one.endpoint.port},
               {"sha256", one.sha256},
               {"ok", !one.sha256.empty() && one.sha256 == installed}};
    if (!one.problem.empty()) entry["problem"] = one.problem;
    out.push_back(std::move(entry));
  }
  return out;
}

json identity_json(Bench& bench, const std::string& identity, const std::vector<ServedEndpoint>& served) {
  const backup::Generation& generation = bench.current();
  json out{{"identity", identity}, {"source", "default"}, {"intermediates", json::array()}, {"served", json::array()}};
  try {
    const auto installed = change::read_identity(generation, "identities/" + identity);
    if (!installed) {
      out["problem"] = "nothing is installed for this identity";
      return out;
    }
    out["source"] = change::is_default(generation, identity) ? "default" : "custom";
    out["certificate"] = preflight::to_json(installed->leaf);
    out["intermediates"] = certificates_json(installed->intermediates);
    out["served"] = served_json(served, identity, installed->leaf.fingerprint());
    out["expires_in_days"] = days_until(installed->leaf.not_after(), bench.now());
  } catch (const Failure& failure) {
    // One damaged identity must not hide the others.
    out["problem"] = failure.cause();
    out["served"] = served_json(served, identity, "");
  }
  return out;
}

json pending_json(const backup::Generation& generation) {
  json out = json::array();
  for (const std::string& identity : generation.folders("pending")) {
    const std::string path = "pending/" + identity + "/request.pem";
    if (!generation.has(path)) continue;
    json entry{{"identity", identity}};
    try {
      const Bytes pem = generation.read(path);
      const CertificateRequest request = CertificateRequest::from_pem(pem);
      json names = json::array();
      for (const AlternativeName& name : request.names()) names.push_back(name.value);
      entry["sans"] = std::move(names);
      entry["key"] = {{"type", request.key().type}, {"bits", request.key().bits}};
      entry["request"] = text_of(pem);
    } catch (const Failure& failure) {
      entry["problem"] = failure.cause();
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<std::string> installed_identities(Bench& bench) {
  std::vector<std::string> identities = identities_of(bench.appliance.role);
  std::erase_if(identities, [&](const std::string& name) {
    return name == "member" && !bench.current().has("identities/member/certificate.pem");
  });
  return identities;
}

}  // namespace

json inventory(Bench& bench, const std::vector<ServedEndpoint>& served) {
  json identities = json::array();
  for (const std::string& identity : installed_identities(bench)) {
    identities.push_back(identity_json(bench, identity, served));
  }
  return {{"generation", bench.current().number()},
          {"identities", std::move(identities)},
          {"pending", pending_json(bench.current())}};
}

json cert_list(Bench& bench, Call& call) {
  std::vector<ServedEndpoint> served;
  if (call.flag("probe", true)) served = look_at_served(bench.appliance, programs_now(bench));
  return inventory(bench, served);
}

json cert_show(Bench& bench, Call& call) {
  const std::string identity = call.text("identity");
  expect_identity(bench.appliance, identity);
  const std::vector<ServedEndpoint> served = look_at_served(bench.appliance, programs_now(bench));
  json out = identity_json(bench, identity, served);
  out["generation"] = bench.current().number();
  out["files"] = bench.current().files("identities/" + identity + "/");
  const auto installed = change::read_identity(bench.current(), "identities/" + identity);
  if (!installed) {
    throw Failure({.code = "no-certificate",
                   .subject = identity,
                   .cause = "nothing is installed for this identity",
                   .hint = identity == "member" ? "join a federation: chancery federation join --primary HOST:PORT"
                                                : "install one with chancery cert replace, or see chancery doctor"});
  }
  const bool is_replaceable = identity != "member" && identity != "authority-tls";
  out["report"] = preflight::to_json(preflight::check_identity(
      *installed, know(bench),
      is_replaceable ? required_names(bench.appliance, {identity}) : std::vector<preflight::RequiredName>{},
      bench.now()));
  if (const auto fallback = change::read_identity(bench.current(), "defaults/" + identity)) {
    out["default"] = preflight::to_json(fallback->leaf);
  }
  return out;
}

}  // namespace chancery::manager
