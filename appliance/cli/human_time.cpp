#include "appliance/cli/human_time.h"

#include <optional>

#include "keystore/fault.h"

namespace chancery::cli {
namespace {

std::string counted(long long count, const char* unit) {
  return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
}

std::string span_of(long long total) {
  constexpr long long kMinute = 60;
  constexpr long long kHour = 60 * kMinute;
  constexpr long long kDay = 24 * kHour;
  // Rounded: a certificate for 300 days ends in 300 days also a second after it was made.
  const auto rounded = [total](long long unit) { return (total + unit / 2) / unit; };
  if (total < 2 * kMinute) return counted(total, "second");
  if (total < 2 * kHour) return counted(rounded(kMinute), "minute");
  if (total < 2 * kDay) return counted(rounded(kHour), "hour");
  if (total < 730 * kDay) return counted(rounded(kDay), "day");
  return counted(total / (365 * kDay), "year");
}

std::optional<Instant> parsed(const std::string& rfc3339) {
  try {
    return from_rfc3339(rfc3339);
  } catch (const Failure&) {
    return std::nullopt;
  }
}

}  // namespace

std::string relative(Instant instant, Instant now) {
  const long long away = (instant - now).count();
  if (away == 0) return "now";
  return away > 0 ? "in " + span_of(away) : span_of(-away) + " ago";
}

std::string relative(const std::string& rfc3339, Instant now) {
  const std::optional<Instant> instant = parsed(rfc3339);
  return instant ? relative(*instant, now) : rfc3339;
}

Text ending(const std::string& rfc3339, Instant now) {
  const std::optional<Instant> instant = parsed(rfc3339);
  if (!instant) return rfc3339;
  const std::string text = relative(*instant, now);
  if (*instant <= now) return painted(Colour::red, text);
  return painted(*instant - now < std::chrono::hours(24 * 30) ? Colour::yellow : Colour::plain, text);
}

std::string dated(const std::string& rfc3339, Instant now) {
  const std::optional<Instant> instant = parsed(rfc3339);
  if (!instant) return rfc3339;
  const std::string exact = to_rfc3339(*instant);
  return exact.substr(0, 10) + " " + exact.substr(11, 5) + " UTC (" + relative(*instant, now) + ")";
}

}  // namespace chancery::cli
