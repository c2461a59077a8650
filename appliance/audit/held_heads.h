// The heads that this appliance holds for others: what a member's audit looked like when it last said so. Kept by the
// program that hears them (portal: of all engines; engine: of the portal's appliance), each in a database of its own.
//
//   HeldHeads held(storage::Database::open(databases, "portal-heads.db", HeldHeads::schema()), clock);
//   held.take("engine1.example.com", head);            // with each heartbeat
//   held.of("engine1.example.com");                    // that member asks: all of them, for its `audit verify`
//
// Nothing is ever written over. All heads of the last 7 days stay (the first 199 of a day and its newest, so that a flood
// pushes none of them out), then the first and the last of each day, for 1,500 days; the newest before a rebuild; and
// whatever was shown after a newer one (a log that went back), 200 a day. At most 500 members.
// The first key shown is pinned; a head whose keys are no succession of those pinned is kept apart, as the proof it is, and
// the Failure("audit-key-changed") says so. Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appliance/audit/head.h"
#include "appliance/storage/store.h"

namespace chancery::audit {

class HeldHeads {
 public:
  HeldHeads(std::unique_ptr<storage::Store> store, Clock clock);
  [[nodiscard]] static storage::Schema schema();

  // Failures: "bad-head" (not genuine, or of another appliance than `member`), "audit-key-changed", "audit-went-back" (kept
  // as well), "too-many" members.
  void take(const std::string& member, const SignedHead& head);
  [[nodiscard]] std::vector<SignedHead> of(const std::string& member) const;

 private:
  void expect_pinned(const std::string& member, const SignedHead& head);
  std::int64_t count_of_today(const std::string& member, bool went_back) const;
  void tidy(const std::string& member);

  std::unique_ptr<storage::Store> store_;
  Clock clock_;
};

// {"heads":[…]}: what the members-only route answers; and back, bounded.
inline constexpr const char* held_heads_route = "/api/v1/audit-heads";
[[nodiscard]] std::string held_heads_json(const std::vector<SignedHead>& heads);
[[nodiscard]] std::vector<SignedHead> held_heads_from(const std::string& body);  // Failure("bad-head")

}  // namespace chancery::audit
