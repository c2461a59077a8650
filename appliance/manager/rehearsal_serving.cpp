// What a change means for those who connect: endpoints as they serve now against endpoints as the edits leave them.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/rehearsal_parts.h"
#include "appliance/manager/rehearsal_stores.h"
#include "appliance/trust/portal_store.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using rehearsal::About;
using rehearsal::Question;

constexpr const char* engine_trust = "trust/engine/ca-bundle.crt";
constexpr const char* known_roots = "trust/appliance/known.pem";
constexpr std::array wildcards{"0.0.0.0", "::", ""};

// The files of a generation, with or without edits laid over them.
class View {
 public:
  View(Bench& bench, const backup::Edits* edits) : generation_(bench.current()), edits_(edits) {}

  std::optional<SecretBytes> read(const std::string& path) const {
    if (edits_ != nullptr) {
      const auto edit = edits_->find(path);
      if (edit != edits_->end()) {
        return edit->second ? std::optional(secret_copy(view_of(edit->second->bytes))) : std::nullopt;
      }
    }
    return generation_.has(path) ? std::optional(generation_.read_secret(path)) : std::nullopt;
  }
  std::set<std::string> names(const std::string& folder, const std::string& ending) const {
    std::set<std::string> paths;
    for (const std::string& path : generation_.files(folder)) paths.insert(path);
    if (edits_ != nullptr) {
      for (const auto& [path, edit] : *edits_) {
        if (edit && path.starts_with(folder)) paths.insert(path);
        if (!edit) paths.erase(path);
      }
    }
    std::set<std::string> names;
    for (const std::string& path : paths) {
      if (!path.ends_with(ending)) continue;
      names.insert(path.substr(folder.size(), path.size() - folder.size() - ending.size()));
    }
    return names;
  }
  std::vector<Certificate> certificates(const std::string& path) const {
    const std::optional<SecretBytes> bytes = read(path);
    if (!bytes || bytes->empty()) return {};
    return read_material(view_of(*bytes), {.source = path}).certificates;
  }

 private:
  const backup::Generation& generation_;
  const backup::Edits* edits_;
};

struct Served {
  std::string program;
  Endpoint endpoint;  // of the port that it comes in by
  SecurityProfile profile;
  std::vector<Certificate> chain;
};

std::vector<Certificate> chain_of(const View& view, const std::string& identity) {
  const std::string folder = "identities/" + identity + "/";
  std::vector<Certificate> chain = view.certificates(folder + "certificate.pem");
  for (Certificate& above : view.certificates(folder + "intermediate.crt")) chain.push_back(std::move(above));
  return chain;
}

std::optional<Endpoint> endpoint_of(const View& view, const std::string& name) {
  const auto toml = view.read("endpoints/" + name + ".toml");
  return toml ? std::optional(parse_endpoint(name, view_of(*toml))) : std::nullopt;
}

// On a single appliance the portal's port hands connections over to the engine's endpoint, which has none of its own.
std::optional<Served> served_by(const View& view, const std::string& name, Role role) {
  std::optional<Endpoint> own = endpoint_of(view, name);
  std::optional<Endpoint> way_in = own;
  if (role == Role::single && name == "engine" && own && !own->enabled) way_in = endpoint_of(view, "portal");
  if (!own || !way_in || !way_in->enabled) return std::nullopt;
  const auto toml = view.read("profiles/" + own->profile + ".toml");
  if (!toml) return std::nullopt;
  Served served{.program = endpoint_program(name),
                .endpoint = *way_in,
                .profile = parse_profile(own->profile, view_of(*toml)),
                .chain = chain_of(view, own->identity)};
  if (served.chain.empty()) return std::nullopt;
  return served;
}

// Those of engine and portal, by name.
std::map<std::string, Served> served(const View& view, Role role) {
  std::map<std::string, Served> all;
  for (const std::string& name : view.names("endpoints/", ".toml")) {
    try {
      const std::string program = endpoint_program(name);
      if (program != "engine" && program != "portal") continue;
      if (auto one = served_by(view, name, role)) all.emplace(name, std::move(*one));
    } catch (const Failure&) {
      // Nobody is connected to what cannot be read, or nothing will come of the change.
    }
  }
  return all;
}

bool is_gone(const Endpoint& before, const Endpoint& after) {
  const bool is_everywhere = std::ranges::find(wildcards, after.host) != wildcards.end();
  return before.port != after.port || (before.host != after.host && !is_everywhere);
}

tls::ProtocolLists lists_of(const SecurityProfile& profile) {
  return {.minimum_protocol = profile.minimum_protocol, .ciphers = profile.ciphers, .groups = profile.groups};
}

bool requires_certificate(const SecurityProfile& profile) {
  return profile.client_certificates == ClientCertificates::require ||
         profile.required_level == SecurityLevel::tls_peer_auth;
}

// What `after` would ask of whoever is connected by `before`; nullopt where that is no more, and nothing else.
std::optional<Question> question_of(const Served& before, const Served* after) {
  Question question{.about = before.program == "engine" ? About::engine : About::portal, .present = before.chain};
  if (after == nullptr || is_gone(before.endpoint, after->endpoint)) {
    question.closes = true;
    return question;
  }
  bool is_more = false;
  if (after->chain != before.chain) {
    question.chain = after->chain;
    is_more = true;
  }
  const tls::ProtocolLists present = lists_of(before.profile);
  const tls::ProtocolLists next = lists_of(after->profile);
  const bool is_other_key = after->chain.front().key().type != before.chain.front().key().type;
  const bool differs = present.minimum_protocol != next.minimum_protocol || present.ciphers != next.ciphers ||
                       present.groups != next.groups;
  if (differs || is_other_key) {
    question.lists = next;
    question.present_lists = present;
    if (next.minimum_protocol > present.minimum_protocol) question.minimum_protocol = next.minimum_protocol;
    is_more = true;
  }
  question.client_certificate = requires_certificate(after->profile) && !requires_certificate(before.profile);
  question.demands_tls =
      before.profile.required_level == SecurityLevel::none && after->profile.required_level != SecurityLevel::none;
  if (is_more || question.client_certificate || question.demands_tls) return question;
  return std::nullopt;
}

void add_roots(Question& question, const CertificatePool& anchors, const CertificatePool& given) {
  const auto add = [&](const std::vector<Certificate>& roots, bool only_self_issued) {
    for (const Certificate& root : roots) {
      const bool is_new = std::ranges::find(question.roots, root) == question.roots.end();
      if (is_new && (!only_self_issued || root.is_self_issued()) && question.roots.size() < 16) {
        question.roots.push_back(root);
      }
    }
  };
  add(roots_of(anchors, question.chain), false);
  add(roots_of(given, question.chain), true);
  add(roots_of(anchors, question.present), false);
}

// Those whose certificates are edited, whoever presents them.
std::set<std::string> touched_identities(const backup::Edits& edits) {
  static constexpr std::string_view folder = "identities/";
  std::set<std::string> names;
  for (const auto& [path, edit] : edits) {
    const bool is_chain = path.ends_with("/certificate.pem") || path.ends_with("/intermediate.crt");
    if (!path.starts_with(folder) || !is_chain) continue;
    names.insert(path.substr(folder.size(), path.find('/', folder.size()) - folder.size()));
  }
  return names;
}

void add_chain(ServingChange& change, const std::vector<Certificate>& present, const std::vector<Certificate>& next) {
  const auto is_same = [&](const ServingChange::Chain& each) { return each.present == present && each.next == next; };
  if (present.empty() || next.empty() || present == next || std::ranges::any_of(change.chains, is_same)) return;
  change.chains.push_back({.present = present, .next = next});
}

std::set<std::string> anchors_in(const View& view, const std::string& program) {
  std::set<std::string> anchors;
  if (program == "engine") {
    for (const Certificate& each : view.certificates(engine_trust)) anchors.insert(each.fingerprint());
    return anchors;
  }
  const auto store = view.read(trust::portal_store_path);
  if (!store) return anchors;
  const SecretBytes password = view.read(trust::portal_password_path).value_or(SecretBytes{});
  for (const Bytes& der : trust::anchors_of(trust::open_portal_store(view_of(*store), view_of(password)).store)) {
    anchors.insert(sha256_hex(der));
  }
  return anchors;
}

}  // namespace

std::vector<Certificate> chain_in_force(Bench& bench, const std::string& identity) {
  return chain_of(View(bench, nullptr), identity);
}

backup::Edits as_made(Bench& bench) {
  backup::Edits files;
  for (const backup::Drift& drift : bench.current().drift()) {
    if (drift.kind == backup::Drift::Kind::extra) files[drift.path] = std::nullopt;
  }
  std::map<std::string, backup::NewFile> made = bench.sets.pristine(bench.current().number()).files("");
  for (auto& [path, file] : made) files[path] = std::move(file);
  return files;
}

ServingChange serving_change(Bench& bench, const backup::Edits& edits, const std::vector<Certificate>& given_roots,
                             std::chrono::milliseconds deadline, const backup::Edits* as_served) {
  const Role role = bench.appliance.role;
  const View present(bench, as_served);
  const std::map<std::string, Served> before = served(present, role);
  const View view(bench, &edits);
  const std::map<std::string, Served> after = served(view, role);
  std::map<std::string, Inquiry> groups;  // by everything but the endpoint's name
  for (const auto& [name, now] : before) {
    const auto found = after.find(name);
    std::optional<Question> question = question_of(now, found == after.end() ? nullptr : &found->second);
    if (!question) continue;
    question->deadline = deadline;
    Inquiry& group =
        groups.try_emplace(now.program + to_json(*question), Inquiry{now.program, *question}).first->second;
    group.question.endpoints.push_back(name);
  }
  ServingChange change;
  for (const std::string& identity : touched_identities(edits)) {
    add_chain(change, chain_of(present, identity), chain_of(view, identity));
  }
  const bool is_predicted =
      std::ranges::any_of(groups, [](const auto& each) { return !each.second.question.chain.empty(); }) &&
      runs_any(bench);
  CertificatePool given;
  for (const Certificate& each : given_roots) given.add(each);
  std::shared_ptr<const CertificatePool> anchors;
  if (is_predicted) {
    for (const Certificate& each : view.certificates(known_roots)) given.add(each);
    anchors = know(bench).anchors;
  }
  for (auto& [key, inquiry] : groups) {
    Question& question = inquiry.question;
    if (!question.chain.empty()) {
      if (anchors) add_roots(question, *anchors, given);
      add_chain(change, question.present, question.chain);
    }
    change.inquiries.push_back(std::move(inquiry));
  }
  return change;
}

std::vector<Inquiry> trust_change(Bench& bench, const backup::Edits& edits, std::chrono::milliseconds deadline,
                                  const backup::Edits* as_served) {
  std::vector<Inquiry> inquiries;
  for (const auto& [program, path] :
       {std::pair("engine", engine_trust), std::pair("portal", trust::portal_store_path)}) {
    const auto edit = edits.find(path);
    if (edit == edits.end()) continue;
    try {
      const std::set<std::string> next = anchors_in(View(bench, &edits), program);
      std::vector<std::string> gone;
      for (const std::string& each : anchors_in(View(bench, as_served), program)) {
        if (!next.contains(each)) gone.push_back(each);
      }
      for (std::size_t at = 0; at < gone.size(); at += rehearsal::most_without) {
        const std::size_t end = std::min(gone.size(), at + rehearsal::most_without);
        Question question{.about = About::own_trust, .deadline = deadline};
        question.without.assign(gone.begin() + static_cast<std::ptrdiff_t>(at),
                                gone.begin() + static_cast<std::ptrdiff_t>(end));
        inquiries.push_back({program, std::move(question)});
      }
    } catch (const Failure&) {
      // A store that cannot be read now is trusted by nobody.
    }
  }
  return inquiries;
}

std::optional<Rehearsed> rehearse_edits(Bench& bench, const backup::Edits& edits,
                                        const std::vector<Certificate>& given_roots, std::chrono::milliseconds deadline,
                                        const backup::Edits* as_served) {
  ServingChange change = serving_change(bench, edits, given_roots, deadline, as_served);
  for (Inquiry& inquiry : trust_change(bench, edits, deadline, as_served))
    change.inquiries.push_back(std::move(inquiry));
  if (change.inquiries.empty() && change.chains.empty()) return std::nullopt;
  Rehearsed rehearsed = ask_all(bench, change.inquiries);
  for (const ServingChange::Chain& chain : change.chains) {
    rehearsed.report.add(judge_stores(bench, chain.present, chain.next));
  }
  return rehearsed;
}

}  // namespace chancery::manager
