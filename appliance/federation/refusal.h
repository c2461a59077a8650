// How the authority turns a joiner or a member down, and what it demands of every CSR. Internal to
// appliance/federation.
#pragma once

#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/federation/transcript.h"

namespace chancery::federation {

// What the other side is told, and the reason for the log. Thrown, and caught before it leaves the folder.
struct Refusal {
  Admission::WireAnswer answer;
  std::string reason;
};

[[nodiscard]] Admission::WireAnswer wire(int status, const char* code, const char* message, const char* hint,
                                         Instant now);
// Nothing in the answer depends on the reason, not even its length.
[[noreturn]] void refuse(const std::string& reason, Exchange exchange = Exchange::join);
// The other side's clock, an hour off at most; who is told has proven itself before.
void check_clock(std::int64_t their_time, Instant now);
// Identities of this role, each once; each key once, of a kind that we take, and proven; no names but these.
void check_each(const std::vector<IdentityRequest>& requests, const std::string& role,
                const std::vector<std::string>& names, Exchange exchange = Exchange::join);

}  // namespace chancery::federation
