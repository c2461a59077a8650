#include "appliance/audit/held_heads.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::audit {
namespace {

using nlohmann::json;
using storage::Row;

constexpr std::size_t most_heads = 10'000;  // of one answer
constexpr std::int64_t most_a_day = 200;
constexpr std::int64_t most_members = 500;
constexpr std::int64_t day = 86'400;
constexpr std::int64_t whole_days = 7;
constexpr std::int64_t days_kept = 1500;
constexpr std::int64_t rebuild_step = 1'000'000;  // as in trail.h

// `went_back`: shown after a newer one. `document` is the signed head as it came, so that it stays a proof.
constexpr const char* tables = R"sql(
CREATE TABLE pins (
  member TEXT PRIMARY KEY,
  keys TEXT NOT NULL,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE heads (
  member TEXT NOT NULL,
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  received INTEGER NOT NULL,
  went_back INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (member, number, hash)
) STRICT;
)sql";

Failure bad_head(const std::string& member, const std::string& cause) {
  return Failure({.code = "bad-head",
                  .subject = member,
                  .cause = cause,
                  .hint = "look at that appliance: chancery audit verify there"});
}

std::string keys_text(const std::vector<AuditKey>& keys) {
  return to_json(SignedHead{.head = {}, .keys = keys, .signature = {}})["keys"].dump();
}

}  // namespace

storage::Schema HeldHeads::schema() { return {.what = "heads of other appliances' audits", .migrations = {tables}}; }

HeldHeads::HeldHeads(std::unique_ptr<storage::Store> store, Clock clock)
    : store_(std::move(store)), clock_(std::move(clock)) {}

// Pinned at first sight; a later key counts when the pinned ones stand before it, unchanged.
void HeldHeads::expect_pinned(const std::string& member, const SignedHead& head) {
  const std::string shown = keys_text(head.keys);
  const auto rows = store_->rows("SELECT keys FROM pins WHERE member = ?", {member});
  const std::int64_t now = clock_().time_since_epoch().count();
  if (rows.empty()) {
    const auto count = store_->rows("SELECT count(*) FROM pins");
    if (count.front().integer(0) >= most_members) {
      throw Failure({.code = "too-many",
                     .subject = member,
                     .cause = "heads of " + std::to_string(most_members) + " other appliances are held already",
                     .hint = "members that are gone for good can be forgotten by removing this database"});
    }
    store_->run("INSERT INTO pins (member, keys, since) VALUES (?, ?, ?)", {member, shown, now});
    return;
  }
  if (rows.front().text(0) == shown) return;
  const json pinned = json::parse(rows.front().text(0), nullptr, /*allow_exceptions=*/false);
  const json offered = json::parse(shown);
  const bool is_longer =
      pinned.is_array() && offered.size() > pinned.size() && std::equal(pinned.begin(), pinned.end(), offered.begin());
  if (is_longer) {
    store_->run("UPDATE pins SET keys = ? WHERE member = ?", {shown, member});
    return;
  }
  throw Failure({.code = "audit-key-changed",
                 .subject = member,
                 .cause = "its audit is signed with another key than the one known here",
                 .hint = "look at that appliance: chancery audit verify there; was its state replaced?"});
}

void HeldHeads::take(const std::string& member, const SignedHead& head) {
  if (head.head.appliance != member) throw bad_head(member, "it showed the head of another appliance's audit");
  if (!head.is_genuine()) throw bad_head(member, "the head of its audit bears no genuine signature");
  const Bytes hash(head.head.hash.begin(), head.head.hash.end());
  std::optional<Failure> trouble;
  store_->write([&] {
    const auto known = store_->rows("SELECT 1 FROM heads WHERE member = ? AND number = ? AND hash = ?",
                                    {member, head.head.number, hash});
    if (!known.empty()) return;
    try {
      expect_pinned(member, head);
    } catch (const Failure& failure) {
      if (failure.code() != "audit-key-changed") throw;
      trouble = failure;
    }
    const auto newest = store_->rows("SELECT coalesce(max(number), 0) FROM heads WHERE member = ?", {member});
    const bool went_back = trouble || head.head.number <= newest.front().integer(0);
    if (went_back && !trouble) {
      trouble = Failure({.code = "audit-went-back",
                         .subject = member,
                         .cause = "the head of its audit is record " + std::to_string(head.head.number) +
                                  ", and it was " + std::to_string(newest.front().integer(0)) + " before",
                         .hint = "look at that appliance: chancery audit verify there"});
    }
    const bool is_full = count_of_today(member, went_back) >= most_a_day;
    if (is_full && went_back) return;  // proof enough
    if (is_full) {
      store_->run(
          "DELETE FROM heads WHERE member = ? AND went_back = 0 AND number = "
          "(SELECT max(number) FROM heads WHERE member = ? AND went_back = 0)",
          {member, member});
    }
    store_->run("INSERT INTO heads (member, number, hash, received, went_back, document) VALUES (?, ?, ?, ?, ?, ?)",
                {member, head.head.number, hash, clock_().time_since_epoch().count(), std::int64_t{went_back ? 1 : 0},
                 to_json(head).dump()});
    tidy(member);
  });
  if (trouble) throw Failure(*trouble);
}

std::int64_t HeldHeads::count_of_today(const std::string& member, bool went_back) const {
  const std::int64_t today = clock_().time_since_epoch().count() / day * day;
  return store_
      ->rows("SELECT count(*) FROM heads WHERE member = ? AND went_back = ? AND received >= ?",
             {member, std::int64_t{went_back ? 1 : 0}, today})
      .front()
      .integer(0);
}

void HeldHeads::tidy(const std::string& member) {
  const std::int64_t now = clock_().time_since_epoch().count();
  constexpr const char* newest_before_a_rebuild =
      "AND number <> (SELECT max(same.number) FROM heads AS same WHERE same.member = heads.member AND same.went_back = "
      "0 "
      "               AND same.number / ? = heads.number / ?)";
  store_->run(std::string("DELETE FROM heads WHERE member = ? AND went_back = 0 AND received < ? "
                          "AND number <> (SELECT min(same.number) FROM heads AS same WHERE same.member = heads.member "
                          "               AND same.went_back = 0 AND same.received / ? = heads.received / ?) "
                          "AND number <> (SELECT max(same.number) FROM heads AS same WHERE same.member = heads.member "
                          "               AND same.went_back = 0 AND same.received / ? = heads.received / ?) ") +
                  newest_before_a_rebuild,
              {member, now - whole_days * day, day, day, day, day, rebuild_step, rebuild_step});
  store_->run(
      std::string("DELETE FROM heads WHERE member = ? AND went_back = 0 AND received < ? ") + newest_before_a_rebuild,
      {member, now - days_kept * day, rebuild_step, rebuild_step});
}

std::vector<SignedHead> HeldHeads::of(const std::string& member) const {
  std::vector<SignedHead> all;
  for (const Row& row : store_->rows("SELECT document FROM heads WHERE member = ? ORDER BY number", {member})) {
    auto head = signed_head_from(json::parse(row.text(0), nullptr, /*allow_exceptions=*/false));
    if (head) all.push_back(std::move(*head));
  }
  return all;
}

std::string held_heads_json(const std::vector<SignedHead>& heads) {
  json all = json::array();
  for (const SignedHead& head : heads) all.push_back(to_json(head));
  return json{{"heads", std::move(all)}}.dump();
}

std::vector<SignedHead> held_heads_from(const std::string& body) {
  const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto found = document.is_object() ? document.find("heads") : document.end();
  if (!document.is_object() || found == document.end() || !found->is_array() || found->size() > most_heads) {
    throw bad_head("answer", "it is no list of heads");
  }
  std::vector<SignedHead> heads;
  for (const json& each : *found) {
    auto head = signed_head_from(each);
    if (!head) throw bad_head("answer", "one of its heads cannot be read");
    heads.push_back(std::move(*head));
  }
  return heads;
}

}  // namespace chancery::audit
