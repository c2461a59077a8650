// The time that people have on their walls, for quiet hours and digests.
//
//   set_time_zone("Europe/Berlin");                          // once, before there are threads
//   if (is_quiet(settings.quiet, wall_time(now))) …
//
// The zone is the one of this process's local time (TZ, tzset(3)): its log lines are in it, too. Rules for daylight saving
// are the C library's and the IANA database's: of an hour that there is twice both are meant, one that there is not is
// passed over. Thread safety: wall_time from any thread; set_time_zone before there are others.
#pragma once

#include <optional>
#include <string>

#include "appliance/settings/alert_settings.h"
#include "keystore/x509/instant.h"

namespace chancery::portal::alerts {

struct WallTime {
  std::string day;  // "2026-11-21"
  int weekday = 0;  // 0 is Sunday
  int minute = 0;   // after midnight
};

// Not checked here: that there is such a zone; reading the settings does that.
void set_time_zone(const std::string& zone);
[[nodiscard]] WallTime wall_time(Instant now);

[[nodiscard]] bool is_quiet(const std::optional<QuietHours>& quiet, const WallTime& time);
// The time of day has come on a day that it is meant for, and `last_day` had the last one.
[[nodiscard]] bool is_digest_due(const DigestTime& digest, const WallTime& time, const std::string& last_day);

}  // namespace chancery::portal::alerts
