// One connection to a PostgreSQL server by libpq, with a deadline on every step. For sources of storage/ only.
//
// A Failure("storage-unreachable") means that the connection is of no use any more. Thread safety: one thread.
#pragma once

#include <libpq-fe.h>

#include <memory>

#include "appliance/storage/postgres.h"

namespace chancery::storage {

class PostgresLink {
 public:
  explicit PostgresLink(const PostgresOptions& options);  // connects; Failure("storage-unreachable")

  struct Outcome {
    std::vector<Row> rows;
    int changed = 0;
    std::string tag;  // what the server says it did: "COMMIT", "INSERT 0 1"
  };
  // In PostgreSQL's own SQL.
  Outcome ask(const std::string& sql, const std::vector<Value>& parameters);
  // Several statements, without parameters or rows.
  void execute(const std::string& sql);
  bool is_lost() const noexcept { return lost_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Close {
    void operator()(PGconn* connection) const noexcept;
    void operator()(PGresult* result) const noexcept;
  };
  using Result = std::unique_ptr<PGresult, Close>;

  void connect(const PostgresOptions& options);
  void wait_for(short events, Deadline deadline);
  void send(bool accepted, Deadline deadline);
  Outcome collect(Deadline deadline);
  [[noreturn]] void refuse(const PGresult* result);
  [[noreturn]] void give_up(const std::string& cause);

  std::string server_;
  std::chrono::milliseconds patience_;
  std::unique_ptr<PGconn, Close> connection_;
  bool lost_ = false;
};

}  // namespace chancery::storage
