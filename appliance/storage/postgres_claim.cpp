#include "appliance/storage/postgres_claim.h"

#include <optional>

#include "appliance/storage/postgres_link.h"
#include "keystore/fault.h"

namespace chancery::storage {

struct PostgresClaim::State {
  PostgresOptions options;
  std::string what;
  std::optional<PostgresLink> link;
  bool is_held = false;

  std::vector<Row> ask(const std::string& sql, const std::vector<Value>& parameters) {
    if (!link) link.emplace(options);
    try {
      return link->ask(sql, parameters).rows;
    } catch (const Failure&) {
      if (link->is_lost()) {
        link.reset();
        is_held = false;
      }
      throw;
    }
  }
};

PostgresClaim::PostgresClaim(PostgresOptions options, std::string what, std::chrono::milliseconds silence)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->options.longest_silence = silence;
  state_->what = std::move(what);
}

PostgresClaim::~PostgresClaim() = default;

bool PostgresClaim::is_held() const noexcept { return state_->is_held; }

void PostgresClaim::let_go() noexcept {
  state_->link.reset();
  state_->is_held = false;
}

bool PostgresClaim::hold() {
  if (state_->is_held) {
    (void)state_->ask("SELECT 1", {});
    return true;
  }
  const auto answer =
      state_->ask("SELECT pg_try_advisory_lock(hashtextextended('chancery claim ' || $1, 0))::int", {state_->what});
  state_->is_held = answer.front().integer(0) == 1;
  return state_->is_held;
}

std::vector<Row> PostgresClaim::ask(const std::string& sql, const std::vector<Value>& parameters) {
  return state_->ask(sql, parameters);
}

}  // namespace chancery::storage
