#include "keystore/java/asn1.h"

#include <algorithm>

#include "keystore/bytes/large_memory.h"
#include "keystore/java/format.h"

namespace chancery::asn1 {
namespace {

constexpr int deepest = 16;
constexpr std::uint8_t indefinite = 0x80;

bool is_constructed(std::uint8_t tag) { return (tag & constructed) != 0; }

std::optional<der::Element> next_within(ByteView& rest, int depth) {
  if (rest.size() < 2 || rest[1] != indefinite) return der::next(rest);
  const std::uint8_t tag = rest[0];
  if (!is_constructed(tag) || (tag & 0x1fU) == 0x1fU || depth == 0) return std::nullopt;
  ByteView inside = rest.subspan(2);
  const auto at_marker = [&] { return inside.size() >= 2 && inside[0] == 0 && inside[1] == 0; };
  while (!at_marker()) {
    if (!next_within(inside, depth - 1)) return std::nullopt;
  }
  const std::size_t size = rest.size() - inside.size();
  const der::Element element{tag, rest.subspan(2, size - 2), rest.first(size + 2)};
  rest = rest.subspan(size + 2);
  return element;
}

bool join(ByteView pieces, SecretBytes& joined, int depth) {
  while (!pieces.empty()) {
    const auto piece = next(pieces);
    if (!piece) return false;
    if (piece->tag == der::octet_string) {
      append(joined, piece->content);
    } else if (piece->tag != (der::octet_string | constructed) || depth == 0 ||
               !join(piece->content, joined, depth - 1)) {
      return false;
    }
  }
  return true;
}

bool is_definite(ByteView bytes, int depth) {
  while (!bytes.empty()) {
    const auto element = der::next(bytes);
    if (!element) return false;
    if (is_constructed(element->tag) && (depth == 0 || !is_definite(element->content, depth - 1))) return false;
  }
  return true;
}

std::optional<SecretBytes> definite(ByteView bytes, int depth) {
  SecretBytes out;
  while (!bytes.empty()) {
    const auto element = next(bytes);
    if (!element || depth == 0) return std::nullopt;
    if (!is_constructed(element->tag)) {
      append(out, element->whole);
      continue;
    }
    const auto inside = definite(element->content, depth - 1);
    if (!inside) return std::nullopt;
    append(out, der::wrapped(element->tag, *inside));
  }
  return out;
}

}  // namespace

std::optional<der::Element> next(ByteView& rest) { return next_within(rest, deepest); }

std::optional<ByteView> octets(const der::Element& element, SecretBytes& joined) {
  if (!is_constructed(element.tag)) return element.content;
  joined.clear();
  if (!join(element.content, joined, deepest)) return std::nullopt;
  return view_of(joined);
}

bool has_definite_lengths(ByteView whole) { return is_definite(whole, deepest); }

std::optional<SecretBytes> with_definite_lengths(ByteView whole) { return definite(whole, deepest); }

void Parser::fail() const { java::fail_damaged(source_, std::string(part_) + " is broken"); }

der::Element Parser::next() {
  const auto element = asn1::next(rest_);
  if (!element) fail();
  return *element;
}

der::Element Parser::next(std::uint8_t tag) {
  const auto element = next_if(tag);
  if (!element) fail();
  return *element;
}

std::optional<der::Element> Parser::next_if(std::uint8_t tag) {
  if (rest_.empty() || rest_[0] != tag) return std::nullopt;
  return next();
}

ByteView Parser::octets(SecretBytes& joined) {
  const der::Element element = next();
  if ((element.tag & ~unsigned{constructed}) != der::octet_string) fail();
  const auto found = asn1::octets(element, joined);
  if (!found) fail();
  return *found;
}

std::uint64_t Parser::integer() {
  const auto value = der::small_integer(next(der::integer));
  if (!value) fail();
  return *value;
}

void Parser::expect_end() const {
  if (!at_end()) fail();
}

// Room in front, growing by doubling: what is there moves to the end of the new block.
std::uint8_t* DerWriter::room(std::size_t size) {
  if (size > start_) grow(std::max<std::size_t>(1024, 2 * (mark() + size)));
  start_ -= size;
  return buffer_.get() + start_;
}

void DerWriter::grow(std::size_t size) {
  DerWriter grown;
  size = large_capacity(size);
  grown.buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
  prefer_large_pages(grown.buffer_.get(), size);
  grown.size_ = size;
  grown.start_ = size - mark();
  std::copy_n(buffer_.get() + start_, mark(), grown.buffer_.get() + grown.start_);
  swap(grown);
}

void DerWriter::forget() noexcept {
  wipe(buffer_.get() + start_, mark());
  start_ = size_;
}

void DerWriter::swap(DerWriter& other) noexcept {
  std::swap(buffer_, other.buffer_);
  std::swap(size_, other.size_);
  std::swap(start_, other.start_);
}

void DerWriter::put(ByteView bytes) { std::copy(bytes.begin(), bytes.end(), room(bytes.size())); }

void DerWriter::replace_end(ByteView bytes) { std::copy_backward(bytes.begin(), bytes.end(), buffer_.get() + size_); }

void DerWriter::wrap(std::uint8_t tag, std::size_t since) {
  std::size_t length = mark() - since;
  if (length < 0x80) {
    *room(1) = static_cast<std::uint8_t>(length);
  } else {
    std::uint8_t count = 0;
    for (; length != 0; length >>= 8U, ++count) *room(1) = static_cast<std::uint8_t>(length);
    *room(1) = static_cast<std::uint8_t>(0x80U | count);
  }
  *room(1) = tag;
}

void DerWriter::element(std::uint8_t tag, ByteView content) {
  const std::size_t since = mark();
  put(content);
  wrap(tag, since);
}

void DerWriter::integer(std::uint64_t value) {
  const std::size_t since = mark();
  std::uint8_t last = 0;
  do {
    last = static_cast<std::uint8_t>(value);
    *room(1) = last;
    value >>= 8U;
  } while (value != 0);
  if ((last & 0x80U) != 0) *room(1) = 0;
  wrap(der::integer, since);
}

SecretBytes DerWriter::take() {
  SecretBytes out;
  reserve_large(out, mark());
  append(out, bytes());
  forget();
  return out;
}

}  // namespace chancery::asn1
