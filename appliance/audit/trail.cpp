#include "appliance/audit/trail.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/storage/database.h"
#include "keystore/fault.h"

namespace chancery::audit {
namespace {

using storage::Row;
using storage::Value;

constexpr const char* file_name = "audit.db";
constexpr const char* next_key_path = "secrets/audit-next.key";
constexpr std::size_t key_limit = 4096;

constexpr const char* tables = R"sql(
CREATE TABLE records (
  number INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  who TEXT NOT NULL,
  verb TEXT NOT NULL,
  arguments TEXT NOT NULL,
  from_generation INTEGER NOT NULL,
  to_generation INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  code TEXT NOT NULL,
  leaves TEXT NOT NULL,
  change TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_time ON records (time);
CREATE UNIQUE INDEX records_by_hash ON records (hash);
CREATE UNIQUE INDEX records_by_change ON records (change) WHERE change <> '';

CREATE TABLE head (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  time INTEGER NOT NULL,
  signature BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
  position INTEGER PRIMARY KEY,
  public_key BLOB NOT NULL,
  endorsement BLOB NOT NULL
) STRICT;

CREATE TABLE intents (
  change TEXT PRIMARY KEY,
  time INTEGER NOT NULL,
  who TEXT NOT NULL,
  verb TEXT NOT NULL,
  arguments TEXT NOT NULL,
  from_generation INTEGER NOT NULL
) STRICT;
)sql";

constexpr const char* sources = R"sql(
CREATE TABLE sources (
  source TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT;
)sql";

constexpr const char* columns =
    "SELECT number, time, kind, who, verb, arguments, from_generation, to_generation, outcome, code, leaves, change, "
    "previous, hash FROM records ";

std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }
Instant instant_of(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }
Bytes bytes_of(const Sha256& digest) { return {digest.begin(), digest.end()}; }

// One of another size was edited; zeros are no record's hash, so verification tells.
Sha256 digest_of(const Bytes& bytes) {
  Sha256 digest{};
  if (bytes.size() == digest.size()) std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Record record_of(const Row& row) {
  return {.number = row.integer(0),
          .time = instant_of(row.integer(1)),
          .kind = row.text(2),
          .who = row.text(3),
          .verb = row.text(4),
          .arguments = row.text(5),
          .from = row.integer(6),
          .to = row.integer(7),
          .outcome = row.text(8),
          .code = row.text(9),
          .leaves = row.text(10),
          .change = row.text(11),
          .previous = digest_of(row.blob(12)),
          .hash = digest_of(row.blob(13))};
}

std::vector<Record> records_of(const std::vector<Row>& rows) {
  std::vector<Record> records;
  records.reserve(rows.size());
  for (const Row& row : rows) records.push_back(record_of(row));
  return records;
}

// Text without NUL is what a store takes.
std::string plain(std::string text) {
  std::replace(text.begin(), text.end(), '\0', '?');
  return text;
}

PrivateKey read_key(const Folder& state, const char* path) {
  return PrivateKey::from_pem(view_of(state.read_secret(path, key_limit)));
}

void write_key(const Folder& state, const char* path, const PrivateKey& key) {
  state.write_atomically(path, view_of(key.to_pem()), {.mode = 0600});
}

}  // namespace

bool Trail::exists(const Folder& state) { return state.status(std::string(folder) + "/" + file_name).has_value(); }

Trail::Trail(const Folder& state, std::string appliance, std::unique_ptr<storage::Store> store)
    : state_(&state), appliance_(std::move(appliance)), store_(std::move(store)) {}

Trail Trail::open(const Folder& state, const std::string& appliance) {
  state.make_folder(folder, {.mode = 0700});
  const storage::Schema schema{.what = "the audit", .migrations = {tables, sources}};
  Trail trail(
      state, appliance,
      std::make_unique<storage::Database>(storage::Database::open(state.open_folder(folder), file_name, schema)));
  trail.take_key();
  return trail;
}

void Trail::take_key() {
  const std::vector<AuditKey> known = keys();
  if (state_->status(key_path)) key_ = read_key(*state_, key_path);
  if (key_ && !known.empty() && known.back().public_key == key_->public_key_der()) return;
  // A rotation that was cut short after its commit: the key that is in force waits beside the old one.
  if (!known.empty() && state_->status(next_key_path)) {
    if (PrivateKey next = read_key(*state_, next_key_path); next.public_key_der() == known.back().public_key) {
      state_->rename(next_key_path, key_path);
      key_ = std::move(next);
      return;
    }
  }
  if (!key_) {
    key_ = PrivateKey::generate(KeyType::ed25519);
    write_key(*state_, key_path, *key_);
  }
  // Nobody who holds the key before has signed this one where there was one: the audit goes on, and verification and
  // peers tell.
  store_->write([&] {
    const auto rows = store_->rows("SELECT public_key FROM keys ORDER BY position DESC LIMIT 1");
    if (!rows.empty() && rows.front().blob(0) == key_->public_key_der()) return;
    store_->run(
        "INSERT INTO keys (position, public_key, endorsement) SELECT coalesce(max(position), 0) + 1, ?, ? FROM keys",
        {key_->public_key_der(), Bytes{}});
  });
}

std::vector<AuditKey> Trail::keys() const {
  std::vector<AuditKey> all;
  for (const Row& row : store_->rows("SELECT public_key, endorsement FROM keys ORDER BY position")) {
    all.push_back({.public_key = row.blob(0), .endorsement = row.blob(1)});
  }
  return all;
}

std::optional<SignedHead> Trail::head() const {
  const auto rows = store_->rows("SELECT number, hash, time, signature FROM head");
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  return SignedHead{.head = {.appliance = appliance_,
                             .number = row.integer(0),
                             .hash = digest_of(row.blob(1)),
                             .time = instant_of(row.integer(2))},
                    .keys = keys(),
                    .signature = row.blob(3)};
}

void Trail::put_head(const Record& newest) {
  const SignedHead made = sign_head(
      {}, *key_, {.appliance = appliance_, .number = newest.number, .hash = newest.hash, .time = newest.time});
  store_->run("DELETE FROM head");
  store_->run("INSERT INTO head (only, number, hash, time, signature) VALUES (1, ?, ?, ?, ?)",
              {newest.number, bytes_of(newest.hash), seconds_of(newest.time), made.signature});
}

// Within a write transaction of the caller.
std::int64_t Trail::enter(Record record, bool is_rebuild) {
  // Another process may have changed the key since this one opened the audit.
  if (const auto known = keys(); known.back().public_key != key_->public_key_der()) take_key();
  const auto last = store_->rows("SELECT number, hash FROM records ORDER BY number DESC LIMIT 1");
  const auto head = store_->rows("SELECT number, hash FROM head");
  std::int64_t number = last.empty() ? 0 : last.front().integer(0);
  if (!last.empty()) record.previous = digest_of(last.front().blob(1));
  // Records that the head knows of and that are gone were cut off: their numbers are not given a second time, so that
  // what comes now does not cover it up.
  if (!head.empty() && head.front().integer(0) > number) {
    number = head.front().integer(0);
    record.previous = digest_of(head.front().blob(1));
  }
  record.number = is_rebuild ? (number / rebuild_step + 1) * rebuild_step : number + 1;
  for (std::string* text : {&record.kind, &record.who, &record.verb, &record.arguments, &record.outcome, &record.code,
                            &record.leaves, &record.change}) {
    *text = plain(std::move(*text));
  }
  if (record.arguments.empty()) record.arguments = "{}";
  if (record.leaves.empty()) record.leaves = "[]";
  record.hash = hash_of(record);
  store_->run(
      "INSERT INTO records (number, time, kind, who, verb, arguments, from_generation, to_generation, outcome, code, "
      "leaves, change, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {record.number, seconds_of(record.time), record.kind, record.who, record.verb, record.arguments, record.from,
       record.to, record.outcome, record.code, record.leaves, record.change, bytes_of(record.previous),
       bytes_of(record.hash)});
  put_head(record);
  return record.number;
}

void Trail::begin(const Intent& intent) {
  store_->run("INSERT INTO intents (change, time, who, verb, arguments, from_generation) VALUES (?, ?, ?, ?, ?, ?)",
              {intent.change, seconds_of(intent.time), plain(intent.who), plain(intent.verb), plain(intent.arguments),
               intent.from});
}

std::vector<Intent> Trail::intents() const {
  std::vector<Intent> all;
  for (const Row& row :
       store_->rows("SELECT change, time, who, verb, arguments, from_generation FROM intents ORDER BY time, change")) {
    all.push_back({.change = row.text(0),
                   .time = instant_of(row.integer(1)),
                   .who = row.text(2),
                   .verb = row.text(3),
                   .arguments = row.text(4),
                   .from = row.integer(5)});
  }
  return all;
}

void Trail::forget(const std::string& change) { store_->run("DELETE FROM intents WHERE change = ?", {change}); }

bool Trail::conclude(const std::string& change, Record record) {
  bool is_first = false;
  store_->write([&] {
    is_first = store_->run("DELETE FROM intents WHERE change = ?", {change}) == 1;
    if (!is_first) return;
    record.change = change;
    enter(std::move(record), false);
  });
  if (is_first) publish();
  return is_first;
}

std::int64_t Trail::append(Record record) {
  std::int64_t number = 0;
  store_->write([&] { number = enter(std::move(record), false); });
  publish();
  return number;
}

std::int64_t Trail::append_rebuild(Record record) {
  std::int64_t number = 0;
  record.kind = "rebuild";
  store_->write([&] { number = enter(std::move(record), true); });
  return number;
}

std::int64_t Trail::position(const std::string& source) const {
  const auto rows = store_->rows("SELECT position FROM sources WHERE source = ?", {source});
  return rows.empty() ? 0 : rows.front().integer(0);
}

bool Trail::take_over(const std::string& source, std::int64_t from, std::int64_t to,
                      const std::vector<Record>& records) {
  bool is_next = false;
  store_->write([&] {
    is_next = position(source) == from;
    if (!is_next) return;
    store_->run("DELETE FROM sources WHERE source = ?", {source});
    store_->run("INSERT INTO sources (source, position) VALUES (?, ?)", {source, to});
    for (const Record& record : records) enter(record, false);
  });
  if (is_next && !records.empty()) publish();
  return is_next;
}

std::vector<Record> Trail::newest(const Filter& filter) const {
  std::string sql = std::string(columns) + "WHERE number > ?";
  std::vector<Value> values{filter.after};
  const auto narrow = [&](const char* condition, Value value) {
    sql += condition;
    values.push_back(std::move(value));
  };
  if (filter.since) narrow(" AND time >= ?", seconds_of(*filter.since));
  if (filter.until) narrow(" AND time <= ?", seconds_of(*filter.until));
  if (!filter.kind.empty()) narrow(" AND kind = ?", filter.kind);
  if (!filter.verb.empty()) narrow(" AND verb = ?", filter.verb);
  if (!filter.outcome.empty()) narrow(" AND outcome = ?", filter.outcome);
  if (!filter.who.empty()) narrow(" AND instr(who, ?) > 0", filter.who);
  narrow(" ORDER BY number DESC LIMIT ?", static_cast<std::int64_t>(filter.limit));
  std::vector<Record> found = records_of(store_->rows(sql, values));
  std::reverse(found.begin(), found.end());
  return found;
}

std::vector<Record> Trail::page(std::int64_t after, std::size_t most) const {
  return records_of(store_->rows(std::string(columns) + "WHERE number > ? ORDER BY number LIMIT ?",
                                 {after, static_cast<std::int64_t>(most)}));
}

std::optional<Record> Trail::with_hash(const Sha256& hash) const {
  const auto rows = store_->rows(std::string(columns) + "WHERE hash = ?", {bytes_of(hash)});
  return rows.empty() ? std::nullopt : std::optional(record_of(rows.front()));
}

void Trail::rotate_key() {
  const PrivateKey next = PrivateKey::generate(KeyType::ed25519);
  const AuditKey endorsed = endorse(*key_, next);
  write_key(*state_, next_key_path, next);
  store_->write([&] {
    if (keys().size() >= most_keys) {
      throw Failure({.code = "too-many-keys",
                     .subject = "the audit",
                     .cause = "its key was changed " + std::to_string(most_keys - 1) + " times already",
                     .hint = "keep the present key; peers verify no longer succession than that"});
    }
    store_->run("INSERT INTO keys (position, public_key, endorsement) SELECT max(position) + 1, ?, ? FROM keys",
                {endorsed.public_key, endorsed.endorsement});
    key_ = next;
    if (const auto last = store_->rows(std::string(columns) + "ORDER BY number DESC LIMIT 1"); !last.empty()) {
      put_head(record_of(last.front()));
    }
  });
  // Another process that needed the new key in between has moved it already.
  if (state_->status(next_key_path)) state_->rename(next_key_path, key_path);
  publish();
}

void Trail::publish() const noexcept {
  try {
    // Under the lock of a write transaction, so that an older head never lands on a newer one.
    store_->write([&] {
      const auto newest = head();
      if (!newest || !state_->status("run/manager")) return;
      state_->write_atomically(published_head_path, view_of(to_json(*newest).dump()), {.mode = 0644});
    });
  } catch (const std::exception&) {
    // Peers see this head with the next record.
  }
}

}  // namespace chancery::audit
