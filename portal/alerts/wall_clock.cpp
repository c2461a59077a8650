#include "portal/alerts/wall_clock.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace chancery::portal::alerts {

void set_time_zone(const std::string& zone) {
  // The colon: a name of the database, never a rule in words (POSIX, "TZ").
  ::setenv("TZ", (zone == "UTC" ? "UTC0" : ":" + zone).c_str(), 1);
  ::tzset();
}

WallTime wall_time(Instant now) {
  const std::time_t seconds = now.time_since_epoch().count();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> day{};
  static_cast<void>(std::strftime(day.data(), day.size(), "%Y-%m-%d", &parts));
  return {.day = day.data(), .weekday = parts.tm_wday, .minute = parts.tm_hour * 60 + parts.tm_min};
}

bool is_quiet(const std::optional<QuietHours>& quiet, const WallTime& time) {
  if (!quiet) return false;
  if (quiet->from < quiet->to) return time.minute >= quiet->from && time.minute < quiet->to;
  return time.minute >= quiet->from || time.minute < quiet->to;
}

bool is_digest_due(const DigestTime& digest, const WallTime& time, const std::string& last_day) {
  if (digest.weekday && *digest.weekday != time.weekday) return false;
  return time.minute >= digest.minute && time.day != last_day;
}

}  // namespace chancery::portal::alerts
