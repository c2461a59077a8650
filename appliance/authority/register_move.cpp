#include "appliance/authority/register_move.h"

#include <algorithm>

#include "appliance/authority/register.h"
#include "appliance/authority/rotation.h"
#include "appliance/storage/postgres_claim.h"
#include "keystore/fault.h"

namespace chancery::authority {
namespace {

using storage::TableDigest;

// A copy may be read for longer than any other transaction is left open.
constexpr std::chrono::milliseconds no_limit{0};
const std::vector<std::string> own_tables{"issuer"};  // of the place, not of the register

std::vector<TableDigest> counts_of(const storage::Store& store) {
  std::vector<TableDigest> counts;
  for (const storage::Table& table : storage::tables_of(register_schema(), own_tables)) {
    counts.push_back({.table = table.name, .rows = storage::count_rows(store, table), .sha256 = {}});
  }
  return counts;
}

bool is_empty(const storage::Store& store) {
  const auto counts = counts_of(store);
  return std::ranges::all_of(counts, [](const TableDigest& table) { return table.rows == 0; });
}

std::string federation_of(const storage::Store& store) {
  const auto rows = store.rows("SELECT federation FROM founding");
  return rows.empty() ? "" : rows.front().text(0);
}

void expect_free(const storage::Store& source, const storage::Store& target, const RegisterPlace& place) {
  const Issuance present = issuance_of(target);
  const bool is_ours = federation_of(target).empty() || federation_of(target) == federation_of(source);
  if (is_ours && (present.state != Issuance::in_force || is_empty(target))) return;
  throw Failure({.code = "storage-not-empty",
                 .subject = place.text(),
                 .cause = "a register lies there already, of the federation " + federation_of(target),
                 .hint = "give an empty database; to use that register as it is, write the setting yourself"});
}

void expect_two_places(const RegisterPlace& from, const RegisterPlace& to) {
  if (from.text() != to.text()) return;
  throw Failure({.code = "storage-same",
                 .subject = to.text(),
                 .cause = "the register lies there already",
                 .hint = "see chancery storage status"});
}

std::vector<TableDigest> copy(storage::Store& source, storage::Store& target, std::int64_t epoch,
                              const MoveProgress& progress) {
  std::vector<TableDigest> copied;
  target.write([&] {
    copied = storage::copy_tables(source, target, register_schema(), own_tables,
                                  [&](const TableDigest& table) { progress("copied " + table.table); });
    if (storage::digests(target, register_schema(), own_tables) != copied) {
      throw Failure({.code = "storage-damaged",
                     .subject = "the copy",
                     .cause = "what was read back is not what was written",
                     .hint = "nothing was moved; look at the disk of the new place and at its server's log"});
    }
    progress("verified");
    target.run("UPDATE issuer SET epoch = ?, state = ?, holder = '', address = '', moved_to = ''",
               {epoch + 1, std::string(Issuance::copying)});
  });
  return copied;
}

// A server's tables are made when it is first used; a forecast only looks whether they are there.
bool has_tables(const RegisterPlace& place) {
  if (!place.is_server()) return Folder::open(place.state).open_folder("authority").status("authority.db").has_value();
  storage::PostgresClaim look(place.server("chancery-storage"), "a look");
  if (look.ask("SELECT (to_regclass('chancery_versions') IS NOT NULL)::int", {}).front().integer(0) == 0) return false;
  return !look.ask("SELECT version FROM chancery_versions WHERE what = $1", {register_schema().what}).empty();
}

}  // namespace

Move move_register(const RegisterPlace& from, const RegisterPlace& to, const Claimant& me, const Clock& clock,
                   const MoveProgress& given) {
  const MoveProgress progress = given ? given : [](const std::string&) {};
  expect_two_places(from, to);
  const auto source = from.open(no_limit);
  const auto target = to.open(no_limit);
  Move move;
  const Issuance before = issuance_of(*source);
  move.was_resumed = before.state == Issuance::moved && before.moved_to == to.text();
  if (!move.was_resumed) {
    guard_for_request(*source, from, me, clock);
    source->write([&] {
      expect_free(*source, *target, to);
      move.tables = copy(*source, *target, issuance_of(*source).epoch, progress);
      progress("copied");
      source->run("UPDATE issuer SET epoch = epoch + 1, state = ?, moved_to = ?, since = ?",
                  {std::string(Issuance::moved), to.text(), seconds_of(clock())});
    });
  }
  progress("closed");
  target->run("UPDATE issuer SET state = ?, epoch = epoch + 1, since = ? WHERE state = ?",
              {std::string(Issuance::in_force), seconds_of(clock()), std::string(Issuance::copying)});
  progress("opened");
  return move;
}

Move forecast_move(const RegisterPlace& from, const RegisterPlace& to) {
  expect_two_places(from, to);
  const auto source = from.open();
  const Issuance before = issuance_of(*source);
  if (before.state == Issuance::moved && before.moved_to == to.text()) return {.tables = {}, .was_resumed = true};
  if (has_tables(to)) expect_free(*source, *to.open(), to);
  return {.tables = counts_of(*source), .was_resumed = false};
}

namespace {

void expect_no_rotation(const storage::Store& store, const RegisterPlace& place, int version) {
  if (version >= rotations_version || store.version() < rotations_version) return;
  const Anchors anchors = anchors_of(store);
  if (anchors.phase != Phase::steady) {
    throw Failure({.code = "rotation-under-way",
                   .subject = place.text(),
                   .cause = std::string("the federation is in the middle of a rotation (") + to_text(anchors.phase) +
                            "), of which a program of that version knows nothing",
                   .hint = "end it first: chancery federation rotate status --show-blockers says what is left to do"});
  }
  if (anchors.number == 0) return;
  throw Failure({.code = "no-way-back",
                 .subject = place.text(),
                 .cause = "the federation has changed its root: a program of that version would forget which roots are "
                          "retired, and members would not follow the next rotation, which it would number anew",
                 .hint = "keep this version, or restore a backup made before the first rotation"});
}

}  // namespace

void expect_way_back(const RegisterPlace& place, int version) { expect_no_rotation(*place.open(), place, version); }

void take_back(const RegisterPlace& place, int version) {
  const auto store = place.open();
  std::optional<storage::PostgresClaim> claim;
  if (place.is_server()) {
    claim.emplace(place.server("chancery-storage"), claim_name);
    if (!claim->hold()) {
      throw Failure({.code = "storage-in-use",
                     .subject = place.text(),
                     .cause = "a primary issues on it: " + issuance_of(*store).address,
                     .hint = "stop the programs of every primary first: systemctl stop chancery.target"});
    }
  }
  if (issuance_of(*store).state != Issuance::in_force) {
    throw Failure({.code = "storage-moved",
                   .subject = place.text(),
                   .cause = "this place of the register does not count any more, or not yet",
                   .hint = "finish the move first: chancery storage status says which"});
  }
  store->write([&] {
    expect_no_rotation(*store, place, version);
    store->go_back(version);
  });
}

}  // namespace chancery::authority
