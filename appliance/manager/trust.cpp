// CA bundles: the client trust of engine and portal.
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/trust/os_trust.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

std::string store_of(const Call& call) {
  std::string store = call.text_or("store", "engine");
  if (store == "engine" || store == "portal") return store;
  throw bad_argument("store", "there is no trust store \"" + store + "\"", "the stores are engine and portal");
}

std::string bundle_path(const std::string& store) { return "trust/" + store + "/ca-bundle.crt"; }

CertificatePool pool_at(const backup::Generation& generation, const std::string& path) {
  CertificatePool pool;
  if (generation.has(path)) pool.add_pem(generation.read(path));
  return pool;
}

}  // namespace

json trust_list(Bench& bench, Call& call) {
  const std::string store = store_of(call);
  CertificatePool public_cas;
  public_cas.add_pem(os_trust_bundle());
  const CertificatePool federation = pool_at(bench.current(), "trust/federation/roots.pem");
  json certificates = json::array();
  for (const Certificate& certificate : pool_at(bench.current(), bundle_path(store)).all()) {
    json entry = preflight::to_json(certificate);
    entry["source"] = federation.contains(certificate.fingerprint())   ? "federation"
                      : public_cas.contains(certificate.fingerprint()) ? "operating-system"
                                                                       : "added";
    certificates.push_back(std::move(entry));
  }
  return {{"store", store}, {"generation", bench.current().number()}, {"certificates", std::move(certificates)}};
}

json trust_append(Bench& bench, Call& call) {
  const std::string store = store_of(call);
  const std::vector<preflight::SourceFile> files = call.file_list("files");
  if (files.empty()) throw bad_argument("files", "is missing", "name the file with the CA certificates");
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust append");
  const preflight::BundleAnswer answer =
      preflight::check_bundle(files, pool_at(bench.current(), bundle_path(store)), bench.now());
  json reply = finish(bench, change::plan_trust_append(bench.current(), bench.appliance, store, answer), call);
  const bool refused = reply["outcome"] == "refused";
  reply["store"] = store;
  reply["added"] = json::array();
  reply["present"] = json::array();
  for (const Certificate& one : answer.fresh) {
    if (!refused) reply["added"].push_back(preflight::to_json(one));
  }
  for (const Certificate& one : answer.present) reply["present"].push_back(preflight::to_json(one));
  return reply;
}

json trust_remove(Bench& bench, Call& call) {
  const std::string store = store_of(call);
  const std::string fingerprint = call.text("fingerprint");
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust remove");
  json reply = finish(bench, change::plan_trust_remove(bench.current(), bench.appliance, store, fingerprint), call);
  reply["store"] = store;
  return reply;
}

}  // namespace chancery::manager
