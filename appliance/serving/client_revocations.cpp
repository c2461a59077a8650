#include "appliance/serving/client_revocations.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "appliance/http/fetch.h"
#include "appliance/membership/revocation_list.h"
#include "appliance/settings/policy.h"
#include "appliance/trust/portal_store.h"
#include "keystore/fault.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/material.h"

namespace chancery::serving {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t list_limit = std::size_t{8} * 1024 * 1024;
constexpr std::chrono::seconds shortest_pause{5};

std::vector<Certificate> certificates_in(const backup::Generation& generation, const std::string& path) {
  if (path.empty() || path.front() == '/' || !generation.has(path)) return {};
  return read_material(generation.read(path), {.source = path}).certificates;
}

void append(std::vector<Certificate>& all, const std::vector<Certificate>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

std::vector<Certificate> trusted_by(const backup::Generation& generation, const SecurityProfile& profile) {
  std::vector<Certificate> all;
  std::istringstream in(profile.trusted);
  for (std::string path; std::getline(in, path, ';');) {
    const auto first = path.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    append(all, certificates_in(generation, path.substr(first, path.find_last_not_of(' ') - first + 1)));
  }
  return all;
}

// Who may sign a list: the trusted CAs, and CAs known here that one of them has signed.
std::vector<Certificate> signers_for(const backup::Generation& generation, const SecurityProfile& profile) {
  const std::vector<Certificate> trusted = trusted_by(generation, profile);
  std::vector<Certificate> signers = trusted;
  std::vector<Certificate> known = certificates_in(generation, "trust/appliance/known.pem");
  append(known, certificates_in(generation, "identities/member/intermediate.crt"));
  for (const Certificate& each : known) {
    if (!each.is_ca() || !each.may_sign_certificates()) continue;
    if (std::ranges::any_of(trusted, [&](const Certificate& ca) { return each.is_signed_by(ca); })) {
      signers.push_back(each);
    }
  }
  std::erase_if(signers, [](const Certificate& each) { return !each.is_ca(); });
  return signers;
}

// What https is verified with.
Bytes client_trust(const backup::Generation& generation, const std::string& program) {
  if (program == "engine" && generation.has("trust/engine/ca-bundle.crt")) {
    return generation.read("trust/engine/ca-bundle.crt");
  }
  if (program == "portal") return trust::portal_trust_pem(generation);
  return os_trust_bundle();
}

std::vector<RevocationList> read_lists(ByteView bytes) {
  if (text_of(bytes).find("-----BEGIN") != std::string_view::npos) return revocation_lists(bytes);
  return {RevocationList::from_der(bytes)};
}

}  // namespace

// What one profile demands, and what is known for it. `lists` changes under State::mutex, the rest never.
struct ClientRevocations::Source {
  std::string profile;
  std::string location;
  std::chrono::minutes interval{60};
  std::vector<Certificate> signers;
  Bytes web_trust;
  std::optional<backup::Generation> generation;  // where a relative file lies

  std::vector<RevocationList> lists;
  std::string seen;  // of a file: size and time when it was last read
  std::string last_problem;
  Instant read_at{};
  SteadyTime next{};
  int failures = 0;

  bool is_web() const { return location.find("://") != std::string::npos; }
  bool is_as(const Source& other) const {
    return profile == other.profile && location == other.location && signers == other.signers;
  }
};

struct ClientRevocations::State {
  State(const Folder& run_folder, std::string program_name, Clock given_clock, Report given_report)
      : run(run_folder),
        program(std::move(program_name)),
        clock(std::move(given_clock)),
        report(std::move(given_report)) {}

  const Folder& run;
  const std::string program;
  const Clock clock;
  const Report report;
  mutable std::mutex mutex;
  std::map<std::string, std::shared_ptr<Source>> sources;  // by profile
  std::map<std::string, std::string> profiles;             // of endpoints
  std::set<std::string> reported;

  std::string kept_name(const Source& source) const { return "crl/" + source.profile + ".pem"; }
  std::string stamp(const Source& source) const;
  Bytes bytes_of_source(const Source& source) const;
  // The lists of `bytes` that count, laid over those that are there.
  std::vector<RevocationList> accepted(const Source& source, std::vector<RevocationList> present, ByteView bytes) const;
  void read(const std::shared_ptr<Source>& source);
  void read_kept(Source& source) const;
  void keep(const Source& source) const;
  void say(const Source& source);
};

std::string ClientRevocations::State::stamp(const Source& source) const {
  if (source.is_web() || source.location.front() != '/') return {};
  const std::size_t slash = source.location.rfind('/');
  const auto status = Folder::open(source.location.substr(0, std::max<std::size_t>(1, slash)))
                          .status(source.location.substr(slash + 1));
  return status ? std::to_string(status->size) + " " + std::to_string(status->modified_ns) : "none";
}

Bytes ClientRevocations::State::bytes_of_source(const Source& source) const {
  if (source.is_web()) return http::fetch(source.location, {.trust_pem = source.web_trust, .limit = list_limit});
  if (source.location.front() == '/') return read_file(source.location, list_limit);
  return source.generation->read(source.location);
}

std::vector<RevocationList> ClientRevocations::State::accepted(const Source& source,
                                                               std::vector<RevocationList> present,
                                                               ByteView bytes) const {
  std::vector<RevocationList> lists = read_lists(bytes);
  for (RevocationList& list : lists) {
    const bool is_signed =
        std::ranges::any_of(source.signers, [&](const Certificate& signer) { return list.is_signed_by(signer); });
    if (!is_signed) {
      throw Failure({.code = "bad-crl",
                     .subject = source.location,
                     .cause = "none of the CAs that the profile trusts has signed it",
                     .hint =
                         "give the CRL of the CA that issues the client certificates; an issuing CA below a trusted "
                         "root must be known here or be in trusted itself"});
    }
    if (list.next_update() <= clock()) {
      throw Failure({.code = "bad-crl",
                     .subject = source.location,
                     .cause = "it ended at " + to_rfc3339(list.next_update()),
                     .hint = "let the CA make a new one; until then nobody is let in by a certificate of that CA"});
    }
    const auto same =
        std::ranges::find_if(present, [&](const RevocationList& each) { return each.is_of_the_issuer_of(list); });
    if (same == present.end()) {
      present.push_back(std::move(list));
      continue;
    }
    const bool is_older = list.number() < same->number() || list.this_update() < same->this_update();
    if (is_older) {
      throw Failure({.code = "bad-crl",
                     .subject = source.location,
                     .cause = "it is older than the list in force, which has number " + std::to_string(same->number()),
                     .hint = "nothing to do when a server lags behind: it is asked again"});
    }
    *same = std::move(list);
  }
  return present;
}

// A problem leaves what is in force as it is.
void ClientRevocations::State::read(const std::shared_ptr<Source>& source) {
  std::vector<RevocationList> present;
  {
    const std::lock_guard guard(mutex);
    present = source->lists;
  }
  std::string problem;
  std::string seen;
  try {
    seen = stamp(*source);
    present = accepted(*source, std::move(present), bytes_of_source(*source));
  } catch (const std::exception& error) {
    problem = error.what();
  }
  const std::lock_guard guard(mutex);
  const SteadyTime now = std::chrono::steady_clock::now();
  source->seen = seen;
  source->last_problem = problem;
  if (problem.empty()) {
    source->lists = std::move(present);
    source->read_at = clock();
    source->failures = 0;
    source->next = now + source->interval;
    keep(*source);
  } else {
    const std::chrono::seconds pause = shortest_pause * (1 << std::min(source->failures++, 8));
    source->next = now + std::min<std::chrono::seconds>(pause, source->interval);
  }
  say(*source);
}

void ClientRevocations::State::keep(const Source& source) const {
  if (!source.is_web()) return;
  try {
    std::string text;
    for (const RevocationList& list : source.lists) text += list.to_pem();
    run.make_folder("crl", {.mode = 0700});
    run.write_atomically(kept_name(source), view_of(text), {.mode = 0600});
  } catch (const Failure& failure) {
    spdlog::warn("the revocation list of profile {} is not kept: {}", source.profile, failure.what());
  }
}

// As good as on the day it came: whoever can write here can do anything in this program's name, and it is checked anew.
void ClientRevocations::State::read_kept(Source& source) const {
  try {
    if (!source.is_web() || !run.status(kept_name(source))) return;
    source.lists = accepted(source, {}, run.read(kept_name(source), list_limit));
  } catch (const Failure&) {  // it has ended, or belongs to other CAs: it is fetched anew
  }
}

void ClientRevocations::State::say(const Source& source) {
  const std::string name = "crl " + source.profile;
  const Instant now = clock();
  const bool is_good = !source.lists.empty() && std::ranges::all_of(source.lists, [now](const RevocationList& list) {
    return now < list.next_update();
  });
  if (is_good && source.last_problem.empty()) {
    if (reported.erase(name) > 0) report(name, std::nullopt);
    return;
  }
  reported.insert(name);
  std::string message = "profile " + source.profile + ": ";
  if (!is_good) {
    message += "no valid revocation list, so no client certificate is let in";
  } else {
    message += "the revocation list could not be read anew; the present one counts";
  }
  if (!source.last_problem.empty()) message += ": " + source.last_problem;
  report(name, Condition{.message = message,
                         .hint = "bring " + source.location + " in order, or name another one: chancery profile set " +
                                 source.profile + " crl=FILE-OR-URL"});
}

ClientRevocations::ClientRevocations(const Folder& run, std::string program, Clock clock, Report report)
    : state_(std::make_unique<State>(run, std::move(program), std::move(clock), std::move(report))) {}
ClientRevocations::~ClientRevocations() = default;

std::function<void()> ClientRevocations::prepare(const backup::Generation& generation) {
  auto sources = std::make_shared<std::map<std::string, std::shared_ptr<Source>>>();
  auto profiles = std::make_shared<std::map<std::string, std::string>>();
  constexpr std::string_view prefix = "endpoints/";
  constexpr std::string_view suffix = ".toml";
  for (const std::string& path : generation.files(std::string(prefix))) {
    if (!path.ends_with(suffix)) continue;
    const std::string name = path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
    if (endpoint_program(name) != state_->program) continue;
    const Endpoint endpoint = parse_endpoint(name, generation.read(path));
    const std::string profile_path = "profiles/" + endpoint.profile + ".toml";
    const SecurityProfile profile = parse_profile(endpoint.profile, generation.read(profile_path));
    if (profile.crl.empty()) continue;
    (*profiles)[name] = profile.name;
    if (sources->contains(profile.name)) continue;
    const auto source = std::make_shared<Source>();
    source->profile = profile.name;
    source->location = profile.crl;
    source->interval = std::chrono::minutes(profile.crl_interval_minutes);
    source->signers = signers_for(generation, profile);
    if (profile.crl.starts_with("https://")) source->web_trust = client_trust(generation, state_->program);
    source->generation = generation;
    std::shared_ptr<Source> before;
    {
      const std::lock_guard guard(state_->mutex);
      const auto found = state_->sources.find(profile.name);
      if (found != state_->sources.end() && found->second->is_as(*source)) source->lists = found->second->lists;
    }
    if (source->lists.empty()) state_->read_kept(*source);
    (*sources)[profile.name] = source;
  }
  return [this, sources, profiles] {
    std::vector<std::shared_ptr<Source>> files;
    {
      const std::lock_guard guard(state_->mutex);
      for (const auto& [name, source] : state_->sources) {
        if (!sources->contains(name) && state_->reported.erase("crl " + name) > 0) state_->report("crl " + name, {});
      }
      state_->sources = *sources;
      state_->profiles = *profiles;
      for (const auto& [name, source] : *sources) {
        if (!source->is_web()) files.push_back(source);
      }
    }
    for (const auto& source : files) state_->read(source);
  };
}

void ClientRevocations::look() {
  std::vector<std::shared_ptr<Source>> due;
  {
    const std::lock_guard guard(state_->mutex);
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const auto& [name, source] : state_->sources) {
      bool is_due = now >= source->next;
      try {
        is_due = is_due || state_->stamp(*source) != source->seen;
      } catch (const Failure&) {  // its folder is gone: said by the next reading
      }
      if (is_due) {
        due.push_back(source);
      } else {
        state_->say(*source);  // a list may have ended meanwhile
      }
    }
  }
  for (const auto& source : due) state_->read(source);
}

bool ClientRevocations::concerns(const std::string& endpoint) const {
  const std::lock_guard guard(state_->mutex);
  return state_->profiles.contains(endpoint);
}

std::optional<std::string> ClientRevocations::refusal(const std::string& endpoint,
                                                      const std::vector<Certificate>& chain) const {
  const std::lock_guard guard(state_->mutex);
  const auto profile = state_->profiles.find(endpoint);
  if (profile == state_->profiles.end() || chain.empty()) return std::nullopt;
  const std::vector<RevocationList>& lists = state_->sources.at(profile->second)->lists;
  for (const Certificate& certificate : chain) {
    if (std::ranges::any_of(lists, [&](const RevocationList& list) { return list.lists(certificate); })) {
      return "revoked";
    }
  }
  const Instant now = state_->clock();
  const bool is_covered = std::ranges::any_of(
      lists, [&](const RevocationList& list) { return list.covers(chain.front()) && now < list.next_update(); });
  return is_covered ? std::nullopt : std::optional<std::string>("crl-unknown");
}

}  // namespace chancery::serving
