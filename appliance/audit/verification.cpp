#include "appliance/audit/verification.h"

#include <algorithm>
#include <map>
#include <set>

#include "keystore/fault.h"

namespace chancery::audit {
namespace {

constexpr std::size_t page_size = 1000;

std::string called(std::int64_t number) { return "record " + std::to_string(number); }

std::string range(std::int64_t first, std::int64_t last) {
  return first == last ? called(first) : "records " + std::to_string(first) + " to " + std::to_string(last);
}

// Numbers that a rebuild left free, and where its record stands.
struct Gap {
  std::int64_t first = 0;
  std::int64_t rebuild = 0;
};

class Verification {
 public:
  explicit Verification(const Trail& trail) : trail_(trail) {}

  Verdict run(const std::vector<PeerHeads>& peers) {
    const std::vector<AuditKey> keys = trail_.keys();
    if (!is_succession(keys)) {
      find("key-replaced", Severity::error, 0,
           "the key of the audit was exchanged without the signature of the one before");
    }
    for (const PeerHeads& peer : peers) {
      for (const SignedHead& head : peer.heads) held_.insert(head.head.number);
    }
    // Before the walk: what is written meanwhile is beyond this head and none of its business.
    const std::optional<SignedHead> head = trail_.head();
    walk();
    if (head) {
      judge_head(*head);
      verdict_.head = head->head;
    } else if (verdict_.records > 0) {
      find("head-missing", Severity::error, verdict_.last,
           "the signed head is gone, so that nothing here says where the log ends");
    }
    judge_peers(peers, keys);
    return std::move(verdict_);
  }

 private:
  void find(const char* code, Severity severity, std::int64_t number, std::string message) {
    verdict_.findings.push_back({.code = code, .severity = severity, .number = number, .message = std::move(message)});
  }

  void walk() {
    for (std::int64_t after = INT64_MIN;;) {
      const std::vector<Record> records = trail_.page(after, page_size);
      for (const Record& record : records) look_at(record);
      if (records.size() < page_size) return;
      after = records.back().number;
    }
  }

  void look_at(const Record& record) {
    if (verdict_.records++ == 0) verdict_.first = record.number;
    expect_number(record);
    const bool is_itself = hash_of(record) == record.hash;
    if (!is_itself) {
      tell_what_was_done(record);
    } else if (record.previous != previous_) {
      find("replaced", Severity::error, std::max<std::int64_t>(verdict_.last, 1),
           called(record.number) + " follows another record than the one that stands before it");
    }
    previous_ = record.hash;
    verdict_.last = record.number;
    if (held_.contains(record.number)) hashes_.emplace(record.number, record.hash);
  }

  void expect_number(const Record& record) {
    const std::int64_t expected = verdict_.last + 1;
    if (record.number == expected) return;
    const bool is_rebuild = record.kind == "rebuild" && record.number % Trail::rebuild_step == 0 &&
                            record.number > expected && hash_of(record) == record.hash && record.previous == previous_;
    if (is_rebuild) {
      gaps_.push_back({.first = expected, .rebuild = record.number});
      find("rebuilt", Severity::warning, record.number,
           "the appliance was rebuilt from a backup by " + record.who + " at " + to_rfc3339(record.time) +
               "; the backup ended with record " + std::to_string(verdict_.last));
      return;
    }
    if (record.number < expected) return;  // below 1: whatever it is, its hash does not hold
    find("missing", Severity::error, expected, range(expected, record.number - 1) + " were taken out");
    // The link over the hole is not a second finding.
    previous_ = record.previous;
  }

  // Its fields and its hash do not belong together: another record's fields under this number, or fields that were
  // edited?
  void tell_what_was_done(const Record& record) {
    if (const auto origin = home_of(record)) {
      find("reordered", Severity::error, record.number,
           "in the place of " + called(record.number) + " stands " + called(*origin));
      return;
    }
    find("altered", Severity::error, record.number,
         called(record.number) + " (" + record.verb + ", " + to_rfc3339(record.time) + ") was edited");
  }

  // The number under which the record's hash would hold.
  std::optional<std::int64_t> home_of(Record record) const {
    std::int64_t home = 1;
    if (record.previous != Sha256{}) {
      const auto before = trail_.with_hash(record.previous);
      if (!before) return std::nullopt;
      // Of two neighbours that changed places, the one before stands where this one belongs.
      home = before->number + 1;
    }
    for (const std::int64_t candidate : {home, record.number + 1, record.number - 1, home - 2, home + 1}) {
      if (candidate == record.number || candidate < 1) continue;
      Record moved = record;
      moved.number = candidate;
      if (hash_of(moved) == record.hash) return candidate;
    }
    return std::nullopt;
  }

  void judge_head(const SignedHead& head) {
    if (!head.is_genuine()) {
      return find("head-forged", Severity::error, head.head.number, "the signature of the head does not hold");
    }
    if (head.head.number > verdict_.last) {
      return find("cut-end", Severity::error, verdict_.last + 1,
                  range(verdict_.last + 1, head.head.number) + " were cut off the end: the signed head knows of " +
                      std::to_string(head.head.number));
    }
    const auto at_head = trail_.page(head.head.number - 1, 1);
    if (at_head.empty() || at_head.front().number != head.head.number) return;  // reported as missing
    if (at_head.front().hash != head.head.hash) {
      return find("head-differs", Severity::error, head.head.number,
                  "the signed head is of another " + called(head.head.number) + " than the one that stands there");
    }
    // Every record is appended together with its head; only one that is being written right now may be ahead.
    const auto again = trail_.head();
    if (again && again->head.number < verdict_.last) {
      find("head-differs", Severity::error, head.head.number + 1,
           range(head.head.number + 1, verdict_.last) + " were added without the head that goes with them");
    }
  }

  const Gap* gap_around(std::int64_t number) const {
    const auto found = std::find_if(gaps_.begin(), gaps_.end(),
                                    [number](const Gap& gap) { return number >= gap.first && number < gap.rebuild; });
    return found == gaps_.end() ? nullptr : &*found;
  }

  void judge_peers(const std::vector<PeerHeads>& peers, const std::vector<AuditKey>& keys) {
    if (peers.empty()) {
      find("no-peers", Severity::note, 0,
           "no other appliance holds heads of this one: an end that was cut off together with its head cannot be seen");
    }
    for (const PeerHeads& peer : peers) {
      if (!peer.problem.empty())
        find("peer-silent", Severity::note, 0, peer.peer + " could not be asked: " + peer.problem);
      judge_peer(peer, keys);
    }
  }

  void judge_peer(const PeerHeads& peer, const std::vector<AuditKey>& keys) {
    std::vector<const SignedHead*> heads;
    for (const SignedHead& head : peer.heads) {
      // A head that this appliance never signed proves nothing against it, but something about the peer or the key.
      const bool is_ours = head.is_genuine() && head.keys.size() <= keys.size() &&
                           std::equal(head.keys.begin(), head.keys.end(), keys.begin());
      if (is_ours) {
        heads.push_back(&head);
      } else if (head.is_genuine()) {
        find("key-replaced", Severity::error, head.head.number,
             peer.peer + " holds a head signed by a key that is no more known here: the key was exchanged");
        heads.push_back(&head);
      } else {
        find("peer-forged", Severity::warning, head.head.number,
             "a head that " + peer.peer + " showed bears no genuine signature; it is not counted");
      }
    }
    std::sort(heads.begin(), heads.end(),
              [](const SignedHead* left, const SignedHead* right) { return left->head.number < right->head.number; });
    std::int64_t agreed = 0;
    const SignedHead* beyond = nullptr;
    std::map<std::int64_t, std::int64_t> lost;  // the newest head in each gap, by the gap's first number
    bool is_rewritten = false;
    for (const SignedHead* each : heads) {
      const Head& head = each->head;
      if (head.number > verdict_.last) {
        beyond = each;
      } else if (const Gap* gap = gap_around(head.number)) {
        lost[gap->first] = head.number;
      } else if (const auto found = hashes_.find(head.number); found == hashes_.end()) {
        // The record is missing, and that was found above.
      } else if (found->second == head.hash) {
        agreed = head.number;
      } else if (!is_rewritten) {
        is_rewritten = true;
        find("rewritten", Severity::error, agreed + 1,
             range(agreed + 1, head.number) + " were written anew, all or in part: " + peer.peer +
                 " holds the head of " + called(head.number) + " (" + to_rfc3339(head.time) + "), which was another");
      }
    }
    for (const auto& [first, last] : lost) {
      find("lost-by-rebuild", Severity::warning, first,
           range(first, last) + " (" + std::to_string(last - first + 1) + ") were lost by the rebuild: " + peer.peer +
               " holds the head of " + called(last));
    }
    if (beyond != nullptr) {
      find("cut-end", Severity::error, verdict_.last + 1,
           range(verdict_.last + 1, beyond->head.number) + " were cut off the end: " + peer.peer +
               " holds the head of " + called(beyond->head.number) + " (" + to_rfc3339(beyond->head.time) + ")");
    }
    if (agreed > verdict_.confirmed) {
      verdict_.confirmed = agreed;
      verdict_.confirmed_by = peer.peer;
    }
  }

  const Trail& trail_;
  Verdict verdict_;
  Sha256 previous_{};
  std::vector<Gap> gaps_;
  std::set<std::int64_t> held_;            // numbers that peers hold heads of
  std::map<std::int64_t, Sha256> hashes_;  // of those records
};

bool any_of(const std::vector<Finding>& findings, Severity severity) {
  return std::any_of(findings.begin(), findings.end(),
                     [severity](const Finding& finding) { return finding.severity == severity; });
}

}  // namespace

bool Verdict::is_broken() const { return any_of(findings, Severity::error); }
bool Verdict::warns() const { return any_of(findings, Severity::warning); }

Verdict verify(const Trail& trail, const std::vector<PeerHeads>& peers) {
  try {
    return Verification(trail).run(peers);
  } catch (const Failure& failure) {
    if (failure.code() != "storage-damaged" && failure.code() != "storage-failed") throw;
    Verdict verdict;
    verdict.findings.push_back({.code = "unreadable", .message = "the database is damaged: " + failure.cause()});
    return verdict;
  }
}

}  // namespace chancery::audit
