// How a member of the federation stands, judged from its entry in the roster and what the portal heard of it: what
// `federation list` calls its state, and what doctor warns of.
//
//   const Standing standing = standing_of(member, heartbeat, bench.now());
//   standing.state();       // "ok", or the first of its problems: "clock differs by 2 h"
//
// Problems, the gravest first: "missing" (nothing heard for five minutes; the rest is then old news and is not judged),
// "clock differs by …" (more than a minute), "certificate has ended" and "certificate ends in …" (within 30 days, of
// those it serves), "version differs (…)". A value.
#pragma once

#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/manager/heartbeats.h"

namespace chancery::manager {

struct Standing {
  struct Problem {
    std::string text;
    std::string hint;
  };
  Instant last_seen{};  // the join at the earliest
  std::vector<Problem> problems;
  std::string state() const { return problems.empty() ? "ok" : problems.front().text; }
};

// `heartbeat`: null where the portal has heard nothing.
[[nodiscard]] Standing standing_of(const federation::Member& member, const Heartbeat* heartbeat, Instant now);

}  // namespace chancery::manager
