// The store contract's SQL (store.h) as PostgreSQL writes it. Pure text; for sources of storage/ and their tests.
//
//   to_postgres("UPDATE a SET n = ? WHERE t = ?")             "UPDATE a SET n = $1 WHERE t = $2"
//   schema_to_postgres("CREATE TABLE a (b BLOB) STRICT")      "CREATE TABLE a (b BYTEA)"
//
// What stands between single or double quotes is left alone. Not parsed: comments, and dialects of SQLite's own
// (COLLATE NOCASE, AUTOINCREMENT), which the contract does not have. Thread safety: pure functions.
#pragma once

#include <string>

namespace chancery::storage {

[[nodiscard]] std::string to_postgres(const std::string& statement);
[[nodiscard]] std::string schema_to_postgres(const std::string& migration);

}  // namespace chancery::storage
