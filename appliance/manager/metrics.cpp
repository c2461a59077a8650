// The inventory and its dates for monitoring, in the text format of Prometheus (version 0.0.4): what doctor grades,
// when each certificate of this appliance ends and whether it is what endpoints serve, when the trust of each store
// ends, and of the federation who was heard of when. Times are seconds since 1970, so that whoever watches counts for
// itself.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "appliance/manager/doctor.h"
#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "appliance/trust/managed_anchors.h"
#include "appliance/trust/portal_store.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

using Labels = std::vector<std::pair<const char*, std::string>>;

// One kind of figure after the other, as the format wants it.
class Figures {
 public:
  void add(const std::string& name, const char* help, const Labels& labels, std::int64_t value) {
    Kind& kind = kinds_[name];
    kind.help = help;
    std::string line = name;
    for (const auto& [label, text] : labels) {
      line += (line == name ? "{" : ",") + std::string(label) + "=\"" + escaped(text) + "\"";
    }
    kind.lines += line + (labels.empty() ? " " : "} ") + std::to_string(value) + "\n";
  }

  std::string text() const {
    std::string all;
    for (const auto& [name, kind] : kinds_) {
      all += "# HELP " + name + " " + kind.help + "\n# TYPE " + name + " gauge\n" + kind.lines;
    }
    return all;
  }

 private:
  struct Kind {
    const char* help = "";
    std::string lines;
  };
  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '\n') {
        out += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  }
  std::map<std::string, Kind> kinds_;
};

std::int64_t seconds_of(const std::string& time) { return from_rfc3339(time).time_since_epoch().count(); }

void add_doctor(Figures& figures, const Examination& examination) {
  int worst = 0;
  for (const Check& check : examination.checks()) {
    const int grade = static_cast<int>(check.grade);
    worst = std::max(worst, grade);
    figures.add("chancery_check_status", "What doctor says of it: 0 ok, 1 warning, 2 critical",
                {{"check", check.check}}, grade);
  }
  figures.add("chancery_status", "The worst of all checks of doctor", {}, worst);
}

void add_identities(Figures& figures, const json& list) {
  figures.add("chancery_generation", "The generation in force", {}, list.at("generation").get<std::int64_t>());
  for (const json& identity : list.at("identities")) {
    if (!identity.contains("certificate")) continue;
    const std::string name = identity.at("identity");
    figures.add("chancery_certificate_not_after_seconds", "When the installed certificate ends",
                {{"identity", name}, {"source", identity.at("source")}},
                seconds_of(identity["certificate"].at("not_after")));
    for (const json& served : identity.at("served")) {
      figures.add("chancery_endpoint_serves_installed", "1 where a handshake shows the installed certificate",
                  {{"endpoint", served.at("endpoint")}, {"identity", name}}, served.at("ok").get<bool>() ? 1 : 0);
    }
  }
}

void add_store(Figures& figures, const std::string& store, std::vector<Certificate> certificates, Instant now) {
  figures.add("chancery_trust_certificates", "How many certificates a store trusts", {{"store", store}},
              static_cast<std::int64_t>(certificates.size()));
  const auto ended = std::erase_if(certificates, [now](const Certificate& each) { return each.not_after() <= now; });
  figures.add("chancery_trust_ended", "How many of them have ended", {{"store", store}},
              static_cast<std::int64_t>(ended));
  if (certificates.empty()) return;
  const auto first = std::ranges::min_element(certificates, {}, &Certificate::not_after);
  figures.add("chancery_trust_not_after_seconds", "When the next certificate of a store ends", {{"store", store}},
              first->not_after().time_since_epoch().count());
}

// Of others' stores what was imported into them; one that cannot be looked into is a check of doctor.
void add_stores(Figures& figures, Bench& bench) {
  const auto certificates_of = [](ByteView pem) {
    CertificatePool pool;
    pool.add_pem(pem);
    return pool.all();
  };
  if (bench.appliance.role != Role::primary) {
    add_store(figures, "engine", certificates_of(bench.current().read("trust/engine/ca-bundle.crt")), bench.now());
  }
  if (bench.appliance.role != Role::secondary) {
    add_store(figures, "portal", certificates_of(trust::portal_trust_pem(bench.current())), bench.now());
  }
  const trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  for (const std::string& path : anchors.keystores()) {
    try {
      add_store(figures, path, imported_into(look_into(path), anchors.of(path)), bench.now());
    } catch (const Failure&) {
      continue;
    }
  }
}

void add_members(Figures& figures, Bench& bench, Call& call) {
  if (bench.appliance.role != Role::primary) return;
  const json list = federation_list(bench, call);
  for (const json& member : list.at("members")) {
    const std::string name = member.at("name");
    const json seen = member.value("last_seen", json());
    if (seen.is_string()) {
      figures.add("chancery_member_last_seen_seconds", "When a member was heard of last", {{"member", name}},
                  seconds_of(seen));
    }
    for (const json& served : member.value("served", json::array())) {
      figures.add("chancery_member_certificate_not_after_seconds", "When the certificate that a member serves ends",
                  {{"member", name}, {"endpoint", served.at("endpoint")}, {"identity", served.at("identity")}},
                  seconds_of(served.at("not_after")));
    }
  }
}

}  // namespace

json metrics(Bench& bench, Call& call) {
  Figures figures;
  Examination examination;
  examine(examination, bench.appliance.state, bench.clock());
  add_doctor(figures, examination);
  add_identities(figures, inventory(bench, examination.served));
  add_stores(figures, bench);
  add_members(figures, bench, call);
  return {{"text", figures.text()}};
}

}  // namespace chancery::manager
