// Rules that say which engine a collector belongs to (P26), each a small TOML file of the generation: rules/<name>.toml.
//
//   order = 10                              # lower ones are asked first; equal ones by name
//   host = ["till-*", "berlin-??"]          # conditions: each one that is given must hold,
//   address = ["10.1.0.0/16"]               # by any of its values
//   system = ["*Debian*"]
//   tag = ["shop"]
//   engines = ["engine1.example.com", "engine2.example.com"]      # in order; the first that the portal reaches
//   fall-through = false                    # true: on to the next rule while none of them is reached
//
// A rule without conditions is the default for whoever comes to it. What a collector says of itself (host, system, tags,
// addresses beside the one that it is seen at) is its own word: a rule balances and sorts, it lets nobody in and keeps
// nobody out. Patterns know * and ? and no case. Failure("bad-setting") with file, line and the nearest right key.
// Thread safety: values and pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::assignment {

struct Rule {
  std::string name;
  int order = 100;
  std::vector<std::string> hosts;
  std::vector<std::string> addresses;  // "10.1.0.0/16", "fd00::/8", or one address
  std::vector<std::string> systems;
  std::vector<std::string> tags;
  std::vector<std::string> engines;  // members' names; at least one
  bool fall_through = false;
};

[[nodiscard]] Rule parse_rule(const std::string& name, ByteView toml);
[[nodiscard]] std::string to_toml(const Rule& rule);

struct Applicant {
  std::string host;
  std::string system;
  std::vector<std::string> addresses;
  std::vector<std::string> tags;
};
[[nodiscard]] bool matches(const Rule& rule, const Applicant& applicant);

[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text);
// False for anything that is no address or no range.
[[nodiscard]] bool is_in_range(const std::string& range, const std::string& address);
[[nodiscard]] bool is_range(const std::string& text);

}  // namespace chancery::assignment
