// One TOML file as a flat list of dotted keys, read key by key; what nobody asked for is wrong.
//
//   SettingFile file = SettingFile::parse("settings/portal.toml", bytes);
//   settings.port = file.number("port", 1, 65535).value_or(443);
//   file.finish();      // Failure("bad-setting"): "settings/portal.toml:3: unknown key prot", hint "did you mean
//   port?"
//
// Tables and dotted keys mean the same (`[collector] root-ca` is `collector.root-ca`). An alias is another spelling
// that means the same; giving both is wrong. An environment, where one is given, overrides: `collector.root-ca` is
// CHANCERY_COLLECTOR_ROOT_CA; lists are separated by commas there. All errors are Failure("bad-setting") whose subject
// is FILE:LINE or the variable. Thread safety: none needed, one per parse.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "keystore/bytes/bytes.h"
#include "keystore/fault.h"

namespace chancery {

// The value of a variable, or nullopt. Arrives as a parameter, so that tests bring their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
[[nodiscard]] Environment process_environment();

class SettingFile {
 public:
  using Keys = std::vector<std::string>;  // the right key first, then its aliases

  [[nodiscard]] static SettingFile parse(std::string file_name, ByteView toml, Environment environment = {});

  std::optional<std::string> text(const Keys& keys);
  std::optional<bool> flag(const Keys& keys);
  std::optional<std::int64_t> number(const Keys& keys, std::int64_t least, std::int64_t most);
  std::optional<std::vector<std::string>> list(const Keys& keys);
  std::optional<std::vector<std::int64_t>> numbers(const Keys& keys, std::int64_t least, std::int64_t most);
  // One of `choices`; anything else names the nearest.
  std::optional<std::string> choice(const Keys& keys, const std::vector<std::string>& choices);

  // The names that stand next after `prefix` in the file's keys: {"lab"} for "applications." and applications.lab.portal.
  std::set<std::string> names_below(const std::string& prefix) const;

  // A value of `keys` that parses and yet cannot be: Failure("bad-setting") at its line.
  [[nodiscard]] Failure wrong_value(const Keys& keys, const std::string& cause, const std::string& hint) const;
  // Call last: throws for keys that no call above has named.
  void finish() const;

 private:
  using Value = std::variant<std::string, bool, std::int64_t, std::vector<std::string>, std::vector<std::int64_t>,
                             std::monostate>;
  struct Entry {
    Value value;
    std::string where;  // "settings/portal.toml:3" or the variable's name
    bool from_environment = false;
  };
  const Entry* find(const Keys& keys);
  [[nodiscard]] Failure wrong_kind(const Entry& entry, const std::string& key, const std::string& wanted) const;

  std::string file_name_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Entry> overrides_;  // by right key, from the environment
  std::set<std::string> known_;
  Environment environment_;
};

// A TOML basic string: quoted, quotes and control characters escaped.
[[nodiscard]] std::string toml_quoted(const std::string& text);
[[nodiscard]] std::string toml_quoted(const std::vector<std::string>& words);  // ["a", "b"]

// The closest of `candidates` by edit distance, or "" when none is near (more than a third of its length away).
[[nodiscard]] std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace chancery
