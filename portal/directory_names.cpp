#include "portal/directory_names.h"

#include <algorithm>
#include <string_view>

namespace chancery::portal {

namespace {

constexpr std::size_t longest_name = 128;
constexpr std::string_view placeholder = "{user}";

// "\2c": right in a DN as well as in a filter, for any byte.
std::string escaped(const std::string& value, std::string_view special, bool ends_are_special) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const auto byte = static_cast<unsigned char>(value[at]);
    const bool at_an_end = at == 0 || at + 1 == value.size();
    const bool needs = byte < 0x20 || byte == 0x7f || special.find(value[at]) != std::string_view::npos ||
                       (ends_are_special && at_an_end && (byte == ' ' || byte == '#'));
    if (!needs) {
      out += value[at];
      continue;
    }
    out += '\\';
    out += digits[byte >> 4U];
    out += digits[byte & 0xfU];
  }
  return out;
}

std::string filled(std::string pattern, const std::string& value) {
  for (std::size_t at = 0; (at = pattern.find(placeholder, at)) != std::string::npos; at += value.size()) {
    pattern.replace(at, placeholder.size(), value);
  }
  return pattern;
}

}  // namespace

bool is_user_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_name && std::none_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string with_user_in_dn(const std::string& pattern, const std::string& user) {
  return filled(pattern, escaped(user, "\"+,;<=>\\", true));
}

std::string with_user_in_filter(const std::string& pattern, const std::string& user) {
  return filled(pattern, escaped(user, "()*\\", false));
}

}  // namespace chancery::portal
