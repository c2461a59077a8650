#include "appliance/keytool/start_date.h"

#include <charconv>
#include <ctime>

#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

[[noreturn]] void refuse() { fail_as("java.io.IOException", "Illegal startdate value"); }

int digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size()) refuse();
  return value;
}

void shift(std::tm& when, char unit, int by) {
  switch (unit) {
    case 'y':
      when.tm_year += by;
      break;
    case 'm':
      when.tm_mon += by;
      break;
    case 'd':
      when.tm_mday += by;
      break;
    case 'H':
      when.tm_hour += by;
      break;
    case 'M':
      when.tm_min += by;
      break;
    case 'S':
      when.tm_sec += by;
      break;
    default:
      refuse();
  }
  when.tm_isdst = -1;
  const std::time_t settled = std::mktime(&when);
  ::localtime_r(&settled, &when);
}

void shift_all(std::tm& when, std::string_view text) {
  while (!text.empty()) {
    const int sign = text.front() == '-' ? -1 : 1;
    if (text.front() != '-' && text.front() != '+') refuse();
    text.remove_prefix(1);
    const std::size_t end = text.find_first_not_of("0123456789");
    if (end == 0 || end == std::string_view::npos || end > 9) refuse();
    shift(when, text[end], sign * digits(text.substr(0, end)));
    text.remove_prefix(end + 1);
  }
}

void set_date(std::tm& when, std::string_view text) {
  if (text[4] != '/' || text[7] != '/') refuse();
  when.tm_year = digits(text.substr(0, 4)) - 1900;
  when.tm_mon = digits(text.substr(5, 2)) - 1;
  when.tm_mday = digits(text.substr(8, 2));
}

void set_time(std::tm& when, std::string_view text) {
  if (text[2] != ':' || text[5] != ':') refuse();
  when.tm_hour = digits(text.substr(0, 2));
  when.tm_min = digits(text.substr(3, 2));
  when.tm_sec = digits(text.substr(6, 2));
}

}  // namespace

std::int64_t start_date(const std::optional<std::string>& given, std::int64_t now) {
  if (!given) return now;
  const std::string_view text = *given;
  const auto moment = static_cast<std::time_t>(now);
  std::tm when{};
  ::localtime_r(&moment, &when);
  if (text.empty()) refuse();
  if (text.front() == '+' || text.front() == '-') {
    shift_all(when, text);
  } else if (text.size() == 19 && text[10] == ' ') {
    set_date(when, text.substr(0, 10));
    set_time(when, text.substr(11));
  } else if (text.size() == 10) {
    set_date(when, text);
  } else if (text.size() == 8) {
    set_time(when, text);
  } else {
    refuse();
  }
  when.tm_isdst = -1;
  return std::mktime(&when);
}

}  // namespace chancery::keytool
