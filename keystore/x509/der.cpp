#include "keystore/x509/der.h"

#include <algorithm>
#include <limits>

namespace chancery::der {
namespace {

constexpr std::size_t deepest_length = 4;  // length octets; 4 GiB is beyond anything that is read here

template <typename Out>
void put_length(Out& out, std::size_t length) {
  if (length < 0x80) {
    out.push_back(static_cast<std::uint8_t>(length));
    return;
  }
  std::size_t octets = 1;
  while (octets < sizeof length && (length >> (octets * 8)) != 0) ++octets;
  out.push_back(static_cast<std::uint8_t>(0x80U | octets));
  for (; octets > 0; --octets) out.push_back(static_cast<std::uint8_t>(length >> ((octets - 1) * 8)));
}

void put(Bytes& out, std::uint8_t tag, const Bytes& content) {
  out.push_back(tag);
  put_length(out, content.size());
  out.insert(out.end(), content.begin(), content.end());
}

void put_utf8(Bytes& out, std::uint32_t point) {
  const auto push = [&](std::uint32_t value) { out.push_back(static_cast<std::uint8_t>(value)); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xc0U | (point >> 6U));
    push(0x80U | (point & 0x3fU));
  } else if (point < 0x10000) {
    push(0xe0U | (point >> 12U));
    push(0x80U | ((point >> 6U) & 0x3fU));
    push(0x80U | (point & 0x3fU));
  } else {
    push(0xf0U | ((point >> 18U) & 0x7U));
    push(0x80U | ((point >> 12U) & 0x3fU));
    push(0x80U | ((point >> 6U) & 0x3fU));
    push(0x80U | (point & 0x3fU));
  }
}

// The text of a string type as UTF-8; nullopt for types that are compared byte for byte.
std::optional<Bytes> as_utf8(const Element& value) {
  constexpr std::uint8_t printable = 0x13, teletex = 0x14, ia5 = 0x16, visible = 0x1a, universal = 0x1c, bmp = 0x1e;
  Bytes out;
  const auto in_units_of = [&](std::size_t width) -> std::optional<Bytes> {
    if (value.content.size() % width != 0) return std::nullopt;
    for (std::size_t at = 0; at < value.content.size(); at += width) {
      std::uint32_t point = 0;
      for (std::size_t index = 0; index < width; ++index) point = (point << 8U) | value.content[at + index];
      put_utf8(out, point);
    }
    return out;
  };
  switch (value.tag) {
    case utf8_string:
      return Bytes(value.content.begin(), value.content.end());
    case printable:
    case teletex:
    case ia5:
    case visible:
      return in_units_of(1);
    case bmp:
      return in_units_of(2);
    case universal:
      return in_units_of(4);
    default:
      return std::nullopt;
  }
}

bool is_space(std::uint8_t unit) { return unit == ' ' || (unit >= '\t' && unit <= '\r'); }

Bytes folded(const Bytes& text) {
  Bytes out;
  out.reserve(text.size());
  bool space_due = false;
  for (const std::uint8_t unit : text) {
    if (is_space(unit)) {
      space_due = !out.empty();
      continue;
    }
    if (space_due) out.push_back(' ');
    space_due = false;
    out.push_back(unit >= 'A' && unit <= 'Z' ? static_cast<std::uint8_t>(unit + ('a' - 'A')) : unit);
  }
  return out;
}

bool put_attribute(Bytes& out, ByteView attribute) {
  const auto type = next(attribute, object_identifier);
  const auto value = next(attribute);
  if (!type || !value || !attribute.empty()) return false;
  Bytes inner(type->whole.begin(), type->whole.end());
  if (const auto text = as_utf8(*value)) {
    put(inner, utf8_string, folded(*text));
  } else {
    inner.insert(inner.end(), value->whole.begin(), value->whole.end());
  }
  put(out, sequence, inner);
  return true;
}

}  // namespace

std::optional<Element> next(ByteView& rest) {
  if (rest.size() < 2) return std::nullopt;
  const std::uint8_t tag = rest[0];
  if ((tag & 0x1fU) == 0x1fU) return std::nullopt;
  std::size_t header = 2;
  std::uint64_t length = rest[1];
  if (length >= 0x80) {
    const std::size_t octets = static_cast<std::size_t>(length & 0x7fU);
    if (octets == 0 || octets > deepest_length || rest.size() < 2 + octets) return std::nullopt;
    length = 0;
    for (std::size_t index = 0; index < octets; ++index) length = (length << 8U) | rest[2 + index];
    header += octets;
  }
  if (length > rest.size() - header) return std::nullopt;
  const std::size_t size = static_cast<std::size_t>(length);
  const Element element{tag, rest.subspan(header, size), rest.first(header + size)};
  rest = rest.subspan(header + size);
  return element;
}

std::optional<Element> next(ByteView& rest, std::uint8_t tag) {
  if (rest.empty() || rest[0] != tag) return std::nullopt;
  return next(rest);
}

std::optional<std::uint64_t> small_integer(const Element& element) {
  if (element.tag != integer || element.content.empty() || (element.content[0] & 0x80U) != 0) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::uint8_t byte : element.content) {
    if (value > (std::numeric_limits<std::int64_t>::max() >> 8U)) return std::numeric_limits<std::int64_t>::max();
    value = (value << 8U) | byte;
  }
  return value;
}

std::optional<CertificateOutline> outline_of(ByteView certificate) {
  const auto outer = next(certificate, sequence);
  if (!outer) return std::nullopt;
  ByteView inside = outer->content;
  const auto tbs = next(inside, sequence);
  if (!tbs) return std::nullopt;
  ByteView rest = tbs->content;
  if (!rest.empty() && rest[0] == context_0 && !next(rest)) return std::nullopt;
  const auto serial = next(rest, integer);
  const auto algorithm = next(rest, sequence);
  const auto issuer = next(rest, sequence);
  const auto validity = next(rest, sequence);
  const auto subject = next(rest, sequence);
  const auto key = next(rest, sequence);
  if (!serial || !algorithm || !issuer || !validity || !subject || !key) return std::nullopt;
  return CertificateOutline{issuer->whole, subject->whole, key->whole};
}

Bytes canonical_name(ByteView name) {
  const Bytes as_it_is(name.begin(), name.end());
  const auto outer = next(name, sequence);
  if (!outer || !name.empty()) return as_it_is;
  Bytes relative_names;
  ByteView rest = outer->content;
  while (!rest.empty()) {
    const auto relative = next(rest, set);
    if (!relative) return as_it_is;
    Bytes attributes;
    ByteView inside = relative->content;
    while (!inside.empty()) {
      const auto attribute = next(inside, sequence);
      if (!attribute || !put_attribute(attributes, attribute->content)) return as_it_is;
    }
    put(relative_names, set, attributes);
  }
  Bytes out;
  put(out, sequence, relative_names);
  return out;
}

SecretBytes wrapped(std::uint8_t tag, ByteView content) {
  Bytes head{tag};
  put_length(head, content.size());
  SecretBytes out(head.size() + content.size());
  std::copy(content.begin(), content.end(), std::copy(head.begin(), head.end(), out.begin()));
  return out;
}

SecretBytes sequence_of(std::initializer_list<ByteView> elements) {
  SecretBytes content;
  for (const ByteView element : elements) append(content, element);
  return wrapped(sequence, view_of(content));
}

}  // namespace chancery::der
