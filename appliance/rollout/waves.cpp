#include "appliance/rollout/waves.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "keystore/fault.h"

namespace chancery::rollout {
namespace {

constexpr std::size_t most_waves = 100;
constexpr std::size_t most_members = 1'000'000;

Failure bad_waves(std::string_view text, const std::string& cause) {
  return Failure({.code = "bad-waves",
                  .subject = std::string(text),
                  .cause = cause,
                  .hint = "give growing figures that end with everybody: --waves 1,10%,100%"});
}

// How many members are done when the wave of this figure is.
std::size_t reached(std::string_view figure, std::size_t members, std::string_view all) {
  const bool is_share = figure.ends_with('%');
  if (is_share) figure.remove_suffix(1);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(figure.data(), figure.data() + figure.size(), number);
  if (error != std::errc() || end != figure.data() + figure.size() || number == 0 || number > most_members) {
    throw bad_waves(all, "\"" + std::string(figure) + "\" is neither a number of members nor a percentage");
  }
  if (!is_share) return std::min(number, members);
  if (number > 100) throw bad_waves(all, "there is no more than 100%");
  return (members * number + 99) / 100;
}

}  // namespace

std::vector<std::size_t> parse_waves(std::string_view text, std::size_t members) {
  std::vector<std::size_t> sizes;
  std::size_t before = 0;
  std::string_view rest = text;
  for (std::size_t count = 0;; ++count) {
    if (count == most_waves) throw bad_waves(text, "it has more than " + std::to_string(most_waves) + " waves");
    const std::size_t comma = rest.find(',');
    const std::size_t now = reached(rest.substr(0, comma), members, text);
    if (now < before) throw bad_waves(text, "its figures do not grow");
    if (now > before) sizes.push_back(now - before);
    before = now;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (before != members)
    throw bad_waves(text, "it ends after " + std::to_string(before) + " of " + std::to_string(members) + " members");
  return sizes;
}

}  // namespace chancery::rollout
