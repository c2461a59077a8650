// What --dry-run prints.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/change/generation_policy.h"
#include "appliance/change/plan_parts.h"
#include "keystore/openssl/digest.h"

namespace chancery::change {
namespace {

using nlohmann::json;

bool is_in(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

json file_json(const std::string& path, const std::optional<backup::NewFile>& edit, const backup::Generation& base) {
  const bool was_there = base.has(path);
  const char* change = !edit ? "remove" : was_there ? "change" : "add";
  json entry{{"path", path}, {"change", change}};
  if (edit) entry["mode"] = edit->attributes.mode & 0777U;
  return entry;
}

// Written anew with the bytes it has: nobody sees a difference.
bool is_as_it_is(const std::string& path, const std::optional<backup::NewFile>& edit, const backup::Generation& base) {
  return edit && base.has(path) && base.read_secret(path) == edit->bytes;
}

std::string leaf_fingerprint(const backup::Generation& base, const Plan& plan, const std::string& identity,
                             bool after) {
  const std::string path = "identities/" + identity + "/certificate.pem";
  const auto edit = plan.edits.find(path);
  Bytes pem;
  if (after && edit != plan.edits.end()) {
    if (!edit->second) return "";
    pem.assign(edit->second->bytes.begin(), edit->second->bytes.end());
  } else if (base.has(path)) {
    pem = base.read(path);
  }
  CertificatePool pool;
  pool.add_pem(pem);
  const std::vector<Certificate> certificates = pool.all();
  return certificates.empty() ? "" : certificates.front().fingerprint();
}

}  // namespace

json describe(const Plan& plan, const backup::Generation& base, const Appliance& appliance) {
  json files = json::array();
  for (const auto& [path, edit] : plan.edits) {
    if (!is_as_it_is(path, edit, base)) files.push_back(file_json(path, edit, base));
  }
  json foreign = json::array();
  for (const ForeignEdit& edit : plan.foreign) {
    const char* change = !edit.bytes ? "remove" : edit.expected_sha256.empty() ? "add" : "change";
    foreign.push_back({{"path", edit.path}, {"change", change}});
  }
  json identities = json::array();
  for (const std::string& identity : plan.identities) {
    identities.push_back({{"identity", identity},
                          {"before", leaf_fingerprint(base, plan, identity, false)},
                          {"after", leaf_fingerprint(base, plan, identity, true)}});
  }
  json endpoints = json::array();
  for (const Endpoint& endpoint : endpoints_after(base, plan.edits)) {
    if (!endpoint.enabled || !is_in(plan.identities, endpoint.identity)) continue;
    endpoints.push_back({{"endpoint", endpoint.name},
                         {"identity", endpoint.identity},
                         {"program", endpoint_program(endpoint.name)},
                         {"host", endpoint.host},
                         {"port", endpoint.port}});
  }
  json consumers = json::array();
  for (const Consumer& consumer : consumers_after(base, plan.edits)) {
    if (!is_in(plan.identities, consumer.identity)) continue;
    consumers.push_back({{"consumer", consumer.name}, {"reload", consumer.reload}});
  }
  return {{"reason", plan.reason},
          {"appliance", appliance.name},
          {"base", plan.base},
          {"components", plan.components},
          {"files", std::move(files)},
          {"foreign", std::move(foreign)},
          {"identities", std::move(identities)},
          {"endpoints", std::move(endpoints)},
          {"consumers", std::move(consumers)},
          {"report", preflight::to_json(plan.report)}};
}

}  // namespace chancery::change
