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
};

class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresOptions options, Schema schema);
  ~PostgresStore() override;

  int run(const std::string& sql, const std::vector<Value>& parameters = {}) override;
  [[nodiscard]] std::vector<Row> rows(const std::string& sql, const std::vector<Value>& parameters = {}) const override;

  // Something has changed that may let it connect (trust): the next statement tries at once. From any thread, never
  // waits.
  void retry_now() noexcept;

 private:
  void begin() override;
  void commit() override;
  void roll_back() override;

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::storage
