#include "collector/kept_anchors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using nlohmann::json;

constexpr const char* format = "chancery-collector-anchors-1";
constexpr std::size_t file_limit = 1024 * 1024;
constexpr std::size_t most_added = 16;
constexpr std::size_t most_dropped = 64;
constexpr std::size_t most_vouchers = 128;
constexpr std::size_t most_looked_at = 64;

std::vector<Certificate> readable(const std::vector<Bytes>& encoded) {
  std::vector<Certificate> found;
  for (const Bytes& der : encoded) {
    try {
      found.push_back(Certificate::from_der(der));
    } catch (const Failure&) {  // a newer program's, or nonsense: nothing that could be trusted here
    }
  }
  return found;
}

bool may_certify(const Certificate& certificate, Instant now) {
  return certificate.is_ca() && certificate.may_sign_certificates() &&
         certificate.unknown_critical_extensions().empty() && now < certificate.not_after();
}

bool is_root(const Certificate& certificate, Instant now) {
  return may_certify(certificate, now) && certificate.is_self_signed();
}

bool stands_for(const Certificate& cross, const Certificate& root) {
  return cross.subject_der() == root.subject_der() && cross.key_digest() == root.key_digest();
}

}  // namespace

KeptAnchors::KeptAnchors(const Folder& state, Clock clock, std::string file_name)
    : state_(state), clock_(std::move(clock)), file_name_(std::move(file_name)) {
  read();
}

std::vector<Certificate> KeptAnchors::added() const {
  std::vector<Certificate> all;
  for (const auto& [fingerprint, certificate] : added_) all.push_back(certificate);
  return all;
}

std::vector<Certificate> KeptAnchors::added(const Given& given) const {
  std::vector<Certificate> all;
  for (const auto& [fingerprint, certificate] : added_) {
    if (counts(fingerprint, given)) all.push_back(certificate);
  }
  return all;
}

bool KeptAnchors::counts(const std::string& fingerprint, const Given& given) const {
  if (!added_.contains(fingerprint)) return false;
  if (given.is_system && by_system_.contains(fingerprint)) return true;
  return std::ranges::any_of(vouched_, [&](const auto& each) {
    const std::string& voucher = each.second;
    return given.pool.contains(voucher) && succeeds(fingerprint, voucher);
  });
}

bool KeptAnchors::trusts(const std::string& fingerprint, const Given& given) const {
  return !is_dropped(fingerprint) && (given.pool.contains(fingerprint) || counts(fingerprint, given));
}

bool KeptAnchors::take(const wire::Anchors& offer, const Given& given) {
  const Instant now = clock_();
  const auto before = std::tuple(added_.size(), vouched_, dropped_, by_system_);
  std::vector<Certificate> roots = readable(offer.roots);
  std::erase_if(roots, [now](const Certificate& root) { return !is_root(root, now); });
  std::vector<Certificate> crosses = readable(offer.crosses);
  std::erase_if(crosses,
                [now](const Certificate& cross) { return !may_certify(cross, now) || cross.is_self_signed(); });
  const std::set<std::string> retired(offer.retired.begin(), offer.retired.end());
  std::erase_if(roots, [&](const Certificate& root) { return retired.contains(root.fingerprint()); });

  needs_ = std::ranges::any_of(retired, [&](const std::string& each) { return trusts(each, given); });
  note_vouchers(roots, crosses, retired, given);
  drop_retired(retired, given);
  federation_.clear();
  for (const Certificate& root : roots) {
    if (trusts(root.fingerprint(), given)) federation_.insert_or_assign(root.fingerprint(), root);
  }
  needs_ = needs_ || !federation_.empty() || depends_through_others(roots, given.pool);
  if (before == std::tuple(added_.size(), vouched_, dropped_, by_system_)) return false;
  write();
  return std::get<0>(before) != added_.size() || std::get<2>(before) != dropped_;
}

// An issuing CA that was given as an anchor goes with its root, and nothing here can be proven for it.
bool KeptAnchors::depends_through_others(const std::vector<Certificate>& roots, const CertificatePool& given) {
  if (given.size() > most_looked_at) return false;  // an operating system's store has roots
  const std::vector<Certificate> anchors = given.all();
  return std::ranges::any_of(anchors, [&](const Certificate& anchor) {
    return !anchor.is_self_signed() &&
           std::ranges::any_of(roots, [&](const Certificate& root) { return anchor.is_signed_by(root); });
  });
}

// The federation's roots among those that are trusted here; one that is told retired counts while it is not dropped.
std::vector<Certificate> KeptAnchors::vouchers_of(const Certificate& cross, const std::set<std::string>& federation,
                                                  const Given& given) const {
  std::vector<Certificate> found = given.pool.with_subject(cross.issuer_der());
  for (const Certificate& root : added(given)) found.push_back(root);
  std::erase_if(found, [&](const Certificate& each) {
    return !federation.contains(each.fingerprint()) || is_dropped(each.fingerprint()) || !each.is_ca() ||
           !each.is_self_signed() || !cross.is_signed_by(each);
  });
  return found;
}

// A root that one of ours has signed may itself have signed the next: as many rounds as bring something new.
void KeptAnchors::note_vouchers(const std::vector<Certificate>& roots, const std::vector<Certificate>& crosses,
                                const std::set<std::string>& retired, const Given& given) {
  std::set<std::string> federation = retired;
  for (const Certificate& root : roots) federation.insert(root.fingerprint());
  for (bool is_news = true; is_news;) {
    is_news = false;
    for (const Certificate& cross : crosses) {
      const std::vector<Certificate> vouchers = vouchers_of(cross, federation, given);
      for (const Certificate& root : roots) {
        if (is_dropped(root.fingerprint()) || !stands_for(cross, root)) continue;
        for (const Certificate& voucher : vouchers) {
          if (root == voucher || vouched_.size() >= most_vouchers) continue;
          is_news = vouched_.emplace(root.fingerprint(), voucher.fingerprint()).second || is_news;
          if (given.pool.contains(root.fingerprint())) continue;
          if (!added_.contains(root.fingerprint()) && added_.size() >= most_added) continue;
          added_.insert_or_assign(root.fingerprint(), root);
          if (given.is_system) by_system_.insert(root.fingerprint());
        }
      }
    }
  }
}

void KeptAnchors::drop_retired(const std::set<std::string>& retired, const Given& given) {
  for (const std::string& old : retired) {
    if (!trusts(old, given) || dropped_.size() >= most_dropped) continue;
    const bool is_bound = std::ranges::any_of(proven_, [&](const auto& each) {
      return trusts(each.first, given) && !retired.contains(each.first) && succeeds(each.first, old);
    });
    if (!is_bound) continue;
    added_.erase(old);
    by_system_.erase(old);
    proven_.erase(old);
    dropped_.insert(old);
  }
}

bool KeptAnchors::succeeds(const std::string& newer, const std::string& older) const {
  std::set<std::string> seen{newer};
  std::vector<std::string> ahead{newer};
  while (!ahead.empty()) {
    const std::string at = ahead.back();
    ahead.pop_back();
    for (const auto& [root, voucher] : vouched_) {
      if (root != at || !seen.insert(voucher).second) continue;
      if (voucher == older) return true;
      ahead.push_back(voucher);
    }
  }
  return false;
}

wire::Holds KeptAnchors::holds() const {
  wire::Holds holds{.needs = needs_, .held = {}, .proven = {}, .lists = {}};
  for (const auto& [fingerprint, root] : federation_) {
    holds.held.push_back(fingerprint);
    if (proven_.contains(fingerprint)) holds.proven.push_back(fingerprint);
  }
  return holds;
}

std::optional<Certificate> KeptAnchors::held(const std::string& fingerprint) const {
  const auto found = federation_.find(fingerprint);
  return found == federation_.end() ? std::nullopt : std::optional(found->second);
}

void KeptAnchors::set_proven(const std::string& fingerprint) {
  if (!federation_.contains(fingerprint)) return;
  proven_[fingerprint] = clock_();
  write();
}

void KeptAnchors::read() {
  if (!state_.status(file_name_)) return;
  const Bytes bytes = state_.read(file_name_, file_limit);
  try {
    const json file = json::parse(text_of(bytes));
    if (file.at("format") != format) throw std::invalid_argument("another format");
    for (const json& each : file.at("added")) {
      const Certificate root = Certificate::from_der(from_base64(each.get<std::string>()));
      added_.insert_or_assign(root.fingerprint(), root);
    }
    for (const json& each : file.at("vouched")) vouched_.emplace(each.at(0), each.at(1));
    for (const auto& [fingerprint, when] : file.at("proven").items()) {
      proven_[fingerprint] = from_rfc3339(when.get<std::string>());
    }
    for (const json& each : file.at("dropped")) dropped_.insert(each.get<std::string>());
    if (file.contains("by_system")) {
      for (const json& each : file.at("by_system")) by_system_.insert(each.get<std::string>());
    } else {  // an earlier version's: it did not tell who had brought what
      for (const auto& [fingerprint, root] : added_) by_system_.insert(fingerprint);
    }
  } catch (const std::exception& error) {
    throw Failure({.code = "state-damaged",
                   .subject = state_.path() + "/" + file_name_,
                   .cause = std::string("what this collector has learned of the federation's roots cannot be read: ") +
                            error.what(),
                   .hint = "remove the file: the collector then trusts what it was installed with, and learns the rest "
                           "anew from its engine"});
  }
}

void KeptAnchors::write() const {
  json file{{"format", format},         {"added", json::array()}, {"vouched", json::array()},
            {"proven", json::object()}, {"dropped", dropped_},    {"by_system", by_system_}};
  for (const auto& [fingerprint, root] : added_) file["added"].push_back(to_base64(root.der()));
  for (const auto& [newer, older] : vouched_) file["vouched"].push_back({newer, older});
  for (const auto& [fingerprint, when] : proven_) file["proven"][fingerprint] = to_rfc3339(when);
  const std::string text = file.dump(2) + "\n";
  state_.write_atomically(file_name_, view_of(text), {.mode = 0600});
}

}  // namespace chancery::collector
