#include "keystore/x509/instant.h"

#include <cstdio>

#include "keystore/fault.h"

namespace chancery {
namespace {

using namespace std::chrono;

struct Parts {
  int year;
  unsigned month, day;
  long hour, minute, second;
};

Parts parts_of(Instant instant) {
  const sys_days day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss time{instant - day};
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          time.hours().count(),
          time.minutes().count(),
          time.seconds().count()};
}

std::string formatted(const char* format, const Parts& parts) {
  char text[80];
  std::snprintf(text, sizeof text, format, parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second);
  return text;
}

Failure bad_time(std::string_view text) {
  std::string shown;
  for (const char unit : text.substr(0, 60)) shown.push_back(unit >= 0x20 && unit < 0x7f ? unit : '?');
  return Failure({.code = "bad-time",
                  .subject = shown,
                  .cause = "this is not a point in time as RFC 3339 writes it",
                  .hint = "write it like 2026-11-21T10:15:00Z or 2026-11-21T12:15:00+02:00"});
}

class TimeText {
 public:
  explicit TimeText(std::string_view text) : whole_(text), rest_(text) {}

  int number(std::size_t digits) {
    if (rest_.size() < digits) throw bad_time(whole_);
    int value = 0;
    for (const char digit : rest_.substr(0, digits)) {
      if (digit < '0' || digit > '9') throw bad_time(whole_);
      value = value * 10 + (digit - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  char one_of(std::string_view allowed) {
    if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) throw bad_time(whole_);
    const char unit = rest_.front();
    rest_.remove_prefix(1);
    return unit;
  }
  void skip_fraction() {
    if (rest_.empty() || rest_.front() != '.') return;
    rest_.remove_prefix(1);
    number(1);
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') rest_.remove_prefix(1);
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view whole_;
  std::string_view rest_;
};

}  // namespace

Instant system_now() { return floor<seconds>(system_clock::now()); }

std::string to_rfc3339(Instant instant) { return formatted("%04d-%02u-%02uT%02ld:%02ld:%02ldZ", parts_of(instant)); }

std::string to_compact(Instant instant) { return formatted("%04d%02u%02uT%02ld%02ld%02ldZ", parts_of(instant)); }

Instant from_rfc3339(std::string_view text) {
  TimeText in(text);
  const year_month_day date = [&] {
    const year the_year{in.number(4)};
    in.one_of("-");
    const month the_month{static_cast<unsigned>(in.number(2))};
    in.one_of("-");
    return year_month_day{the_year, the_month, day{static_cast<unsigned>(in.number(2))}};
  }();
  in.one_of("Tt ");
  const int hour = in.number(2);
  in.one_of(":");
  const int minute = in.number(2);
  in.one_of(":");
  const int second = in.number(2);
  in.skip_fraction();
  minutes offset{0};
  const char zone = in.one_of("Zz+-");
  if (zone == '+' || zone == '-') {
    const int offset_hour = in.number(2);
    in.one_of(":");
    const int offset_minute = in.number(2);
    if (offset_hour > 23 || offset_minute > 59) throw bad_time(text);
    offset = hours{offset_hour} + minutes{offset_minute};
    if (zone == '-') offset = -offset;
  }
  if (!in.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 59) throw bad_time(text);
  return Instant{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second} - offset;
}

}  // namespace chancery
