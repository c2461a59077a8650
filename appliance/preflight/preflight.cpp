#include "appliance/preflight/preflight.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/leaf_choice.h"
#include "appliance/preflight/rules.h"

namespace chancery::preflight {

namespace {

void move_findings(Report& from, Report& to) {
  std::move(from.findings.begin(), from.findings.end(), std::back_inserter(to.findings));
}

bool was_given(const Member& member) {
  return member.source == Source::certificate_file || member.source == Source::key_file ||
         member.source == Source::intermediate_file;
}

struct Judged {
  Chain chain;
  Report report;
};

std::size_t count_of(const Report& report, Severity severity) {
  return static_cast<std::size_t>(std::count_if(report.findings.begin(), report.findings.end(),
                                                [&](const Finding& finding) { return finding.severity == severity; }));
}

Judged judge_one(const Chain& chain, const std::vector<NearMiss>& near_misses, const Setting& setting) {
  Judged judged{chain, {}};
  const Member& leaf = chain.members.front();
  judge_certificate(leaf, Place::leaf, setting, judged.report);
  judge_chain(chain, near_misses, setting, judged.report);
  for (std::size_t i = 1; i < chain.members.size(); ++i) {
    const bool root = chain.rooted && i + 1 == chain.members.size();
    judge_certificate(chain.members[i], root ? Place::root : Place::intermediate, setting, judged.report);
  }
  return judged;
}

// Of all chains the best: fewest errors, then trusted, up to a root, fewest warnings, made of what was given, short.
Judged judge_best(const ChainSearch& search, const Setting& setting) {
  const auto badness = [](const Judged& judged) {
    const auto borrowed = std::count_if(judged.chain.members.begin(), judged.chain.members.end(),
                                        [](const Member& member) { return !was_given(member); });
    return std::make_tuple(count_of(judged.report, Severity::error), !judged.chain.anchored, !judged.chain.rooted,
                           count_of(judged.report, Severity::warning), borrowed, judged.chain.members.size());
  };
  Judged best = judge_one(search.chains.front(), search.near_misses, setting);
  for (std::size_t i = 1; i < search.chains.size(); ++i) {
    Judged next = judge_one(search.chains[i], search.near_misses, setting);
    if (badness(next) < badness(best)) best = std::move(next);
  }
  return best;
}

std::set<Sha256> keys_of_retired(const Pile& pile, const ChainSearch& search, const std::set<std::string>& retired) {
  std::set<Sha256> keys;
  if (retired.empty()) return keys;
  const auto look = [&](const Member& member) {
    if (retired.contains(member.certificate.fingerprint())) keys.insert(member.certificate.key_digest());
  };
  std::for_each(pile.given.begin(), pile.given.end(), look);
  for (const Chain& chain : search.chains) std::for_each(chain.members.begin(), chain.members.end(), look);
  return keys;
}

// All that can be said about a leaf and the best chain above it.
Judged judge(const Member& leaf, Setting setting) {
  const ChainSearch search = find_chains(leaf, setting.pile, setting.knowledge);
  setting.pinned = setting.pinned || is_anchor(leaf.certificate, setting.pile, setting.knowledge);
  setting.retired_keys = keys_of_retired(setting.pile, search, setting.knowledge.retired_anchors);
  setting.retired_keys.insert(setting.knowledge.retired_keys.begin(), setting.knowledge.retired_keys.end());
  Judged judged = judge_best(search, setting);
  Report report;
  judge_leaf(leaf, setting, report);
  move_findings(judged.report, report);
  add_second_opinion(judged.chain, setting, report);
  judged.report = std::move(report);
  for (const Member& member : judged.chain.members) judged.report.chain.push_back(member.certificate);
  return judged;
}

std::optional<std::size_t> index_in(const Chain& chain, const Certificate& certificate) {
  for (std::size_t i = 0; i < chain.members.size(); ++i) {
    if (chain.members[i].certificate == certificate) return i;
  }
  return std::nullopt;
}

// The same CA under another issuer: sent as well, for clients that trust only that one.
bool is_cross_certificate(const Certificate& certificate, const Chain& chain, Instant at) {
  if (at < certificate.not_before() || at > certificate.not_after() || certificate.is_self_issued()) return false;
  return std::any_of(chain.members.begin() + 1, chain.members.end(), [&](const Member& member) {
    return member.certificate.subject_der() == certificate.subject_der() &&
           member.certificate.key_digest() == certificate.key_digest() &&
           member.certificate.issuer_der() != certificate.issuer_der();
  });
}

// How the files were arranged, compared with the chain that they make.
class Arrangement {
 public:
  Arrangement(const Pile& pile, const Chain& chain, const Question& question, Report& report)
      : pile_(pile), chain_(chain), question_(question), report_(report) {}

  std::vector<Certificate> judge() {
    for (std::size_t i = 1; i < chain_.members.size(); ++i) take_issuer(i);
    judge_order();
    judge_others();
    return std::move(sent_);
  }

 private:
  void take_issuer(std::size_t index) {
    const Member& member = chain_.members[index];
    const bool root = chain_.rooted && index + 1 == chain_.members.size();
    if (root) return take_root(member);
    sent_.push_back(member.certificate);
    const bool anchor = chain_.anchored && index + 1 == chain_.members.size();
    if (was_given(member) || anchor) return;
    report_.add("intermediate-completed", member.label(),
                "the intermediate " + short_name(member.certificate) + " (SHA-256 " +
                    short_fingerprint(member.certificate) + "…) was not in the files; it is " +
                    (member.source == Source::anchor_file ? "in " + member.origin : member.origin) +
                    " and has been added",
                "nothing to do; give it with --intermediate to make the files complete by themselves");
  }

  void take_root(const Member& member) {
    if (question_.keep_root) sent_.push_back(member.certificate);
    if (!was_given(member)) return;
    report_.add("root-included", member.label(),
                "the files hold the root " + short_name(member.certificate) +
                    (question_.keep_root ? "; it is sent, as asked for, which only trust-on-first-use clients need"
                                         : "; it is left out, because clients must have it already"),
                question_.keep_root ? "nothing to do; leave --keep-root out to save every handshake its bytes"
                                    : "nothing to do; --keep-root sends it, for trust-on-first-use clients");
  }

  void judge_order() {
    std::map<std::size_t, std::size_t> highest;  // by file
    std::set<std::size_t> mended;
    for (const Member& member : pile_.given) {
      const auto index = index_in(chain_, member.certificate);
      if (!index) continue;
      const auto [entry, first] = highest.emplace(member.file, *index);
      const bool misplaced =
          (*index == 0 && member.source == Source::intermediate_file) || (!first && *index < entry->second);
      if (misplaced && mended.insert(member.file).second) {
        report_.add(
            "wrong-order", member.label(),
            *index == 0 ? "the certificate " + short_name(member.certificate) + " does not come first"
                        : short_name(member.certificate) + " comes after its issuer, but should come before it",
            "nothing to do: the order is mended; a file for other programs must hold the certificate first, then "
            "each issuer");
      }
      entry->second = std::max(entry->second, *index);
    }
  }

  void judge_others() {
    struct Others {
      std::string origin;
      std::vector<std::string> names;
    };
    std::map<std::size_t, Others> unrelated;  // one finding a file, be it a whole CA bundle
    for (const Member& member : pile_.given) {
      if (index_in(chain_, member.certificate)) continue;
      if (is_cross_certificate(member.certificate, chain_, question_.at)) {
        sent_.push_back(member.certificate);
        report_.add("cross-certificate", member.label(),
                    short_name(member.certificate) + " is given as signed by " + member.certificate.issuer() +
                        " too; it is sent as well, for clients that know only that one",
                    "nothing to do; leave it out once all clients trust the other root");
        continue;
      }
      Others& others = unrelated[member.file];
      others.origin = member.origin;
      others.names.push_back(short_name(member.certificate));
    }
    for (auto& [file, others] : unrelated) {
      const std::size_t count = others.names.size();
      if (count > 5) {
        others.names.resize(4);
        others.names.push_back(std::to_string(count - 4) + " more");
      }
      report_.add("unrelated-certificate", others.origin,
                  (count == 1 ? "one certificate is" : std::to_string(count) + " certificates are") +
                      " not part of the chain: " + joined(others.names),
                  "nothing to do: what does not belong is left out; check that it is the right file");
    }
  }

  const Pile& pile_;
  const Chain& chain_;
  const Question& question_;
  Report& report_;
  std::vector<Certificate> sent_;
};

// Those whose pinned certificates are none of the chain's: a pin may be the root, an intermediate or the leaf itself.
std::vector<std::string> locked_out(const std::vector<PinnedCollector>& collectors,
                                    const std::vector<Certificate>& chain) {
  std::set<std::string> served;
  for (const Certificate& certificate : chain) served.insert(certificate.fingerprint());
  std::vector<std::string> names;
  for (const PinnedCollector& collector : collectors) {
    const auto is_served = [&served](const std::string& root) { return served.contains(root); };
    if (std::ranges::none_of(collector.roots, is_served)) names.push_back(collector.name);
  }
  return names;
}

void judge_surroundings(const Question& question, const Knowledge& knowledge, Report& report) {
  if (!knowledge.federated) {
    report.add(
        "not-federated", "",
        "this appliance has not joined a federation yet; certificates are best replaced afterwards",
        "join first (chancery federation join --primary HOST:PORT --token-file F); joining keeps what you replace now");
  }
  std::vector<std::string> names = locked_out(knowledge.pinned_collectors, report.chain);
  if (const std::size_t count = names.size(); count > 0) {
    if (count > 8) {
      names.resize(7);
      names.push_back(std::to_string(count - 7) + " more");
    }
    for (std::string& name : names) name = printable(name);
    report.add("pinned-collectors", "",
               std::to_string(count) + (count == 1 ? " collector is" : " collectors are") +
                   " pinned to a root that this chain does not end in, and would be locked out: " + joined(names),
               "hand them the new root first, on this appliance: chancery collector install-trust F; or make a new "
               "installer (chancery collector installer --output F.zip --with-root)");
  }
  judge_key_permissions(question.key_paths, question.key_reader, report);
}

// What an identity in force may never have, whoever accepted it once.
bool is_wrong_for_good(const std::string& code) {
  static constexpr std::array<std::string_view, 3> codes = {"revoked", "retired-anchor", "key-mismatch"};
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

Answer check(const Question& question, const Knowledge& knowledge) {
  Answer answer;
  Pile pile = read_pile(question);
  Report& report = answer.report;
  LeafChoice choice = choose_leaf(pile, question.needs_key, report);
  if (choice.leaf) {
    Judged judged = judge(*choice.leaf, {.pile = pile,
                                         .knowledge = knowledge,
                                         .names = question.names,
                                         .purpose = question.purpose,
                                         .at = question.at,
                                         .pinned = question.pinned});
    move_findings(judged.report, report);
    report.chain = std::move(judged.report.chain);
    std::vector<Certificate> sent = Arrangement(pile, judged.chain, question, report).judge();
    answer.identity = Identity{choice.leaf->certificate, std::move(sent), std::move(choice.key)};
  }
  judge_surroundings(question, knowledge, report);
  move_findings(pile.notes, report);
  report.sort();
  report.accept(question.accepted);
  return answer;
}

Report check_identity(const Identity& identity, const Knowledge& knowledge, const std::vector<RequiredName>& names,
                      Instant at) {
  Pile pile;
  pile.given.push_back({identity.leaf, "", Source::certificate_file, 0});
  for (const Certificate& certificate : identity.intermediates) {
    pile.given.push_back({certificate, "", Source::intermediate_file, 1});
  }
  Report report;
  if (identity.key && !identity.key->belongs_to(identity.leaf)) {
    report.add("key-mismatch", short_name(identity.leaf), "the private key does not belong to the certificate",
               "go back to a set whose certificate and key match: chancery backup list");
  }
  Judged judged = judge(pile.given.front(), {.pile = pile, .knowledge = knowledge, .names = names, .at = at});
  move_findings(judged.report, report);
  report.chain = std::move(judged.report.chain);
  for (std::size_t i = 1; i < judged.chain.members.size(); ++i) {
    const Member& member = judged.chain.members[i];
    const bool root = judged.chain.rooted && i + 1 == judged.chain.members.size();
    if (root || was_given(member)) continue;
    report.add("missing-intermediate", short_name(identity.leaf),
               "the intermediate " + short_name(member.certificate) +
                   " is not sent along, so clients that do not hold it "
                   "themselves refuse; it is " +
                   member.origin,
               "replace with the complete chain: chancery cert replace … --intermediate FILE");
  }
  for (Finding& finding : report.findings) {
    if (!is_wrong_for_good(finding.code)) finding.severity = std::min(finding.severity, Severity::warning);
  }
  report.sort();
  return report;
}

}  // namespace chancery::preflight
