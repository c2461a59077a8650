// A store on a PostgreSQL server (store.h has the contract), over TLS and nothing else: the server's certificate is
// verified with the trust file as it is when the connection is made, and must bear the host's name (verify-full).
//
//   PostgresStore store({.host = "db.example.com", .user = "engine", .database = "engine", .trust_file = …}, schema);
//   store.run(…);      // connects first, and brings the schema up to date, where it is not connected
//
// Nothing connects before the first statement. A connection that is lost is Failure("storage-unreachable"), and so is
// every statement for a while after it: attempts come after 1, 2, 4, 8 and then every 15 s, or at once after
// retry_now(). Nothing is repeated on its own: a caller that wants its rows kept calls again. A statement takes at most
// `patience`. Servers are asked for one database of this store's own: what `Schema::what` names is its row in the table
// chancery_versions, so that several stores may share a database as long as their tables do not clash.
//
// libpq is loaded when the first connection is made (postgres_library.h): a program that keeps its rows in a file never
// loads it.
//
// Not checked: revocation of the server's certificate (PGSSLCRL of the environment is honoured). The password is asked
// for at each connection and wiped; libpq wipes its copy when the connection ends.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "appliance/storage/store.h"
#include "keystore/bytes/secret.h"

namespace chancery::storage {

struct PostgresOptions {
  std::string host;
  int port = 5432;
  std::string user;
  std::string database;
  std::function<std::string()> trust_file;  // PEM roots; called for every new connection
  std::function<SecretBytes()> password;    // none: no password is given
  std::string application = "chancery";     // as the server's own views show it
  std::chrono::milliseconds patience{10'000};
  // The server ends a session of which it hears nothing for so long within a transaction, or outside of one; 0: never.
  // A process that was stopped, or whose machine is gone, keeps no lock beyond that. The second needs PostgreSQL 14.
  std::chrono::milliseconds longest_pause_in_transaction{5'000};
  std::chrono::milliseconds longest_silence{0};
};

class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresOptions options, Schema schema);
  ~PostgresStore() override;

  int run(const std::string& sql, const std::vector<Value>& parameters = {}) override;
  [[nodiscard]] std::vector<Row> rows(const std::string& sql, const std::vector<Value>& parameters = {}) const override;
  void each(const std::string& sql, const std::vector<Value>& parameters,
            const std::function<void(Row row)>& visit) const override;
  [[nodiscard]] int version() const override;
  void go_back(int version) override;
  void continue_numbers(const std::string& table, const std::string& column) override;

  // Something has changed that may let it connect (trust): the next statement tries at once. From any thread, never
  // waits.
  void retry_now() noexcept;

 private:
  void expect_whole() const;
  void begin() override;
  void commit() override;
  void roll_back() override;

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::storage
