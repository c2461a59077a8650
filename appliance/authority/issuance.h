// Who may write into the register: one place of it counts, and where several primaries share it, one of them issues.
//
//   issuer              one row: epoch, state, holder, address, since, moved_to
//
// Every write transaction reads that row first, in a file as well as on a server, and ends with a Failure where it may
// not go on. What is signed leaves only after the commit, so that nothing leaves of a transaction that was refused.
//
//   storage-moved        the register lies elsewhere now: read the settings again
//   storage-unfinished   its rows are only arriving: `chancery storage migrate` was cut short
//   not-the-issuer       another primary issues; the cause has its address
//
// On a server the row is locked (FOR UPDATE) until the commit, and the epoch in it is the fence: it grows with every
// election, and a primary that was paused, whose machine slept or whose network was gone finds another than its own.
// Not done here: sharing the keys. Both primaries sign with the same ones, which the second got with a backup of the
// first.
#pragma once

#include <memory>
#include <string>

#include "appliance/authority/register_place.h"
#include "keystore/x509/instant.h"

namespace chancery::authority {

struct Issuance {
  std::int64_t epoch = 0;
  std::string state;    // in_force, copying or moved
  std::string holder;   // Claimant::id; "": nobody yet
  std::string address;  // of the holder's authority
  Instant since{};
  std::string moved_to;  // RegisterPlace::text()

  static constexpr const char* in_force = "in-force";
  static constexpr const char* copying = "copying";
  static constexpr const char* moved = "moved";
};
[[nodiscard]] Issuance issuance_of(const storage::Store& store);

// What the one who is elected holds on a server (storage::PostgresClaim).
inline constexpr const char* claim_name = "issuer of the authority's register";

// A primary that would issue. The id tells apart two that are copies of each other: machine, host name and folder.
struct Claimant {
  std::string id;
  std::string address;  // "primary.example.com:8444"
};
// Where other appliances reach it. `join_endpoint`: endpoints/join.toml of the generation in force; one that listens at an
// address of its own is reached there, because a primary that is a copy has the same name.
[[nodiscard]] std::string address_of(const std::string& appliance_name, ByteView join_endpoint);
[[nodiscard]] Claimant claimant_of(const std::string& state_path, const std::string& address);

// For one request of the manager or the command line. On a server the primary that issues is the one whose
// chancery-authority was elected last; where none runs, whoever writes first takes its place.
void guard_for_request(storage::Store& store, const RegisterPlace& place, const Claimant& me, const Clock& clock);

// For chancery-authority: stands for election and issues while it is elected. On a file there is nobody else.
class Issuership {
 public:
  // Guards the store from now on; both are borrowed. Thread safety: look() from one thread, the rest from any.
  Issuership(storage::Store& store, const RegisterPlace& place, Claimant me, Clock clock);
  ~Issuership();

  // To be called every second: takes the claim where it is free, and tells the server that this primary lives. What is
  // not heard of for 6 s loses it. True while this primary issues. Failure("storage-unreachable") and the like: it
  // does not.
  bool look();
  bool is_ours() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// "not-the-issuer", for those who answer it over the wire.
[[nodiscard]] Failure not_the_issuer(const Issuance& present);

}  // namespace chancery::authority
