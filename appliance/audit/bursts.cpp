#include "appliance/audit/bursts.h"

#include <algorithm>
#include <utility>

namespace chancery::audit {

Bursts::Entry& Bursts::entry_of(const std::string& what) {
  const auto found = entries_.find(what);
  if (found != entries_.end()) return found->second;
  Entry& entry = entries_[entries_.size() < most_kinds ? what : ""];
  return entry;
}

void Bursts::note(const std::string& what, Instant now) {
  put_back({.what = what, .count = 1, .first = now, .last = now});
}

void Bursts::put_back(const Burst& burst) {
  const std::lock_guard lock(mutex_);
  Burst& pending = entry_of(burst.what).pending;
  pending.first = pending.count == 0 ? burst.first : std::min(pending.first, burst.first);
  pending.last = std::max(pending.last, burst.last);
  pending.count += burst.count;
}

std::vector<Burst> Bursts::due(Instant now) { return take(false, now); }
std::vector<Burst> Bursts::all() { return take(true, {}); }

std::vector<Burst> Bursts::take(bool everything, Instant now) {
  const std::lock_guard lock(mutex_);
  std::vector<Burst> found;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    Burst& pending = entry->second.pending;
    // A clock that was set back must not hold anything back for longer than the window.
    const bool has_waited = now - entry->second.reported >= window || now < entry->second.reported;
    if (pending.count > 0 && (everything || has_waited)) {
      found.push_back(std::exchange(pending, {}));
      found.back().what = entry->first;
      entry->second.reported = now;
    } else if (pending.count == 0 && has_waited) {
      entry = entries_.erase(entry);
      continue;
    }
    ++entry;
  }
  return found;
}

}  // namespace chancery::audit
