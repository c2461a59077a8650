#include "appliance/settings/setting_file.h"

#include "keystore/fault.h"

// toml++ 3.2 meets some bad input ("[{") with an assertion, and compiled with NDEBUG it takes the assertion for a fact and
// goes on. Here it is what it means: not TOML. Its parser is compiled into this file alone.
namespace {
[[noreturn]] void refuse_toml() {
  throw chancery::Failure({.code = "bad-setting",
                           .subject = "",
                           .cause = "is not TOML",
                           .hint = "look for stray brackets and quotes; text values stand in double quotes"});
}
}  // namespace
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : refuse_toml())
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace chancery {
namespace {

std::size_t edit_distance(const std::string& left, const std::string& right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above + 1, row[j - 1] + 1});
      diagonal = above;
    }
  }
  return row.back();
}

std::string variable_name(const std::string& key) {
  std::string name = "CHANCERY_";
  for (const char c : key) {
    name += (c == '.' || c == '-') ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    std::string part = text.substr(start, end - start);
    const std::size_t first = part.find_first_not_of(' ');
    const std::size_t last = part.find_last_not_of(' ');
    if (first != std::string::npos) parts.push_back(part.substr(first, last - first + 1));
    start = end + 1;
  }
  return parts;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string toml_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(byte));
    out += escape.data();
  }
  return out + "\"";
}

std::string toml_quoted(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + toml_quoted(word);
  return "[" + list + "]";
}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::string::npos;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (best.empty() || best_distance > std::max<std::size_t>(2, best.size() / 3)) return "";
  return best;
}

SettingFile SettingFile::parse(std::string file_name, ByteView toml_bytes, Environment environment) {
  SettingFile file;
  file.file_name_ = std::move(file_name);
  file.environment_ = std::move(environment);
  toml::table table;
  try {
    table = toml::parse(text_of(toml_bytes), file.file_name_);
  } catch (const toml::parse_error& error) {
    throw Failure({.code = "bad-setting",
                   .subject = file.file_name_ + ":" + std::to_string(error.source().begin.line),
                   .cause = "is not TOML: " + std::string(error.description()),
                   .hint = "correct this line; text values stand in double quotes"});
  } catch (const Failure& refused) {
    throw Failure(
        {.code = refused.code(), .subject = file.file_name_, .cause = refused.cause(), .hint = refused.hint()});
  }
  const auto flatten = [&file](const auto& self, const toml::table& level, const std::string& prefix) -> void {
    for (const auto& [name, node] : level) {
      const std::string key = prefix + std::string(name.str());
      if (const toml::table* inner = node.as_table()) {
        self(self, *inner, key + ".");
        continue;
      }
      Value value = std::monostate{};
      if (const auto* text = node.as_string()) value = text->get();
      if (const auto* flag = node.as_boolean()) value = flag->get();
      if (const auto* number = node.as_integer()) value = number->get();
      if (const toml::array* array = node.as_array()) {
        std::vector<std::string> words;
        std::vector<std::int64_t> numbers;
        for (const toml::node& element : *array) {
          if (const auto* word = element.as_string()) words.push_back(word->get());
          if (const auto* one = element.as_integer()) numbers.push_back(one->get());
        }
        if (numbers.size() == array->size() && !numbers.empty()) value = std::move(numbers);
        if (words.size() == array->size()) value = std::move(words);
      }
      file.entries_[key] = {std::move(value), file.file_name_ + ":" + std::to_string(node.source().begin.line)};
    }
  };
  flatten(flatten, table, "");
  return file;
}

const SettingFile::Entry* SettingFile::find(const Keys& keys) {
  known_.insert(keys.begin(), keys.end());
  const Entry* found = nullptr;
  for (const std::string& key : keys) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) continue;
    if (found != nullptr) {
      throw Failure({.code = "bad-setting",
                     .subject = entry->second.where,
                     .cause = key + " says again what " + found->where + " says",
                     .hint = "keep one of the two; the right name is " + keys.front()});
    }
    found = &entry->second;
  }
  if (environment_) {
    const std::string name = variable_name(keys.front());
    if (auto value = environment_(name)) {
      Entry& entry = overrides_[keys.front()];
      entry = {std::move(*value), name, true};
      return &entry;
    }
  }
  return found;
}

Failure SettingFile::wrong_kind(const Entry& entry, const std::string& key, const std::string& wanted) const {
  return Failure({.code = "bad-setting",
                  .subject = entry.where,
                  .cause = key + " must be " + wanted,
                  .hint = "give " + key + " as " + wanted + (wanted == "text" ? " in double quotes" : "")});
}

std::optional<std::string> SettingFile::text(const Keys& keys) {
  const Entry* entry = find(keys);
  if (entry == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&entry->value)) return *text;
  throw wrong_kind(*entry, keys.front(), "text");
}

std::optional<bool> SettingFile::flag(const Keys& keys) {
  const Entry* entry = find(keys);
  if (entry == nullptr) return std::nullopt;
  if (const bool* flag = std::get_if<bool>(&entry->value)) return *flag;
  if (entry->from_environment) {
    const std::string& text = std::get<std::string>(entry->value);
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
  }
  throw wrong_kind(*entry, keys.front(), "true or false");
}

std::optional<std::int64_t> SettingFile::number(const Keys& keys, std::int64_t least, std::int64_t most) {
  const Entry* entry = find(keys);
  if (entry == nullptr) return std::nullopt;
  std::optional<std::int64_t> number;
  if (const auto* given = std::get_if<std::int64_t>(&entry->value)) number = *given;
  if (entry->from_environment) {
    const std::string& text = std::get<std::string>(entry->value);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) number = value;
  }
  if (!number || *number < least || *number > most) {
    throw wrong_kind(*entry, keys.front(), "a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

std::optional<std::vector<std::string>> SettingFile::list(const Keys& keys) {
  const Entry* entry = find(keys);
  if (entry == nullptr) return std::nullopt;
  if (const auto* words = std::get_if<std::vector<std::string>>(&entry->value)) return *words;
  if (entry->from_environment) return split_commas(std::get<std::string>(entry->value));
  throw wrong_kind(*entry, keys.front(), "a list of texts, [\"a\", \"b\"]");
}

std::optional<std::vector<std::int64_t>> SettingFile::numbers(const Keys& keys, std::int64_t least, std::int64_t most) {
  const Entry* entry = find(keys);
  if (entry == nullptr) return std::nullopt;
  const Failure wrong = wrong_kind(*entry, keys.front(),
                                   "a list of numbers from " + std::to_string(least) + " to " + std::to_string(most));
  std::vector<std::int64_t> found;
  if (entry->from_environment) {
    for (const std::string& part : split_commas(std::get<std::string>(entry->value))) {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
      if (error != std::errc() || end != part.data() + part.size()) throw wrong;
      found.push_back(value);
    }
  } else if (const auto* given = std::get_if<std::vector<std::int64_t>>(&entry->value)) {
    found = *given;
  } else if (const auto* nothing = std::get_if<std::vector<std::string>>(&entry->value);
             nothing == nullptr || !nothing->empty()) {
    throw wrong;
  }
  if (std::any_of(found.begin(), found.end(), [&](std::int64_t one) { return one < least || one > most; })) throw wrong;
  return found;
}

std::optional<std::string> SettingFile::choice(const Keys& keys, const std::vector<std::string>& choices) {
  std::optional<std::string> given = text(keys);
  if (!given || std::find(choices.begin(), choices.end(), *given) != choices.end()) return given;
  const std::string near = nearest(*given, choices);
  throw wrong_value(keys, keys.front() + " cannot be \"" + *given + "\"",
                    (near.empty() ? "" : "did you mean \"" + near + "\"? ") + "it may be: " + join(choices));
}

std::set<std::string> SettingFile::names_below(const std::string& prefix) const {
  std::set<std::string> names;
  for (const auto& [key, entry] : entries_) {
    if (!key.starts_with(prefix)) continue;
    const std::string rest = key.substr(prefix.size());
    if (const std::size_t end = rest.find('.'); end != std::string::npos) names.insert(rest.substr(0, end));
  }
  return names;
}

Failure SettingFile::wrong_value(const Keys& keys, const std::string& cause, const std::string& hint) const {
  std::string where = file_name_;
  for (const std::string& key : keys) {
    if (const auto entry = entries_.find(key); entry != entries_.end()) where = entry->second.where;
  }
  if (const auto entry = overrides_.find(keys.front()); entry != overrides_.end()) where = entry->second.where;
  return Failure({.code = "bad-setting", .subject = where, .cause = cause, .hint = hint});
}

void SettingFile::finish() const {
  for (const auto& [key, entry] : entries_) {
    if (known_.contains(key)) continue;
    const std::vector<std::string> candidates(known_.begin(), known_.end());
    const std::string near = nearest(key, candidates);
    throw Failure({.code = "bad-setting",
                   .subject = entry.where,
                   .cause = "unknown key " + key,
                   .hint = near.empty() ? "the keys here are: " + join(candidates) : "did you mean " + near + "?"});
  }
}

}  // namespace chancery
