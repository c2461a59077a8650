// One program's store: a SQLite file, opened safely and brought to the schema the program knows.
//
//   Database store = Database::open(folder, "engine.db", {.what = "engine", .migrations = {create_tables, add_seen}});
//   store.write([&] {                                                    // BEGIN IMMEDIATE … COMMIT
//     if (store.run("UPDATE tokens SET used = ? WHERE id = ? AND used IS NULL", {now, id}) != 1) throw …;
//   });
//   for (const Row& row : store.rows("SELECT name, role FROM members WHERE role = ?", {"engine"})) row.text(0);
//
// Opened with WAL, foreign keys, a busy timeout of 10 s and synchronous=FULL, so that what `write` returned from
// survives a power cut. The file is made with mode 0600 (or the attributes given); a symbolic link or anything else
// that is not an ordinary file in its place is refused. Several processes may have one file open.
//
// Statements are plain SQL with `?` parameters, tables are STRICT: what a PostgreSQL behind this same contract would
// take with few changes. No SQL text may ever be put together from input.
//
// Failure codes: storage-busy, storage-damaged, storage-newer (made by a newer program), storage-failed, no-space,
// read-only. Thread safety: internally locked; a write transaction holds the lock until it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "keystore/files/folder.h"

namespace chancery::storage {

// NULL, INTEGER, TEXT or BLOB.
using Value = std::variant<std::monostate, std::int64_t, std::string, Bytes>;

// One row of a result, by value. Asking a column for a type that it does not have is Failure("storage-damaged").
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  bool is_null(std::size_t column) const;
  std::int64_t integer(std::size_t column) const;
  const std::string& text(std::size_t column) const;
  const Bytes& blob(std::size_t column) const;

 private:
  std::vector<Value> values_;
};

struct Schema {
  std::string what;                     // for messages: "the authority's register"
  std::vector<std::string> migrations;  // the n-th brings version n to n + 1; appended to, never edited
};

class Database {
 public:
  [[nodiscard]] static Database open(const Folder& folder, const std::string& name, const Schema& schema,
                                     const FileAttributes& attributes = {.mode = 0600});
  Database(Database&&) noexcept;
  ~Database();

  // One statement; returns the number of rows it changed.
  int run(const std::string& sql, const std::vector<Value>& parameters = {});
  [[nodiscard]] std::vector<Row> rows(const std::string& sql, const std::vector<Value>& parameters = {}) const;

  // Runs `work` in one write transaction, taken at once (BEGIN IMMEDIATE), so that what it reads cannot change before
  // it writes. An exception rolls everything back and goes on to the caller. Calls nest: the outermost one commits, and
  // one that swallowed an inner exception cannot commit any more.
  void write(const std::function<void()>& work);

  // Keeps other threads out, for state of the owner that goes with what is stored.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> hold() const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::storage
