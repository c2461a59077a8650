// One program's store, wherever it is kept: rows and columns behind plain SQL, one writer at a time.
//
//   store.write([&] {                                                    // all of it or nothing
//     if (store.run("UPDATE tokens SET used = ? WHERE id = ? AND used IS NULL", {now, id}) != 1) throw …;
//   });
//   for (const Row& row : store.rows("SELECT name, role FROM members WHERE role = ?", {"engine"})) row.text(0);
//
// Two kinds keep this one contract, and one test suite (tests/storage) runs against both: database.h is a SQLite file,
// postgres.h a PostgreSQL server. Statements are plain SQL with `?` parameters and no literal that holds a `?`; types
// are INTEGER (64 bits), TEXT (UTF-8 without NUL) and BLOB, tables are STRICT. No SQL text may ever be put together
// from input.
//
// Failure codes: storage-busy, storage-damaged, storage-newer (made by a newer program), storage-failed, no-space,
// read-only; PostgreSQL also storage-unreachable. Thread safety: internally locked; a write transaction holds the lock
// until it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "keystore/bytes/bytes.h"

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

class Store {
 public:
  virtual ~Store();

  // One statement; returns the number of rows it changed.
  virtual int run(const std::string& sql, const std::vector<Value>& parameters = {}) = 0;
  [[nodiscard]] virtual std::vector<Row> rows(const std::string& sql,
                                              const std::vector<Value>& parameters = {}) const = 0;

  // Runs `work` in one write transaction, the only one at its time, so that what it reads cannot change before it
  // writes. An exception rolls everything back and goes on to the caller. Calls nest: the outermost one commits, and
  // one that swallowed an inner exception cannot commit any more. A statement that failed outside a nested write may
  // be swallowed on SQLite; PostgreSQL has then given up the whole transaction and says so at its end.
  void write(const std::function<void()>& work);

  // Keeps other threads out, for state of the owner that goes with what is stored.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> hold() const;

 protected:
  explicit Store(std::string name);
  Store(Store&&) noexcept;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void roll_back() = 0;  // after anything; errors are not told
  const std::string& name() const noexcept;
  bool in_transaction() const noexcept;  // to be asked under hold()

 private:
  struct Turn;
  std::unique_ptr<Turn> turn_;
};

}  // namespace chancery::storage
