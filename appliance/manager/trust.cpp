// Whom the engine, the portal, Java installations and the operating system trust.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "keystore/java/store_edits.h"
#include "keystore/trust/os_trust.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* engine_bundle = "trust/engine/ca-bundle.crt";

CertificatePool pool_at(const backup::Generation& generation, const std::string& path) {
  CertificatePool pool;
  if (generation.has(path)) pool.add_pem(generation.read(path));
  return pool;
}

CertificatePool pool_of(const java::Keystore& store) {
  CertificatePool pool;
  for (const java::Entry& entry : store.entries) {
    if (entry.kind == java::EntryKind::trusted_certificate && !entry.certificates.empty()) {
      pool.add_der(entry.certificates.front().der);
    }
  }
  return pool;
}

// Where a certificate comes from, as far as this appliance knows.
class Sources {
 public:
  Sources(Bench& bench, const std::string& path) : federation_(pool_at(bench.current(), "trust/federation/roots.pem")) {
    public_cas_.add_pem(os_trust_bundle());
    const trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
    for (const trust::ManagedAnchor& anchor : anchors.all()) {
      if (path.empty() || anchor.path == path) managed_.insert(anchor.sha256);
    }
  }
  const char* of(const std::string& sha256, bool in_place) const {
    if (in_place && managed_.contains(sha256)) return "added";
    if (federation_.contains(sha256)) return "federation";
    if (public_cas_.contains(sha256)) return "operating-system";
    return in_place ? "others" : "added";
  }

 private:
  CertificatePool federation_;
  CertificatePool public_cas_;
  std::set<std::string> managed_;
};

json list_of_java(Bench& bench, const Target& target, const Sources& sources) {
  json list = json::array();
  for (const java::Entry& entry : look_into(bench, target).entries) {
    if (entry.kind != java::EntryKind::trusted_certificate || entry.certificates.empty()) continue;
    json each;
    try {
      each = preflight::to_json(Certificate::from_der(entry.certificates.front().der));
    } catch (const Failure&) {
      continue;  // anchors nothing
    }
    each["alias"] = entry.alias;
    each["source"] = sources.of(fingerprint_of(entry), target.kind == Target::Kind::in_place);
    list.push_back(std::move(each));
  }
  return list;
}

json list_of_pool(const CertificatePool& pool, const Sources& sources, bool in_place) {
  json list = json::array();
  for (const Certificate& certificate : pool.all()) {
    json each = preflight::to_json(certificate);
    each["source"] = sources.of(certificate.fingerprint(), in_place);
    list.push_back(std::move(each));
  }
  return list;
}

// Aliases of those that were added, in the order of `fresh`.
struct Appended {
  change::Plan plan;
  std::vector<std::string> aliases;
};

Appended append_to_java(Bench& bench, const Target& target, JavaStore store, const preflight::BundleAnswer& answer,
                        const std::string& alias) {
  Appended appended;
  const bool refused = answer.report.verdict() == preflight::Verdict::refuse;
  if (!answer.fresh.empty() && !refused) {
    for (const auto& each : java::import_certificates(store.store, answer.fresh,
                                                      {.alias = alias, .now_ms = milliseconds_of(bench.now())})) {
      appended.aliases.push_back(each.alias);
    }
    appended.plan = plan_java_store(bench, target, store, "trust append");
  }
  appended.plan.reason = "trust append";
  appended.plan.base = bench.current().number();
  preflight::Report report = answer.report;
  std::move(appended.plan.report.findings.begin(), appended.plan.report.findings.end(),
            std::back_inserter(report.findings));
  appended.plan.report = std::move(report);
  return appended;
}

change::Plan remove_from_java(Bench& bench, const Target& target, const std::string& wanted,
                              const std::optional<SecretBytes>& password) {
  std::error_code ignored;
  if (target.kind == Target::Kind::in_place && !std::filesystem::exists(target.name, ignored)) {
    // The Java installation is gone, and with it what we put there.
    trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
    if (anchors.forget(target.name, wanted)) {
      return change::plan_stores_in_place(bench.current(), bench.appliance, "trust remove", {}, anchors);
    }
  }
  JavaStore store = open_java_store(bench, target, password);
  const std::size_t removed = std::erase_if(store.store.entries, [&](const java::Entry& entry) {
    return entry.kind == java::EntryKind::trusted_certificate && fingerprint_of(entry) == wanted;
  });
  if (removed > 0) return plan_java_store(bench, target, store, "trust remove");
  trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  if (target.kind == Target::Kind::in_place && anchors.forget(target.name, wanted)) {
    return change::plan_stores_in_place(bench.current(), bench.appliance, "trust remove", {}, anchors);
  }
  throw Failure({.code = "unknown-certificate",
                 .subject = wanted,
                 .cause = "no certificate in this store has this fingerprint",
                 .hint = "chancery trust list --store " + target.name + " shows what is in it"});
}

// Whom the program that trusts by this store could not reach without it. Of other stores nobody here knows who uses them.
std::optional<Rehearsed> rehearse_without(Bench& bench, const Target& target, const std::string& fingerprint,
                                          change::Plan& plan, const RehearsalOptions& options) {
  const bool is_engine = target.kind == Target::Kind::engine;
  if (options.skip || plan.is_empty() || (!is_engine && target.kind != Target::Kind::portal)) return std::nullopt;
  Rehearsed rehearsed = rehearse_removal(bench, {is_engine ? "engine" : "portal"}, {fingerprint}, options.deadline);
  if (rehearsed.report.asked == 0) return std::nullopt;
  weigh(plan.report, rehearsed, options.accepted);
  return rehearsed;
}

void expect_changeable(const Target& target) {
  if (target.kind != Target::Kind::operating_system) return;
  throw bad_argument("store", "the operating system's trust has commands of its own",
                     "use chancery trust os-install FILE and chancery trust os-remove FINGERPRINT");
}

}  // namespace

json trust_list(Bench& bench, Call& call) {
  const Target target = target_of(bench, call.text_or("store", "engine"));
  const bool in_place = target.kind == Target::Kind::in_place;
  const bool is_system = target.kind == Target::Kind::operating_system;
  const Sources sources(bench, in_place ? target.name : "");
  json list;
  if (target.kind == Target::Kind::engine) {
    list = list_of_pool(pool_at(bench.current(), engine_bundle), sources, false);
  } else if (is_system) {
    CertificatePool pool;
    pool.add_pem(os_trust_bundle());
    list = list_of_pool(pool, sources, true);
  } else {
    list = list_of_java(bench, target, sources);
  }
  return {{"store", target.name}, {"generation", bench.current().number()}, {"certificates", std::move(list)}};
}

json trust_append(Bench& bench, Call& call) {
  const std::vector<preflight::SourceFile> files = call.file_list("files");
  if (files.empty()) throw bad_argument("files", "is missing", "name the file with the CA certificates");
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust append");
  const Target target = target_of(bench, call.text_or("store", "engine"));
  expect_changeable(target);
  preflight::BundleAnswer answer;
  Appended appended;
  if (target.kind == Target::Kind::engine) {
    if (!call.text_or("alias", "").empty()) {
      throw bad_argument("alias", "the engine's bundle has no aliases", "leave it out, or choose a Java keystore");
    }
    answer = preflight::check_bundle(files, pool_at(bench.current(), engine_bundle), bench.now());
    appended.plan = change::plan_trust_append(bench.current(), bench.appliance, answer);
  } else {
    JavaStore store = open_java_store(bench, target, call.secret("storepass"));
    answer = preflight::check_bundle(files, pool_of(store.store), bench.now());
    appended = append_to_java(bench, target, std::move(store), answer, call.text_or("alias", ""));
  }
  json reply = finish(bench, std::move(appended.plan), call);
  reply["store"] = target.name;
  reply["added"] = json::array();
  reply["present"] = json::array();
  for (std::size_t at = 0; at < answer.fresh.size() && reply["outcome"] != "refused"; ++at) {
    json added = preflight::to_json(answer.fresh[at]);
    if (at < appended.aliases.size()) added["alias"] = appended.aliases[at];
    reply["added"].push_back(std::move(added));
  }
  for (const Certificate& one : answer.present) reply["present"].push_back(preflight::to_json(one));
  return reply;
}

json trust_remove(Bench& bench, Call& call) {
  const std::string fingerprint = change::normal_fingerprint(call.text("fingerprint"));
  const Bench::Writer writer = bench.begin_change(call.who() + ", trust remove");
  const Target target = target_of(bench, call.text_or("store", "engine"));
  expect_changeable(target);
  change::Plan plan = target.kind == Target::Kind::engine
                          ? change::plan_trust_remove(bench.current(), bench.appliance, fingerprint)
                          : remove_from_java(bench, target, fingerprint, call.secret("storepass"));
  const std::optional<Rehearsed> rehearsed =
      rehearse_without(bench, target, fingerprint, plan, rehearsal_options(call));
  json reply = finish(bench, std::move(plan), call);
  put_rehearsal(reply, rehearsed);
  reply["store"] = target.name;
  return reply;
}

}  // namespace chancery::manager
