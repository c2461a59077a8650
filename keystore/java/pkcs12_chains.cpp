#include "keystore/java/pkcs12_chains.h"

#include <algorithm>

#include "keystore/java/format.h"
#include "keystore/java/java_text.h"

namespace chancery::java::pkcs12 {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t free_size = 16 * 1024 * 1024;
constexpr auto subject_key_id = "\x55\x1d\x0e"sv;
constexpr auto authority_key_id = "\x55\x1d\x23"sv;

std::string joint(std::string_view id, std::string_view alias) {
  std::string out(id);
  out += '\0';
  out += std::to_string(id.size());
  out += '\0';
  return out += alias;
}

std::string key_of(ByteView name) {
  const Bytes canonical = der::canonical_name(name);
  return {canonical.begin(), canonical.end()};
}

// The content of an extension's OCTET STRING; empty where there is none.
ByteView extension_of(ByteView certificate, std::string_view oid) {
  constexpr std::uint8_t extensions_tag = 0xa3;
  const auto outer = der::next(certificate, der::sequence);
  if (!outer) return {};
  ByteView inside = outer->content;
  const auto tbs = der::next(inside, der::sequence);
  if (!tbs) return {};
  ByteView rest = tbs->content;
  while (const auto field = der::next(rest)) {
    if (field->tag != extensions_tag) continue;
    ByteView wrapped = field->content;
    const auto list = der::next(wrapped, der::sequence);
    if (!list) return {};
    ByteView extensions = list->content;
    while (const auto extension = der::next(extensions, der::sequence)) {
      ByteView parts = extension->content;
      const auto id = der::next(parts, der::object_identifier);
      if (!id || text_of(id->content) != oid) continue;
      while (const auto part = der::next(parts)) {
        if (part->tag == der::octet_string) return part->content;
      }
    }
  }
  return {};
}

ByteView authority_of(ByteView certificate) {
  constexpr std::uint8_t key_identifier = 0x80;
  ByteView value = extension_of(certificate, authority_key_id);
  const auto list = der::next(value, der::sequence);
  if (!list) return {};
  ByteView inside = list->content;
  const auto id = der::next(inside, key_identifier);
  return id ? id->content : ByteView{};
}

ByteView identifier_of(ByteView certificate) {
  ByteView value = extension_of(certificate, subject_key_id);
  const auto id = der::next(value, der::octet_string);
  return id ? id->content : ByteView{};
}

bool equal(ByteView left, ByteView right) { return text_of(left) == text_of(right); }

}  // namespace

void Chains::add(const Bag& certificate, bool is_after_only_key) {
  all_.push_back(&certificate);
  file_size_ += certificate.value.size();
  if (!certificate.trust_attribute.empty()) return;
  std::optional<std::string_view> id;
  if (certificate.key_id) id = text_of(*certificate.key_id);
  if (!id && is_after_only_key && certificate.is_first) id = only_id;
  const std::optional<std::string> alias = certificate.name ? std::optional(to_lower(*certificate.name)) : std::nullopt;
  if (id && alias) by_id_and_alias_.try_emplace(joint(*id, *alias), &certificate);
  if (id) by_id_[std::string(*id)] = &certificate;
  if (alias) by_alias_[*alias] = &certificate;
}

const Bag* Chains::leaf_of(std::optional<std::string_view> id, const std::string& alias) const {
  const auto find = [](const auto& map, const std::string& what) {
    const auto at = map.find(what);
    return at == map.end() ? nullptr : at->second;
  };
  if (id) {
    if (const Bag* both = find(by_id_and_alias_, joint(*id, alias))) return both;
    if (const Bag* by_id = find(by_id_, std::string(*id))) return by_id;
  }
  return find(by_alias_, alias);
}

void Chains::index_subjects() {
  for (; indexed_ < all_.size(); ++indexed_) {
    const Bag* bag = all_[indexed_];
    if (const auto outline = der::outline_of(bag->value)) by_subject_[key_of(outline->subject)].push_back(bag);
  }
}

const Bag* Chains::issuer_of(const Bag& certificate) {
  const auto outline = der::outline_of(certificate.value);
  if (!outline) return nullptr;
  const std::string issuer = key_of(outline->issuer);
  if (issuer == key_of(outline->subject)) return nullptr;
  index_subjects();
  const auto found = by_subject_.find(issuer);
  if (found == by_subject_.end()) return nullptr;
  const std::vector<const Bag*>& candidates = found->second;
  const ByteView wanted = candidates.size() == 1 ? ByteView{} : authority_of(certificate.value);
  if (wanted.empty()) return candidates.front();
  const Bag* without_id = nullptr;
  for (const Bag* candidate : candidates) {
    const ByteView id = identifier_of(candidate->value);
    if (!id.empty() && equal(id, wanted)) return candidate;
    if (id.empty()) without_id = candidate;
  }
  return without_id != nullptr ? without_id : candidates.front();
}

std::vector<const Bag*> Chains::chain_of(std::optional<std::string_view> id, const std::string& alias,
                                         const std::string& source) {
  std::vector<const Bag*> chain;
  for (const Bag* next = leaf_of(id, alias); next != nullptr; next = issuer_of(*next)) {
    const bool is_loop =
        std::any_of(chain.begin(), chain.end(), [&](const Bag* one) { return equal(one->value, next->value); });
    if (is_loop) break;
    if (chain.size() >= chain_limit) {
      fail_hostile(source, "has a chain of more than " + std::to_string(chain_limit) + " certificates");
    }
    chain.push_back(next);
    chained_size_ += next->value.size();
    if (chained_size_ > free_size + 4 * file_size_) fail_hostile(source, "has many keys with one long chain");
  }
  return chain;
}

}  // namespace chancery::java::pkcs12
