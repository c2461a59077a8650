#include "appliance/preflight/chain_builder.h"

#include <algorithm>
#include <map>

namespace chancery::preflight {

namespace {

constexpr std::size_t deepest_chain = 12;
constexpr std::size_t most_chains = 32;
constexpr std::size_t most_signature_checks = 256;

class Search {
 public:
  Search(const Pile& pile, const Knowledge& knowledge) : pile_(pile), knowledge_(knowledge) {}

  ChainSearch run(const Member& leaf) {
    chain_.push_back(leaf);
    climb();
    return std::move(result_);
  }

 private:
  void climb() {
    if (result_.chains.size() >= most_chains) return;
    const Certificate top = chain_.back().certificate;
    const bool anchored = is_anchor(top, pile_, knowledge_);
    const bool rooted = top.is_self_signed();
    if (rooted) {
      result_.chains.push_back({chain_, anchored, rooted});
      return;
    }
    bool climbed = false;
    if (chain_.size() < deepest_chain) {
      for (const Member& issuer : issuers_of(chain_.back())) {
        climbed = true;
        chain_.push_back(issuer);
        climb();
        chain_.pop_back();
      }
    }
    // A trusted intermediate ends a chain too, though one that reaches the root is better.
    if (anchored || !climbed) result_.chains.push_back({chain_, anchored, rooted});
  }

  std::vector<Member> issuers_of(const Member& child) {
    std::vector<Member> issuers;
    const Bytes& name = child.certificate.issuer_der();
    const auto consider = [&](const Member& candidate) {
      const bool seen = std::any_of(issuers.begin(), issuers.end(),
                                    [&](const Member& other) { return other.certificate == candidate.certificate; });
      if (seen || would_loop(candidate.certificate)) return;
      if (signed_by(child, candidate)) issuers.push_back(candidate);
    };
    for (const Member& member : pile_.given) {
      if (member.certificate.subject_der() == name) consider(member);
    }
    for (const Member& member : pile_.anchors) {
      if (member.certificate.subject_der() == name) consider(member);
    }
    if (knowledge_.intermediates) {
      for (const Certificate& known : knowledge_.intermediates->with_subject(name)) {
        consider({known, "known to this appliance", Source::known_intermediate, 0});
      }
    }
    if (knowledge_.anchors) {
      for (const Certificate& known : knowledge_.anchors->with_subject(name)) {
        consider({known, "trusted by this appliance", Source::known_anchor, 0});
      }
    }
    return issuers;
  }

  // The same name with the same key twice in one chain leads nowhere new (two CAs that cross-sign each other).
  bool would_loop(const Certificate& candidate) const {
    return std::any_of(chain_.begin(), chain_.end(), [&](const Member& member) {
      return member.certificate.subject_der() == candidate.subject_der() &&
             member.certificate.key_digest() == candidate.key_digest();
    });
  }

  bool signed_by(const Member& child, const Member& candidate) {
    const auto pair = std::make_pair(child.certificate.fingerprint(), candidate.certificate.fingerprint());
    if (const auto known = verified_.find(pair); known != verified_.end()) return known->second;
    if (verified_.size() >= most_signature_checks) return false;
    const bool good = child.certificate.is_signed_by(candidate.certificate);
    verified_.emplace(pair, good);
    if (!good) {
      const Bytes& wanted = child.certificate.authority_key_id();
      result_.near_misses.push_back(
          {child, candidate, !wanted.empty() && wanted == candidate.certificate.subject_key_id()});
    }
    return good;
  }

  const Pile& pile_;
  const Knowledge& knowledge_;
  std::vector<Member> chain_;
  std::map<std::pair<std::string, std::string>, bool> verified_;
  ChainSearch result_;
};

}  // namespace

bool is_anchor(const Certificate& certificate, const Pile& pile, const Knowledge& knowledge) {
  const bool given = std::any_of(pile.anchors.begin(), pile.anchors.end(),
                                 [&](const Member& member) { return member.certificate == certificate; });
  if (given) return true;
  return !pile.only_these_anchors && knowledge.anchors && knowledge.anchors->contains(certificate.fingerprint());
}

ChainSearch find_chains(const Member& leaf, const Pile& pile, const Knowledge& knowledge) {
  return Search(pile, knowledge).run(leaf);
}

}  // namespace chancery::preflight
