#include "keystore/x509/plain_constraints.h"

#include "keystore/x509/der.h"

namespace chancery {
namespace {

constexpr std::uint8_t permitted = 0xa0, excluded = 0xa1;

bool is_plain_base(std::uint8_t tag) {
  constexpr std::uint8_t email = 0x81, dns = 0x82, uri = 0x86, address = 0x87;
  return tag == email || tag == dns || tag == uri || tag == address;
}

bool is_plain_list(ByteView subtrees) {
  while (!subtrees.empty()) {
    const auto subtree = der::next(subtrees, der::sequence);
    if (!subtree) return false;
    ByteView rest = subtree->content;
    const auto base = der::next(rest);
    if (!base || !is_plain_base(base->tag) || !rest.empty()) return false;
  }
  return true;
}

}  // namespace

bool is_plain_constraints(ByteView value) {
  const auto whole = der::next(value, der::sequence);
  if (!whole || !value.empty()) return false;
  ByteView lists = whole->content;
  for (const std::uint8_t kind : {permitted, excluded}) {
    if (const auto list = der::next(lists, kind); list && !is_plain_list(list->content)) return false;
  }
  return lists.empty();
}

}  // namespace chancery
