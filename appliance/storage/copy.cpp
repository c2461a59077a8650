#include "appliance/storage/copy.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"

namespace chancery::storage {
namespace {

constexpr std::size_t rows_of_a_statement = 50;

// Type, length, value: no two rows have the same text.
struct Encoder {
  Bytes& out;

  void operator()(std::monostate) const { head('n', 0); }
  void operator()(std::int64_t number) const {
    const std::string digits = std::to_string(number);
    head('i', digits.size());
    out.insert(out.end(), digits.begin(), digits.end());
  }
  void operator()(const std::string& text) const {
    head('t', text.size());
    out.insert(out.end(), text.begin(), text.end());
  }
  void operator()(const Bytes& bytes) const {
    head('b', bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  void head(char type, std::size_t size) const {
    const std::string text = type + std::to_string(size) + ":";
    out.insert(out.end(), text.begin(), text.end());
  }
};

class Digest {
 public:
  void add(const Row& row) {
    text_.clear();
    for (const Value& value : row.values()) std::visit(Encoder{text_}, value);
    rows_.push_back(sha256(text_));
  }
  TableDigest of(const std::string& table) {
    std::sort(rows_.begin(), rows_.end());
    Bytes all;
    all.reserve(rows_.size() * std::tuple_size_v<Sha256>);
    for (const Sha256& row : rows_) all.insert(all.end(), row.begin(), row.end());
    return {.table = table, .rows = static_cast<std::int64_t>(rows_.size()), .sha256 = to_hex(sha256(all))};
  }

 private:
  Bytes text_;
  std::vector<Sha256> rows_;
};

std::string columns_of(const Table& table) {
  std::string list;
  for (const std::string& column : table.columns) list += (list.empty() ? "\"" : ", \"") + column + "\"";
  return list;
}

std::string selection(const Table& table) { return "SELECT " + columns_of(table) + " FROM " + table.name; }

std::string insertion(const Table& table, std::size_t rows) {
  std::string marks = "(";
  for (std::size_t at = 0; at < table.columns.size(); ++at) marks += at == 0 ? "?" : ", ?";
  marks += ")";
  std::string sql = "INSERT INTO " + table.name + " (" + columns_of(table) + ") VALUES " + marks;
  for (std::size_t at = 1; at < rows; ++at) sql += ", " + marks;
  return sql;
}

TableDigest copy_table(const Store& from, Store& to, const Table& table) {
  Digest digest;
  std::vector<Value> waiting;
  std::size_t count = 0;
  const auto send = [&] {
    if (count > 0) to.run(insertion(table, count), waiting);
    waiting.clear();
    count = 0;
  };
  from.each(selection(table), {}, [&](Row row) {
    digest.add(row);
    for (const Value& value : row.values()) waiting.push_back(value);
    if (++count == rows_of_a_statement) send();
  });
  send();
  if (!table.number.empty()) to.continue_numbers(table.name, table.number);
  return digest.of(table.name);
}

}  // namespace

// SQLite knows best what the migrations make: they are run in memory, and it is asked.
std::vector<Table> tables_of(const Schema& schema, const std::vector<std::string>& without) {
  SQLite::Database memory(":memory:", SQLite::OPEN_READWRITE);
  for (const Migration& step : schema.migrations) memory.exec(step.up);
  std::vector<Table> tables;
  SQLite::Statement names(
      memory, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid");
  while (names.executeStep()) {
    Table table{.name = names.getColumn(0).getString(), .columns = {}, .number = {}};
    if (std::find(without.begin(), without.end(), table.name) != without.end()) continue;
    std::size_t keys = 0;
    std::string key;
    SQLite::Statement columns(memory, "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid");
    columns.bind(1, table.name);
    while (columns.executeStep()) {
      table.columns.push_back(columns.getColumn(0).getString());
      if (columns.getColumn(2).getInt() == 0) continue;
      ++keys;
      key = columns.getColumn(1).getString() == "INTEGER" ? table.columns.back() : "";
    }
    if (keys == 1) table.number = key;
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<TableDigest> digests(const Store& store, const Schema& schema, const std::vector<std::string>& without) {
  std::vector<TableDigest> all;
  for (const Table& table : tables_of(schema, without)) {
    Digest digest;
    store.each(selection(table), {}, [&digest](const Row& row) { digest.add(row); });
    all.push_back(digest.of(table.name));
  }
  return all;
}

std::vector<TableDigest> copy_tables(const Store& from, Store& to, const Schema& schema,
                                     const std::vector<std::string>& without, const Progress& progress) {
  const std::vector<Table> tables = tables_of(schema, without);
  for (auto table = tables.rbegin(); table != tables.rend(); ++table) to.run("DELETE FROM " + table->name);
  std::vector<TableDigest> all;
  for (const Table& table : tables) {
    all.push_back(copy_table(from, to, table));
    if (progress) progress(all.back());
  }
  return all;
}

std::int64_t count_rows(const Store& store, const Table& table) {
  return store.rows("SELECT count(*) FROM " + table.name).front().integer(0);
}

}  // namespace chancery::storage
