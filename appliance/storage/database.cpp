#include "appliance/storage/database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>

#include "keystore/fault.h"

namespace chancery::storage {
namespace {

constexpr int busy_timeout_ms = 10'000;

Failure storage_failure(const SQLite::Exception& error, const std::string& path) {
  const auto failure = [&](const char* code, const char* hint) {
    return Failure(
        {.code = code, .subject = path, .cause = std::string("the database answered: ") + error.what(), .hint = hint});
  };
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return failure("storage-busy", "another program is writing to it for long; repeat the command");
    case SQLITE_FULL:
      return failure("no-space", "make room on this file system, then repeat the command");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return failure("read-only", "check owner and mode of this file and of its folder");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return failure("storage-damaged", "restore this file from a backup of the appliance");
    default:
      return failure("storage-failed", "check the disk and the kernel log, then repeat the command");
  }
}

void make_file(const Folder& folder, const std::string& name, const FileAttributes& attributes) {
  std::optional<FileStatus> status = folder.status(name);
  if (!status) {
    try {
      folder.create_file(name, {}, attributes);
      return;
    } catch (const Failure& failure) {
      // Another process may have made it between the look and the making.
      if (failure.code() != "already-exists") throw;
      status = folder.status(name);
    }
  }
  if (status && status->kind == FileStatus::Kind::file) return;
  throw Failure({.code = "not-a-file",
                 .subject = folder.path() + "/" + name,
                 .cause = "is not an ordinary file",
                 .hint = "look at it with `ls -l`; only the program's own database may stand there"});
}

struct Binder {
  SQLite::Statement& statement;
  int index;

  void operator()(std::monostate) const { statement.bind(index); }
  void operator()(std::int64_t number) const { statement.bind(index, number); }
  void operator()(const std::string& text) const { statement.bind(index, text); }
  void operator()(const Bytes& bytes) const {
    // A null pointer would bind NULL instead of an empty blob.
    statement.bind(index, bytes.empty() ? static_cast<const void*>("") : bytes.data(), static_cast<int>(bytes.size()));
  }
};

Value value_of(const SQLite::Column& column) {
  if (column.isInteger()) return static_cast<std::int64_t>(column.getInt64());
  if (column.isText()) return column.getString();
  if (column.isBlob()) {
    const auto* start = static_cast<const std::uint8_t*>(column.getBlob());
    return Bytes(start, start + column.getBytes());
  }
  return std::monostate{};
}

}  // namespace

struct Database::State {
  State(std::string file, Schema wanted)
      : path(std::move(file)), schema(std::move(wanted)), database(path, SQLite::OPEN_READWRITE, busy_timeout_ms) {}

  // Compiled once: compiling costs more than running for statements of this size.
  SQLite::Statement& statement(const std::string& sql, const std::vector<Value>& parameters) {
    auto& known = statements[sql];
    if (!known) known = std::make_unique<SQLite::Statement>(database, sql);
    known->tryReset();  // reset() would report the error of the run before again
    known->clearBindings();
    for (std::size_t at = 0; at < parameters.size(); ++at) {
      std::visit(Binder{*known, static_cast<int>(at) + 1}, parameters[at]);
    }
    return *known;
  }

  int version() { return database.execAndGet("PRAGMA user_version").getInt(); }
  void migrate();

  std::string path;
  Schema schema;
  SQLite::Database database;
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements;
};

void Database::State::migrate() {
  const int wanted = static_cast<int>(schema.migrations.size());
  if (version() == wanted) return;
  // Two processes may come here together: the version is read again under the write lock.
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const int present = version();
  if (present > wanted) {
    throw Failure(
        {.code = "storage-newer",
         .subject = path,
         .cause = schema.what + " was written by a newer version of this program",
         .hint = "install the version that wrote it (its `chancery storage downgrade` leads back to this one), or "
                 "restore a backup made before the upgrade"});
  }
  for (int at = present; at < wanted; ++at) database.exec(schema.migrations[static_cast<std::size_t>(at)].up);
  database.exec("PRAGMA user_version = " + std::to_string(wanted));
  transaction.commit();
}

Database::Database(std::string path, std::unique_ptr<State> state) : Store(std::move(path)), state_(std::move(state)) {}
Database::Database(Database&&) noexcept = default;
Database::~Database() = default;

Database Database::open(const Folder& folder, const std::string& name, const Schema& schema,
                        const FileAttributes& attributes) {
  make_file(folder, name, attributes);
  const std::string path = folder.path() + "/" + name;
  for (int tries = 1;; ++tries) {
    try {
      auto state = std::make_unique<State>(path, schema);
      state->database.exec("PRAGMA journal_mode = WAL");
      state->database.exec("PRAGMA synchronous = FULL");
      state->database.exec("PRAGMA foreign_keys = ON");
      state->database.exec("PRAGMA trusted_schema = OFF");
      state->migrate();
      return Database(path, std::move(state));
    } catch (const SQLite::Exception& error) {
      // Root makes SQLite's files beside the database and gives them to its owner a moment later: until then the owner
      // cannot open them.
      if (error.getErrorCode() != SQLITE_CANTOPEN || tries == 40) throw storage_failure(error, path);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
  }
}

int Database::run(const std::string& sql, const std::vector<Value>& parameters) {
  const auto lock = hold();
  if (!needs_transaction()) return perform(sql, parameters);
  int changed = 0;
  write([&] { changed = perform(sql, parameters); });
  return changed;
}

int Database::perform(const std::string& sql, const std::vector<Value>& parameters) {
  try {
    SQLite::Statement& statement = state_->statement(sql, parameters);
    const int changed = statement.exec();
    // Left un-reset, a statement keeps its read lock and parameters.
    statement.reset();
    return changed;
  } catch (const SQLite::Exception& error) {
    throw storage_failure(error, state_->path);
  }
}

std::vector<Row> Database::rows(const std::string& sql, const std::vector<Value>& parameters) const {
  std::vector<Row> found;
  each(sql, parameters, [&found](Row row) { found.push_back(std::move(row)); });
  return found;
}

void Database::each(const std::string& sql, const std::vector<Value>& parameters,
                    const std::function<void(Row row)>& visit) const {
  const auto lock = hold();
  try {
    SQLite::Statement& statement = state_->statement(sql, parameters);
    while (statement.executeStep()) {
      std::vector<Value> values;
      for (int at = 0; at < statement.getColumnCount(); ++at) values.push_back(value_of(statement.getColumn(at)));
      try {
        visit(Row(std::move(values)));
      } catch (...) {
        statement.tryReset();
        throw;
      }
    }
    statement.reset();
  } catch (const SQLite::Exception& error) {
    throw storage_failure(error, state_->path);
  }
}

int Database::version() const {
  const auto lock = hold();
  try {
    return state_->version();
  } catch (const SQLite::Exception& error) {
    throw storage_failure(error, state_->path);
  }
}

void Database::go_back(int version) {
  write([&] {
    const int present = state_->version();
    for (int at = present; at-- > version;) {
      const std::string& step = state_->schema.migrations.at(static_cast<std::size_t>(at)).down;
      if (step.empty()) no_way_back(present, version);
      try {
        state_->database.exec(step);
      } catch (const SQLite::Exception& error) {
        throw storage_failure(error, state_->path);
      }
    }
    run("PRAGMA user_version = " + std::to_string(std::min(version, present)));
  });
}

// SQLite takes the number after the greatest by itself.
void Database::continue_numbers(const std::string&, const std::string&) {}

void Database::begin() { perform("BEGIN IMMEDIATE", {}); }
void Database::commit() { perform("COMMIT", {}); }

void Database::roll_back() {
  // Some errors (disk full) have rolled back already; a second rollback then only says so.
  try {
    perform("ROLLBACK", {});
  } catch (const Failure&) {
    (void)0;
  }
}

}  // namespace chancery::storage
