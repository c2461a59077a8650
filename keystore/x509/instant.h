// Points in time, to the second, UTC. RFC 3339 in and out ("2026-11-21T10:15:00Z"; offsets are accepted when reading).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace chancery {

using Instant = std::chrono::sys_seconds;
// Time arrives as a parameter wherever a test wants to turn it.
using Clock = std::function<Instant()>;

[[nodiscard]] Instant system_now();
// Since 1970, as Java's dates count.
[[nodiscard]] inline std::int64_t milliseconds_of(Instant instant) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(instant.time_since_epoch()).count();
}
[[nodiscard]] std::string to_rfc3339(Instant instant);
[[nodiscard]] std::string to_compact(Instant instant);      // 20261121T101500Z, for file names
[[nodiscard]] Instant from_rfc3339(std::string_view text);  // Failure("bad-time")

}  // namespace chancery
