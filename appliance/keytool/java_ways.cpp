#include "appliance/keytool/java_ways.h"

#include <array>
#include <chrono>
#include <ctime>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::keytool {
namespace {

constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t first_capacity = 11;
constexpr std::array weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::tm local_time(std::int64_t unix_seconds) {
  const auto moment = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  ::localtime_r(&moment, &parts);
  return parts;
}

std::string two_digits(int number) {
  std::string text = std::to_string(number);
  return text.size() < 2 ? "0" + text : text;
}

// String.hashCode.
std::int32_t java_hash(std::string_view utf8) {
  std::uint32_t hash = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto lead = static_cast<std::uint8_t>(utf8[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    std::uint32_t point = size == 1 ? lead : lead & (0xffu >> (size + 1));
    for (std::size_t more = 1; more < size && at + more < utf8.size(); ++more) {
      point = (point << 6) | (static_cast<std::uint8_t>(utf8[at + more]) & 0x3f);
    }
    at += size;
    if (point >= 0x10000) {
      hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
      point = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
    hash = hash * 31 + point;
  }
  return static_cast<std::int32_t>(hash);
}

// java.util.Hashtable: 11 buckets at first, grown to 2n+1 at three quarters, new ones at the front of their bucket, and
// enumerated from the last bucket to the first.
std::vector<const java::Entry*> as_hashtable(const std::vector<java::Entry>& entries, std::size_t capacity) {
  struct Slot {
    std::uint32_t hash;
    const java::Entry* entry;
  };
  std::vector<std::vector<Slot>> buckets(capacity);  // of each, the last is Java's first
  std::size_t count = 0;
  for (const java::Entry& entry : entries) {
    if (count >= buckets.size() * 3 / 4) {
      std::vector<std::vector<Slot>> grown(buckets.size() * 2 + 1);
      for (std::size_t at = buckets.size(); at-- > 0;) {
        for (std::size_t in = buckets[at].size(); in-- > 0;) {
          grown[buckets[at][in].hash % grown.size()].push_back(buckets[at][in]);
        }
      }
      buckets = std::move(grown);
    }
    const std::uint32_t hash = static_cast<std::uint32_t>(java_hash(entry.alias)) & 0x7fffffff;
    buckets[hash % buckets.size()].push_back({hash, &entry});
    ++count;
  }
  std::vector<const java::Entry*> order;
  order.reserve(count);
  for (std::size_t at = buckets.size(); at-- > 0;) {
    for (std::size_t in = buckets[at].size(); in-- > 0;) order.push_back(buckets[at][in].entry);
  }
  return order;
}

std::size_t grown_capacity(std::size_t count) {
  std::size_t capacity = first_capacity;
  while (count > capacity * 3 / 4) capacity = capacity * 2 + 1;
  return capacity;
}

}  // namespace

void fail_as(std::string java_class, std::string message) {
  throw Failure({.code = std::move(java_class),
                 .subject = "",
                 .cause = std::move(message),
                 .hint = "`chancery keytool -help` lists the commands; the keystore is as it was"});
}

void fail_plain(std::string message) { fail_as("java.lang.Exception", std::move(message)); }

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string medium_date(std::int64_t unix_ms) {
  const std::tm parts = local_time(unix_ms >= 0 ? unix_ms / 1000 : (unix_ms - 999) / 1000);
  return std::string(months.at(static_cast<std::size_t>(parts.tm_mon))) + " " + std::to_string(parts.tm_mday) + ", " +
         std::to_string(parts.tm_year + 1900);
}

std::string date_text(std::int64_t unix_seconds) {
  const std::tm parts = local_time(unix_seconds);
  return std::string(weekdays.at(static_cast<std::size_t>(parts.tm_wday))) + " " +
         months.at(static_cast<std::size_t>(parts.tm_mon)) + " " + two_digits(parts.tm_mday) + " " +
         two_digits(parts.tm_hour) + ":" + two_digits(parts.tm_min) + ":" + two_digits(parts.tm_sec) + " " +
         (parts.tm_zone != nullptr ? parts.tm_zone : "UTC") + " " + std::to_string(parts.tm_year + 1900);
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string colon_hex(ByteView bytes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 3);
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string hex_dump(ByteView bytes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  constexpr std::size_t width = 16;
  constexpr std::size_t text_column = 6 + width * 3 + 3;
  std::string dump;
  for (std::size_t line = 0; line < bytes.size(); line += width) {
    const ByteView part = bytes.subspan(line, std::min(width, bytes.size() - line));
    std::string row;
    for (int shift = 12; shift >= 0; shift -= 4) row += digits[(line >> shift) & 15];
    row += ": ";
    for (std::size_t at = 0; at < part.size(); ++at) {
      row += digits[part[at] >> 4];
      row += digits[part[at] & 15];
      row += at == 7 ? "   " : " ";
    }
    row.resize(text_column, ' ');
    for (const std::uint8_t byte : part) row += byte < ' ' || byte > 'z' ? '.' : static_cast<char>(byte);
    dump += row + "\n";
  }
  return dump;
}

std::string integer_hex(ByteView twos_complement) {
  Bytes magnitude(twos_complement.begin(), twos_complement.end());
  const bool negative = !magnitude.empty() && (magnitude.front() & 0x80) != 0;
  if (negative) {
    unsigned carry = 1;
    for (std::size_t at = magnitude.size(); at-- > 0;) {
      const unsigned value = static_cast<std::uint8_t>(~magnitude[at]) + carry;
      magnitude[at] = static_cast<std::uint8_t>(value);
      carry = value >> 8;
    }
  }
  std::string text = to_hex(magnitude);
  const std::size_t first = text.find_first_not_of('0');
  text = first == std::string::npos ? "0" : text.substr(first);
  return negative ? "-" + text : text;
}

std::string mime_base64(ByteView bytes) {
  const std::string flat = to_base64(bytes);
  std::string text;
  for (std::size_t at = 0; at < flat.size(); at += 64) {
    if (at != 0) text += "\r\n";
    text.append(flat, at, 64);
  }
  return text;
}

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && lower_ascii(left) == lower_ascii(right);
}

bool java_less(std::string_view left, std::string_view right) {
  const std::size_t shorter = std::min(left.size(), right.size());
  for (std::size_t at = 0; at < shorter; ++at) {
    auto a = static_cast<unsigned>(static_cast<std::uint8_t>(left[at]));
    auto b = static_cast<unsigned>(static_cast<std::uint8_t>(right[at]));
    if (a == b) continue;
    // U+E000 to U+FFFF come after the surrogates of what lies beyond them.
    if (a >= 0xee && b >= 0xee) {
      if (a < 0xf0) a += 0x20;
      if (b < 0xf0) b += 0x20;
    }
    return a < b;
  }
  return left.size() < right.size();
}

std::vector<const java::Entry*> in_java_order(const java::Keystore& store, bool loaded_twice) {
  const bool is_jceks = store.type == java::StoreType::jceks;
  if (is_jceks || store.type == java::StoreType::jks) {
    return as_hashtable(store.entries,
                        is_jceks && loaded_twice ? grown_capacity(store.entries.size()) : first_capacity);
  }
  std::vector<const java::Entry*> order;
  order.reserve(store.entries.size());
  for (const java::Entry& entry : store.entries) order.push_back(&entry);
  return order;
}

}  // namespace chancery::keytool
