#include "keystore/java/store_aliases.h"

#include <algorithm>

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

}  // namespace

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
