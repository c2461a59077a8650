#include "appliance/assignment/rule.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "appliance/settings/setting_file.h"
#include "keystore/fault.h"

namespace chancery::assignment {
namespace {

constexpr std::size_t most_values = 64;
constexpr std::size_t longest_value = 253;
constexpr int longest_order = 1'000'000;

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  int bits = 0;  // 32 or 128
};

std::optional<Address> address_of(const std::string& text) {
  Address address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 128;
    return address;
  }
  return std::nullopt;
}

struct Range {
  Address base;
  int prefix = 0;
};

std::optional<Range> range_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto base = address_of(text.substr(0, slash));
  if (!base) return std::nullopt;
  Range range{.base = *base, .prefix = base->bits};
  if (slash == std::string::npos) return range;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, range.prefix);
  if (error != std::errc() || stop != end || range.prefix < 0 || range.prefix > base->bits) return std::nullopt;
  return range;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool any_matches(const std::vector<std::string>& patterns, const std::string& text) {
  return std::ranges::any_of(patterns, [&](const std::string& each) { return matches_pattern(each, text); });
}

void expect_values(const SettingFile& file, const char* key, const std::vector<std::string>& values) {
  const auto is_wrong = [](const std::string& value) {
    return value.empty() || value.size() > longest_value ||
           std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  };
  if (values.size() <= most_values && std::ranges::none_of(values, is_wrong)) return;
  throw file.wrong_value({key}, std::string(key) + " has an empty value, one that is too long, or more than 64",
                         "give plain words of at most 253 characters");
}

}  // namespace

Rule parse_rule(const std::string& name, ByteView toml) {
  SettingFile file = SettingFile::parse("rules/" + name + ".toml", toml);
  const std::string prefix = "rule." + name + ".";
  const auto keys = [&prefix](const std::string& key) { return SettingFile::Keys{key, prefix + key}; };
  Rule rule;
  rule.name = name;
  rule.order = static_cast<int>(file.number(keys("order"), 0, longest_order).value_or(rule.order));
  rule.hosts = file.list(keys("host")).value_or(rule.hosts);
  rule.addresses = file.list(keys("address")).value_or(rule.addresses);
  rule.systems = file.list(keys("system")).value_or(rule.systems);
  rule.tags = file.list(keys("tag")).value_or(rule.tags);
  rule.engines = file.list(keys("engines")).value_or(rule.engines);
  rule.fall_through = file.flag(keys("fall-through")).value_or(false);
  file.finish();
  expect_values(file, "host", rule.hosts);
  expect_values(file, "address", rule.addresses);
  expect_values(file, "system", rule.systems);
  expect_values(file, "tag", rule.tags);
  expect_values(file, "engines", rule.engines);
  for (const std::string& each : rule.addresses) {
    if (is_range(each)) continue;
    throw file.wrong_value({"address"}, "\"" + each + "\" is no address and no range of them",
                           "write for instance 10.1.0.0/16, fd00::/8 or 192.0.2.7");
  }
  if (rule.engines.empty()) {
    throw file.wrong_value({"engines"}, "engines is missing", "name the engine: engines=engine1.example.com");
  }
  return rule;
}

std::string to_toml(const Rule& rule) {
  std::string text = "order = " + std::to_string(rule.order) + "\n";
  if (!rule.hosts.empty()) text += "host = " + toml_quoted(rule.hosts) + "\n";
  if (!rule.addresses.empty()) text += "address = " + toml_quoted(rule.addresses) + "\n";
  if (!rule.systems.empty()) text += "system = " + toml_quoted(rule.systems) + "\n";
  if (!rule.tags.empty()) text += "tag = " + toml_quoted(rule.tags) + "\n";
  text += "engines = " + toml_quoted(rule.engines) + "\n";
  return text + "fall-through = " + (rule.fall_through ? "true" : "false") + "\n";
}

bool matches(const Rule& rule, const Applicant& applicant) {
  if (!rule.hosts.empty() && !any_matches(rule.hosts, applicant.host)) return false;
  if (!rule.systems.empty() && !any_matches(rule.systems, applicant.system)) return false;
  if (!rule.tags.empty() &&
      std::ranges::none_of(applicant.tags, [&](const std::string& tag) { return any_matches(rule.tags, tag); })) {
    return false;
  }
  if (rule.addresses.empty()) return true;
  return std::ranges::any_of(applicant.addresses, [&](const std::string& address) {
    return std::ranges::any_of(rule.addresses, [&](const std::string& range) { return is_in_range(range, address); });
  });
}

// One place to come back to is enough: what a later star can take, an earlier one need not.
bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_took = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_took = in;
    } else if (at < pattern.size() && (pattern[at] == '?' || lower(pattern[at]) == lower(text[in]))) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++star_took;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

bool is_range(const std::string& text) { return range_of(text).has_value(); }

bool is_in_range(const std::string& text, const std::string& address) {
  const auto range = range_of(text);
  const auto one = address_of(address);
  if (!range || !one || range->base.bits != one->bits) return false;
  for (int bit = 0; bit < range->prefix; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if ((range->base.bytes[byte] & mask) != (one->bytes[byte] & mask)) return false;
  }
  return true;
}

}  // namespace chancery::assignment
