// All rows of one store in another of the same schema, and the proof that they are the same.
//
//   from.write([&] { to.write([&] {
//     copied = copy_tables(from, to, schema, {"issuer"});        // what `to` had is gone
//     if (digests(to, schema, {"issuer"}) != copied) throw …;
//   }); });
//
// Tables and columns are those that the schema's own migrations make. Both stores must be at its version. Thread
// safety: that of the stores.
#pragma once

#include <string>
#include <vector>

#include "appliance/storage/store.h"

namespace chancery::storage {

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::string number;  // the column whose values the store gives by itself; "": none
};
// In an order in which no table refers to a later one.
[[nodiscard]] std::vector<Table> tables_of(const Schema& schema, const std::vector<std::string>& without = {});

// SHA-256 over the SHA-256 of every row, sorted: the order in which a store gives them does not count.
struct TableDigest {
  std::string table;
  std::int64_t rows = 0;
  std::string sha256;
  friend bool operator==(const TableDigest&, const TableDigest&) = default;
};
// Within write() of the store.
[[nodiscard]] std::vector<TableDigest> digests(const Store& store, const Schema& schema,
                                               const std::vector<std::string>& without);

// Within write() of both. `progress` is called after each table is copied with what it held.
using Progress = std::function<void(const TableDigest&)>;
std::vector<TableDigest> copy_tables(const Store& from, Store& to, const Schema& schema,
                                     const std::vector<std::string>& without, const Progress& progress = {});

[[nodiscard]] std::int64_t count_rows(const Store& store, const Table& table);

}  // namespace chancery::storage
