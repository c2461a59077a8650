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
// Failure codes: storage-busy, storage-damaged, storage-newer (made by a newer program), storage-failed, no-way-back,
// no-space, read-only; PostgreSQL also storage-unreachable. Thread safety: internally locked; a write transaction holds
// the lock until it ends.
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
  const std::vector<Value>& values() const noexcept { return values_; }

 private:
  std::vector<Value> values_;
};

// One step of a schema, and how to take it back: "" where that would lose what an older program needs.
struct Migration {
  Migration(const char* forth, std::string back = "") : up(forth), down(std::move(back)) {}  // NOLINT: a text is a step
  Migration(std::string forth, std::string back = "") : up(std::move(forth)), down(std::move(back)) {}
  std::string up;
  std::string down;
};

struct Schema {
  std::string what;                   // for messages: "the authority's register"
  std::vector<Migration> migrations;  // the n-th brings version n to n + 1; appended to, never edited
};

class Store {
 public:
  virtual ~Store();

  // One statement; returns the number of rows it changed.
  virtual int run(const std::string& sql, const std::vector<Value>& parameters = {}) = 0;
  [[nodiscard]] virtual std::vector<Row> rows(const std::string& sql,
                                              const std::vector<Value>& parameters = {}) const = 0;

  // A result that need not fit into memory, row by row, inside write() only. `visit` asks this store for nothing.
  virtual void each(const std::string& sql, const std::vector<Value>& parameters,
                    const std::function<void(Row row)>& visit) const = 0;

  // Runs `work` in one write transaction, the only one at its time, so that what it reads cannot change before it
  // writes. An exception rolls everything back and goes on to the caller. Calls nest: the outermost one commits, and
  // one that swallowed an inner exception cannot commit any more. A statement that failed outside a nested write may
  // be swallowed on SQLite; PostgreSQL has then given up the whole transaction and says so at its end.
  void write(const std::function<void()>& work);

  // From now on every write transaction begins with `check`, in the transaction, and a Failure of it refuses the whole;
  // a statement that changes something outside write() becomes a transaction of its own. Set before others use it.
  void guard_writes(std::function<void()> check);

  // How many migrations it has gone through, and the way back to a lower number, newest first, all in one transaction:
  // Failure("no-way-back") where a step has none. Whoever opens it by a newer schema brings it forth again.
  [[nodiscard]] virtual int version() const = 0;
  virtual void go_back(int version) = 0;
  // Rows with numbers of their own were put into `table`: the next number given by the store shall follow them.
  virtual void continue_numbers(const std::string& table, const std::string& column) = 0;

  // Keeps other threads out, for state of the owner that goes with what is stored.
  [[nodiscard]] std::unique_lock<std::recursive_mutex> hold() const;

 protected:
  explicit Store(std::string name);
  Store(Store&&) noexcept;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void roll_back() = 0;  // after anything; errors are not told
  const std::string& name() const noexcept;
  bool in_transaction() const noexcept;     // to be asked under hold()
  bool needs_transaction() const noexcept;  // a single statement, too: writes are guarded, and none is open
  [[noreturn]] void no_way_back(int from, int to) const;

 private:
  struct Turn;
  std::unique_ptr<Turn> turn_;
};

}  // namespace chancery::storage
