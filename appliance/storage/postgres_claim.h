// A claim that one process at a time has on something, for as long as a PostgreSQL server hears from it: an advisory
// lock of a session of its own.
//
//   PostgresClaim claim(options, "issuer of the authority's register");
//   if (claim.hold()) …                                          // again and again, more often than `silence`
//   claim.ask("UPDATE issuer SET epoch = epoch + 1 …", {});      // on the same session: gone with it
//
// A process that is stopped, and one whose machine or network is gone, loses it after `silence`: the server itself ends
// the session (idle_session_timeout: PostgreSQL 14), so that no clock but the server's counts. Whoever was stopped does
// not know until it asks again: what must not be done without the claim is fenced by what it wrote while it had it.
// Sessions through a pooler in transaction mode hold no claim. Thread safety: none, one thread.
#pragma once

#include <memory>

#include "appliance/storage/postgres.h"

namespace chancery::storage {

class PostgresClaim {
 public:
  // Connects to nothing yet.
  PostgresClaim(PostgresOptions options, std::string what,
                std::chrono::milliseconds silence = std::chrono::milliseconds(6'000));
  ~PostgresClaim();

  // Takes the claim, or sees that it is still there. False: another has it. Failure("storage-unreachable"): and if it
  // was ours, it is no more.
  bool hold();
  bool is_held() const noexcept;
  void let_go() noexcept;

  // PostgreSQL's own SQL. Failure("storage-unreachable") ends the claim.
  std::vector<Row> ask(const std::string& sql, const std::vector<Value>& parameters);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::storage
