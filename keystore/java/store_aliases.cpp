#include "keystore/java/store_aliases.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "keystore/fault.h"
#include "keystore/java/java_text.h"

namespace chancery::java {
namespace {

constexpr std::size_t longest_derived = 64;
constexpr std::size_t short_fingerprint = 8;

// The value of the most specific part of a name as RFC 4514 writes it ("OU=Class 2\, EV,O=Example" -> "Class 2, EV").
std::string first_value(const std::string& subject) {
  std::string value;
  const std::size_t equals = subject.find('=');
  if (equals == std::string::npos) return value;
  for (std::size_t at = equals + 1; at < subject.size(); ++at) {
    if (subject[at] == ',' || subject[at] == '+') break;
    if (subject[at] == '\\' && at + 1 < subject.size()) ++at;
    value.push_back(subject[at]);
  }
  return value;
}

bool stays(unsigned char unit) {
  return unit >= 0x80 || (unit >= '0' && unit <= '9') || (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z');
}

std::string readable(const std::string& name) {
  std::string out;
  for (const char unit : name) {
    if (stays(static_cast<unsigned char>(unit))) {
      out.push_back(unit);
    } else if (!out.empty() && out.back() != '-') {
      out.push_back('-');
    }
  }
  if (out.size() > longest_derived) {
    std::size_t end = longest_derived;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0U) == 0x80U) --end;  // not within a character
    out.resize(end);
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return to_lower(out);
}

// True only where no two aliases are the same. False also where that was not found out in a few steps for each: nobody
// can make this slow by choosing aliases.
bool all_differ(const std::vector<Entry>& entries) {
  std::vector<std::uint32_t> table(std::bit_ceil(entries.size() * 3 / 2 + 1));
  std::size_t steps_left = entries.size() * 8;
  for (const Entry& entry : entries) {
    const std::uint64_t hash = std::hash<std::string>()(entry.alias);
    const std::uint32_t mark = static_cast<std::uint32_t>(hash >> 32U) | 1U;  // 0 is a free place
    std::size_t at = hash & (table.size() - 1);
    for (; table[at] != 0; at = (at + 1) & (table.size() - 1)) {
      if (table[at] == mark || steps_left-- == 0) return false;
    }
    table[at] = mark;
  }
  return true;
}

}  // namespace

// Sorted by hash, and by alias only where hashes are equal: nobody can make this slow either.
void keep_last_of_same_alias(std::vector<Entry>& entries) {
  if (all_differ(entries)) return;
  struct Place {
    std::size_t hash;
    std::size_t index;
  };
  std::vector<Place> places(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) places[i] = {std::hash<std::string>()(entries[i].alias), i};
  std::sort(places.begin(), places.end(), [&entries](const Place& left, const Place& right) {
    if (left.hash != right.hash) return left.hash < right.hash;
    const int order = entries[left.index].alias.compare(entries[right.index].alias);
    return order != 0 ? order < 0 : left.index < right.index;
  });
  std::vector<bool> replaced;
  for (std::size_t i = 1; i < places.size(); ++i) {
    if (places[i - 1].hash != places[i].hash) continue;
    if (entries[places[i - 1].index].alias != entries[places[i].index].alias) continue;
    replaced.resize(entries.size());
    replaced[places[i - 1].index] = true;
  }
  if (replaced.empty()) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (replaced[i]) continue;
    if (kept != i) entries[kept] = std::move(entries[i]);
    ++kept;
  }
  entries.resize(kept);
}

// A few are looked for one by one: to write down ten thousand names takes longer.
bool AliasBook::is_taken(const std::string& alias) const {
  const std::string stored = stored_alias(type_, alias);
  if (taken_.contains(stored)) return true;
  if (store_ == nullptr) return false;
  constexpr int few = 4;
  if (++asked_ <= few) return find_entry(*store_, stored) != nullptr;
  taken_.reserve(taken_.size() + store_->entries.size());
  for (const Entry& entry : store_->entries) taken_.insert(stored_alias(type_, entry.alias));
  store_ = nullptr;
  return taken_.contains(stored);
}

std::string AliasBook::take(const std::string& alias) {
  if (is_taken(alias)) {
    throw Failure({.code = "alias-exists",
                   .subject = alias,
                   .cause = "the keystore has an entry under this alias already",
                   .hint = "choose another alias, or delete or rename the entry that is there"});
  }
  return *taken_.insert(stored_alias(type_, alias)).first;
}

std::string AliasBook::derived(const Certificate& certificate) const {
  std::string name = readable(certificate.common_name());
  if (name.empty()) name = readable(first_value(certificate.subject()));
  if (name.empty()) name = "certificate";
  if (!is_taken(name)) return name;
  const std::string& fingerprint = certificate.fingerprint();
  std::string longer = name + "-" + fingerprint.substr(0, short_fingerprint);
  return is_taken(longer) ? numbered(name + "-" + fingerprint) : longer;
}

std::string AliasBook::numbered(const std::string& alias) const {
  std::string candidate = alias;
  for (std::size_t number = 2; is_taken(candidate); ++number) candidate = nth_alias(alias, number);
  return candidate;
}

std::string nth_alias(const std::string& alias, std::size_t number) {
  return number < 2 ? alias : alias + "-" + std::to_string(number);
}

void expect_sane_alias(const std::string& alias) {
  const bool has_control = std::any_of(
      alias.begin(), alias.end(), [](char unit) { return static_cast<unsigned char>(unit) < 0x20 || unit == 0x7f; });
  if (!alias.empty() && !has_control) return;
  throw Failure({.code = "bad-alias",
                 .subject = "",
                 .cause = alias.empty() ? "the alias is empty" : "the alias holds control characters",
                 .hint = "give a name that a person can type"});
}

}  // namespace chancery::java
