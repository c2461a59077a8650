// The CA certificates decoded last. For sources (.cpp) only.
//
// One stands in every chain that is read, and with name constraints for hundreds of names it takes as long to decode as
// hundreds of leaves. At most 128 of at most 64 KiB each: a federation keeps those that it has retired, and reads them
// with the rest. By their digest's first byte in sets of four. Thread safety: any threads.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "keystore/openssl/digest.h"

namespace chancery {

template <typename State>
class RecentAuthorities {
 public:
  std::shared_ptr<const State> find(const Sha256& digest) const {
    const std::lock_guard lock(mutex_);
    for (const Kept& each : sets_[digest.front() % sets_.size()].kept) {
      if (each.state && each.digest == digest) return each.state;
    }
    return nullptr;
  }
  void keep(const Sha256& digest, const std::shared_ptr<const State>& state) {
    if (!state->is_ca || state->der.size() > largest_kept) return;
    std::shared_ptr<const State> gone;  // freed outside the lock
    const std::lock_guard lock(mutex_);
    Set& set = sets_[digest.front() % sets_.size()];
    Kept& place = set.kept[set.next++ % set.kept.size()];
    gone = std::exchange(place.state, state);
    place.digest = digest;
  }

 private:
  static constexpr std::size_t largest_kept = std::size_t{64} * 1024;
  struct Kept {
    Sha256 digest{};
    std::shared_ptr<const State> state;
  };
  struct Set {
    std::array<Kept, 4> kept;
    std::size_t next = 0;
  };
  mutable std::mutex mutex_;
  std::array<Set, 32> sets_;
};

}  // namespace chancery
