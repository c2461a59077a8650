#include "appliance/authority/issuance.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "appliance/authority/register.h"
#include "appliance/settings/policy.h"
#include "appliance/storage/postgres_claim.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery::authority {
namespace {

constexpr std::size_t machine_id_limit = 4096;

Issuance read(const storage::Store& store, const char* locking) {
  const auto rows =
      store.rows(std::string("SELECT epoch, state, holder, address, since, moved_to FROM issuer") + locking);
  if (rows.empty()) {
    throw Failure({.code = "storage-damaged",
                   .subject = "the authority's register",
                   .cause = "it does not say who issues",
                   .hint = "restore the database from a backup"});
  }
  const storage::Row& row = rows.front();
  return {.epoch = row.integer(0),
          .state = row.text(1),
          .holder = row.text(2),
          .address = row.text(3),
          .since = instant_of(row.integer(4)),
          .moved_to = row.text(5)};
}

void expect_in_force(const Issuance& present) {
  if (present.state == Issuance::in_force) return;
  if (present.state == Issuance::copying) {
    throw Failure({.code = "storage-unfinished",
                   .subject = "the authority's register",
                   .cause = "its rows were still being copied to this place when that was cut short",
                   .hint = "run the same `chancery storage migrate` again: it goes on where it stood"});
  }
  throw Failure({.code = "storage-moved",
                 .subject = "the authority's register",
                 .cause = "it was moved to " + present.moved_to + "; nothing is written here any more",
                 .hint = "repeat the command; if it fails again, `chancery storage migrate --to` the same place once "
                         "more finishes a move that was cut short"});
}

// Whoever serves as the issuer has this lock in a session of its own, and no transaction gets it beside that one. A
// request whose session the server gives up lets go of the row first and of this lock right after: whoever has waited for
// the row may come in between. Not for long: the issuer waits for the row as well.
bool take_claim(const storage::Store& store) {
  constexpr std::chrono::milliseconds letting_go{50}, look_again{2};
  const auto until = std::chrono::steady_clock::now() + letting_go;
  for (;;) {
    const auto free = store.rows("SELECT pg_try_advisory_xact_lock(hashtextextended('chancery claim ' || ?, 0))::int",
                                 {std::string(claim_name)});
    if (free.front().integer(0) == 1) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(look_again);
  }
}

}  // namespace

Issuance issuance_of(const storage::Store& store) { return read(store, ""); }

Failure not_the_issuer(const Issuance& present) {
  if (present.holder.empty() || present.address.empty()) {
    return Failure({.code = "not-the-issuer",
                    .subject = "the authority's register",
                    .cause = "no primary has been elected to issue at this moment",
                    .hint = "one is elected within seconds while chancery-authority runs there; then try again"});
  }
  return Failure(
      {.code = "not-the-issuer",
       .subject = "the authority's register",
       .cause = "another primary was elected to issue at " + to_rfc3339(present.since) + ": " + present.address,
       .hint = "ask that one; if it is gone, this one takes its place within seconds, while its "
               "chancery-authority runs"});
}

std::string address_of(const std::string& appliance_name, ByteView join_endpoint) {
  const Endpoint endpoint = parse_endpoint("join", join_endpoint);
  const bool is_everywhere = endpoint.host.empty() || endpoint.host == "0.0.0.0" || endpoint.host == "::";
  std::string host = is_everywhere ? appliance_name : endpoint.host;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(endpoint.port);
}

Claimant claimant_of(const std::string& state_path, const std::string& address) {
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  std::string machine;
  try {
    const Bytes id = read_file("/etc/machine-id", machine_id_limit);
    machine.assign(id.begin(), id.end());
  } catch (const Failure&) {
    machine = "unknown";  // containers have none; host name and folder must do
  }
  const std::string whole = machine + "\n" + host.data() + "\n" + std::filesystem::canonical(state_path).string();
  return {.id = to_hex(sha256(view_of(whole))).substr(0, 32), .address = address};
}

void guard_for_request(storage::Store& store, const RegisterPlace& place, const Claimant& me, const Clock& clock) {
  if (!place.is_server()) {
    store.guard_writes([&store] { expect_in_force(issuance_of(store)); });
    return;
  }
  store.guard_writes([&store, me, clock] {
    const Issuance present = read(store, " FOR UPDATE");
    expect_in_force(present);
    if (present.holder == me.id) return;
    if (!take_claim(store)) throw not_the_issuer(present);
    store.run("UPDATE issuer SET epoch = epoch + 1, holder = ?, address = ?, since = ?",
              {me.id, me.address, seconds_of(clock())});
  });
}

struct Issuership::State {
  storage::Store& store;
  Claimant me;
  Clock clock;
  std::unique_ptr<storage::PostgresClaim> claim;  // none: the register is a file
  std::atomic<std::int64_t> epoch = 0;            // of our election; 0: not elected

  void check() {
    const Issuance present = read(store, " FOR UPDATE");
    expect_in_force(present);
    if (epoch != 0 && present.epoch == epoch && present.holder == me.id) return;
    epoch = 0;
    throw not_the_issuer(present);
  }
};

Issuership::Issuership(storage::Store& store, const RegisterPlace& place, Claimant me, Clock clock)
    : state_(new State{.store = store, .me = std::move(me), .clock = std::move(clock), .claim = {}}) {
  if (!place.is_server()) {
    store.guard_writes([&store] { expect_in_force(issuance_of(store)); });
    return;
  }
  state_->claim = std::make_unique<storage::PostgresClaim>(place.server("chancery-issuer"), claim_name);
  store.guard_writes([state = state_.get()] { state->check(); });
}

Issuership::~Issuership() {
  state_->store.guard_writes([] { throw not_the_issuer({}); });
}

bool Issuership::is_ours() const noexcept { return !state_->claim || state_->epoch != 0; }

bool Issuership::look() {
  State& state = *state_;
  if (!state.claim) return true;
  try {
    // A claim that was lost and found again is another one.
    if (!state.claim->is_held()) state.epoch = 0;
    if (!state.claim->hold()) {
      state.epoch = 0;
      return false;
    }
    if (state.epoch != 0) return true;
    (void)issuance_of(state.store);  // brings the tables where they were never made
    const auto elected = state.claim->ask(
        "UPDATE issuer SET epoch = epoch + 1, holder = $1, address = $2, since = $3 WHERE state = 'in-force' "
        "RETURNING epoch",
        {state.me.id, state.me.address, seconds_of(state.clock())});
    if (elected.empty()) {
      state.claim->let_go();
      expect_in_force(issuance_of(state.store));
      return false;
    }
    state.epoch = elected.front().integer(0);
    return true;
  } catch (...) {
    state.epoch = 0;
    state.claim->let_go();
    throw;
  }
}

}  // namespace chancery::authority
