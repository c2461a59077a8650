#include "appliance/settings/setting_edit.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace chancery {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* file_name = "settings";
constexpr std::size_t longest_value = 64;  // lines of a list that a person has broken

Lines lines_of(const std::string& text) {
  Lines lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

std::string text_of(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// What the file says of each setting, by its place in the catalogue; nullopt where it is no TOML.
struct Said {
  std::string text;
  bool is_said = false;
  friend bool operator==(const Said&, const Said&) = default;
};
std::optional<std::vector<Said>> said_in(const Lines& lines, const SettingFact& fact) {
  try {
    std::vector<Said> all;
    for (const SettingValue& each : read_settings(file_name, view_of(text_of(lines)), fact.program)) {
      all.push_back({.text = each.text + each.problem, .is_said = !each.where.empty()});
    }
    return all;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

std::size_t place_of(const SettingFact& fact) {
  std::size_t at = 0;
  for (const SettingFact& each : settings_of(fact.program)) {
    if (each.key == fact.key) return at;
    ++at;
  }
  return at;
}

Failure wrong_kind(const SettingFact& fact, const std::string& what) {
  return Failure({.code = "bad-setting",
                  .subject = std::string(fact.program) + "." + std::string(fact.key),
                  .cause = "must be " + what,
                  .hint = fact.example.empty()
                              ? "for example: " + std::string(fact.key) + "=" + std::string(fact.fallback)
                              : "for example: " + std::string(fact.key) + "=" + std::string(fact.example)});
}

std::vector<std::string> parts_of(const std::string& value) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= value.size();) {
    const std::size_t end = std::min(value.find(',', start), value.size());
    const std::string part = value.substr(start, end - start);
    const std::size_t first = part.find_first_not_of(' ');
    if (first != std::string::npos) parts.push_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
    start = end + 1;
  }
  return parts;
}

std::string number_text(const SettingFact& fact, const std::string& value, const char* what) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) throw wrong_kind(fact, what);
  return std::to_string(number);
}

std::string toml_value(const SettingFact& fact, const std::string& value) {
  switch (fact.kind) {
    case SettingKind::flag:
      if (value != "true" && value != "false") throw wrong_kind(fact, "true or false");
      return value;
    case SettingKind::number:
      return number_text(fact, value, "a number");
    case SettingKind::list:
      return toml_quoted(parts_of(value));
    case SettingKind::numbers: {
      std::string list;
      for (const std::string& part : parts_of(value)) {
        list += (list.empty() ? "" : ", ") + number_text(fact, part, "numbers, separated by commas");
      }
      return "[" + list + "]";
    }
    case SettingKind::text:
    case SettingKind::choice:
      break;
  }
  return toml_quoted(value);
}

// The line that the setting begins at, counted from 0.
std::optional<std::size_t> line_of(const Lines& lines, const SettingFact& fact) {
  for (const SettingValue& each : read_settings(file_name, view_of(text_of(lines)), fact.program)) {
    if (each.fact->key != fact.key || each.where.empty()) continue;
    std::size_t line = 0;
    const std::size_t colon = each.where.rfind(':');
    std::from_chars(each.where.data() + colon + 1, each.where.data() + each.where.size(), line);
    if (line > 0 && line <= lines.size()) return line - 1;
  }
  return std::nullopt;
}

struct Edit {
  const SettingFact& fact;
  std::vector<Said> wanted;  // how the file shall read afterwards
  bool fits(const Lines& lines) const {
    auto said = said_in(lines, fact);
    if (!said) return false;
    // Of a value with a secret in it not all can be compared; that it is said is what counts there.
    (*said)[place_of(fact)].text = wanted[place_of(fact)].text;
    return *said == wanted;
  }
};

Lines without(Lines lines, std::size_t first, std::size_t count) {
  const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(first);
  lines.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  return lines;
}

Lines with(Lines lines, std::size_t at, const std::string& line) {
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), line);
  return lines;
}

// "[portal.mail]" -> "portal.mail"; "" for any other line.
std::string table_of(const std::string& line) {
  const std::size_t open = line.find_first_not_of(" \t");
  if (open == std::string::npos || line[open] != '[' || line.substr(open).starts_with("[[")) return "";
  const std::size_t close = line.find(']', open);
  return close == std::string::npos ? "" : line.substr(open + 1, close - open - 1);
}

// Where it may stand: among the first lines, or below the heading of a table that it belongs to.
std::vector<Lines> placements(const Lines& lines, const SettingFact& fact, const std::string& value) {
  std::vector<Lines> all;
  const auto heading = std::ranges::find_if(lines, [](const std::string& line) { return !table_of(line).empty(); });
  all.push_back(with(lines, static_cast<std::size_t>(heading - lines.begin()), std::string(fact.key) + " = " + value));
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const std::string table = table_of(lines[at]);
    if (table.empty()) continue;
    for (const std::string& key : keys_of(fact)) {
      if (key.starts_with(table + "."))
        all.push_back(with(lines, at + 1, key.substr(table.size() + 1) + " = " + value));
    }
  }
  return all;
}

}  // namespace

std::string with_setting(const std::string& toml, const SettingFact& fact, const std::string& value) {
  Lines lines = lines_of(toml);
  const auto before = said_in(lines, fact);
  Edit edit{.fact = fact, .wanted = before.value_or(std::vector<Said>())};
  const Failure unchangeable({.code = "bad-setting",
                              .subject = std::string(fact.program) + ".toml",
                              .cause = std::string(fact.key) + " stands there in a way that no program can change",
                              .hint = "put it on a line of its own, by its whole name, then repeat"});
  if (!before) {
    static_cast<void>(read_settings(std::string(fact.program) + ".toml", view_of(toml), fact.program));  // says why
    throw unchangeable;
  }
  const std::size_t place = place_of(fact);
  std::string key(fact.key);
  std::optional<std::size_t> present = line_of(lines, fact);
  if (present) {
    key = lines[*present].substr(0, lines[*present].find('='));
    edit.wanted[place].is_said = false;
    std::optional<Lines> rest;
    for (std::size_t count = 1; count <= longest_value && *present + count <= lines.size() && !rest; ++count) {
      Lines candidate = without(lines, *present, count);
      if (edit.fits(candidate)) rest = std::move(candidate);
    }
    if (!rest) throw unchangeable;
    lines = std::move(*rest);
  }
  if (value.empty()) return text_of(lines);
  const std::string written = toml_value(fact, value);
  edit.wanted[place].is_said = true;
  std::vector<Lines> candidates;
  if (present) candidates.push_back(with(lines, *present, key + "= " + written));
  for (Lines& each : placements(lines, fact, written)) candidates.push_back(std::move(each));
  for (const Lines& candidate : candidates) {
    if (edit.fits(candidate)) return text_of(candidate);
  }
  throw unchangeable;
}

}  // namespace chancery
