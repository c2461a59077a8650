#include "appliance/storage/postgres.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "appliance/storage/postgres_dialect.h"
#include "appliance/storage/postgres_link.h"
#include "keystore/fault.h"

namespace chancery::storage {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds first_pause{1};
constexpr std::chrono::seconds longest_pause{15};

// One number for all writers of a store: SQLite has one write transaction at a time, and callers count on it. Taken for
// the length of a transaction (pg_advisory_xact_lock), by a name that says whose it is.
constexpr const char* take_turn = "SELECT pg_advisory_xact_lock(hashtextextended('chancery ' || $1, 0))";

}  // namespace

struct PostgresStore::State {
  PostgresOptions options;
  Schema schema;
  std::optional<PostgresLink> link;
  std::optional<Failure> last_failure;  // said again until the next attempt
  std::chrono::seconds pause = first_pause;
  SteadyTime next_attempt{};
  std::atomic<bool> hurry = false;

  PostgresLink& connected() {
    if (link) return *link;
    if (hurry.exchange(false)) last_failure.reset();
    if (last_failure && std::chrono::steady_clock::now() < next_attempt) throw Failure(*last_failure);
    try {
      link.emplace(options);
      migrate(*link);
    } catch (const Failure& failure) {
      link.reset();
      wait_before_next(failure);
      throw;
    }
    last_failure.reset();
    pause = first_pause;
    return *link;
  }

  void wait_before_next(const Failure& failure) {
    last_failure = failure;
    next_attempt = std::chrono::steady_clock::now() + pause;
    pause = std::min(pause * 2, longest_pause);
  }

  // Runs `work` on the connection; one that is lost by it is forgotten.
  template <typename Work>
  auto on_link(Work work) {
    PostgresLink& at = connected();
    try {
      return work(at);
    } catch (const Failure& failure) {
      if (at.is_lost()) {
        link.reset();
        wait_before_next(failure);
      }
      throw;
    }
  }

  void migrate(PostgresLink& at) const;
};

void PostgresStore::State::migrate(PostgresLink& at) const {
  const auto wanted = static_cast<std::int64_t>(schema.migrations.size());
  at.execute("BEGIN");
  // Two engines may come here together, and CREATE TABLE IF NOT EXISTS is no lock.
  (void)at.ask(take_turn, {std::string("versions")});
  at.execute("CREATE TABLE IF NOT EXISTS chancery_versions (what TEXT PRIMARY KEY, version BIGINT NOT NULL)");
  const auto found = at.ask("SELECT version FROM chancery_versions WHERE what = $1", {schema.what}).rows;
  const std::int64_t present = found.empty() ? 0 : found.front().integer(0);
  if (present > wanted) {
    throw Failure(
        {.code = "storage-newer",
         .subject = options.database,
         .cause = schema.what + " was written by a newer version of this program",
         .hint = "install the version that wrote it (its `chancery storage downgrade` leads back to this one), or "
                 "restore a backup made before the upgrade"});
  }
  for (std::int64_t step = present; step < wanted; ++step) {
    at.execute(schema_to_postgres(schema.migrations[static_cast<std::size_t>(step)].up));
  }
  (void)at.ask(
      "INSERT INTO chancery_versions (what, version) VALUES ($1, $2) "
      "ON CONFLICT (what) DO UPDATE SET version = excluded.version",
      {schema.what, wanted});
  at.execute("COMMIT");
}

PostgresStore::PostgresStore(PostgresOptions options, Schema schema)
    : Store(options.host + ":" + std::to_string(options.port)), state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->schema = std::move(schema);
}

PostgresStore::~PostgresStore() = default;

void PostgresStore::retry_now() noexcept { state_->hurry = true; }

// A connection that was lost inside a transaction took the first half with it.
void PostgresStore::expect_whole() const {
  if (in_transaction() && !state_->link) throw Failure(*state_->last_failure);
}

int PostgresStore::run(const std::string& sql, const std::vector<Value>& parameters) {
  const auto lock = hold();
  int changed = 0;
  if (needs_transaction()) {
    write([&] { changed = run(sql, parameters); });
    return changed;
  }
  expect_whole();
  return state_->on_link([&](PostgresLink& link) { return link.ask(to_postgres(sql), parameters).changed; });
}

std::vector<Row> PostgresStore::rows(const std::string& sql, const std::vector<Value>& parameters) const {
  const auto lock = hold();
  expect_whole();
  return state_->on_link([&](PostgresLink& link) { return link.ask(to_postgres(sql), parameters).rows; });
}

void PostgresStore::each(const std::string& sql, const std::vector<Value>& parameters,
                         const std::function<void(Row row)>& visit) const {
  const auto lock = hold();
  expect_whole();
  state_->on_link([&](PostgresLink& link) {
    (void)link.ask("DECLARE chancery_rows NO SCROLL CURSOR FOR " + to_postgres(sql), parameters);
    for (;;) {
      std::vector<Row> some = link.ask("FETCH 500 FROM chancery_rows", {}).rows;
      if (some.empty()) break;
      for (Row& row : some) visit(std::move(row));
    }
    return link.ask("CLOSE chancery_rows", {}).changed;
  });
}

int PostgresStore::version() const {
  const auto found = rows("SELECT version FROM chancery_versions WHERE what = ?", {state_->schema.what});
  return found.empty() ? 0 : static_cast<int>(found.front().integer(0));
}

void PostgresStore::go_back(int version) {
  write([&] {
    const int present = this->version();
    for (int at = present; at-- > version;) {
      const std::string& step = state_->schema.migrations.at(static_cast<std::size_t>(at)).down;
      if (step.empty()) no_way_back(present, version);
      state_->on_link([&](PostgresLink& link) {
        link.execute(schema_to_postgres(step));
        return 0;
      });
    }
    run("UPDATE chancery_versions SET version = ? WHERE what = ?",
        {std::int64_t{std::min(version, present)}, state_->schema.what});
  });
}

// Names of our own schemas: neither is anybody's input.
void PostgresStore::continue_numbers(const std::string& table, const std::string& column) {
  (void)rows(
      "SELECT setval(pg_get_serial_sequence(?, ?), greatest((SELECT max(\"" + column + "\") FROM " + table + "), 1))",
      {table, column});
}

void PostgresStore::begin() {
  state_->on_link([&](PostgresLink& link) {
    link.execute("BEGIN");
    return link.ask(take_turn, {state_->schema.what});
  });
}

void PostgresStore::commit() {
  if (!state_->link) throw Failure(*state_->last_failure);
  const std::string tag = state_->on_link([](PostgresLink& link) { return link.ask("COMMIT", {}).tag; });
  if (tag == "COMMIT") return;
  throw Failure({.code = "storage-failed",
                 .subject = name(),
                 .cause = "a part of this change failed, so that none of it was kept",
                 .hint = "repeat; the log has the first error"});
}

void PostgresStore::roll_back() {
  if (!state_->link) return;
  try {
    state_->on_link([](PostgresLink& link) {
      link.execute("ROLLBACK");
      return 0;
    });
  } catch (const Failure&) {
    state_->link.reset();  // a new connection begins with no transaction
  }
}

}  // namespace chancery::storage
