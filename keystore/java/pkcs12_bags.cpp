#include "keystore/java/pkcs12_bags.h"

#include <algorithm>

#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/utf8.h"

namespace chancery::java::pkcs12 {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto bag_arc = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"sv;  // the last arc follows
constexpr auto x509_certificate = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"sv;
constexpr auto shrouded_key_bag = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02"sv;
constexpr auto friendly_name = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14"sv;
constexpr auto local_key_id = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15"sv;
constexpr auto trusted_key_usage = "\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01"sv;
constexpr auto any_usage = "\x55\x1d\x25\x00"sv;

constexpr std::size_t typical_size = 512;  // of a bag

BagKind kind_from(ByteView oid) {
  if (oid.size() != bag_arc.size() + 1 || text_of(oid.first(bag_arc.size())) != bag_arc) return BagKind::other;
  const std::uint8_t arc = oid.back();
  return arc <= static_cast<std::uint8_t>(BagKind::safe_contents) ? static_cast<BagKind>(arc) : BagKind::other;
}

std::optional<std::string> from_utf16(ByteView units) {
  if (units.size() % 2 != 0) return std::nullopt;
  constexpr char32_t replacement = 0xfffd;
  std::string out;
  char32_t high = 0;
  for (std::size_t at = 0; at < units.size(); at += 2) {
    const char32_t unit = (char32_t{units[at]} << 8U) | units[at + 1];
    const bool is_low = unit >= 0xdc00 && unit < 0xe000;
    if (high != 0) {
      put_utf8(out, is_low ? 0x10000 + ((high - 0xd800) << 10U) + (unit - 0xdc00) : replacement);
      high = 0;
      if (is_low) continue;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
      high = unit;
    } else {
      put_utf8(out, is_low ? replacement : unit);
    }
  }
  if (high != 0) put_utf8(out, replacement);
  return out;
}

Bytes to_utf16(std::string_view text) {
  Bytes out;
  out.reserve(2 * text.size());
  const auto put = [&out](char32_t unit) {
    out.push_back(static_cast<std::uint8_t>(unit >> 8U));
    out.push_back(static_cast<std::uint8_t>(unit));
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto point = next_utf8(text, at);
    if (!point) {
      throw Failure({.code = "bad-encoding",
                     .subject = "alias",
                     .cause = "is not UTF-8",
                     .hint = "give it as UTF-8 (`locale` shows what your terminal uses)"});
    }
    if (*point < 0x10000) {
      put(*point);
    } else {
      put(0xd800 + ((*point - 0x10000) >> 10U));
      put(0xdc00 + ((*point - 0x10000) & 0x3ffU));
    }
  }
  return out;
}

// RFC 2985 has BMPString here; some write UTF8String.
std::optional<std::string> name_from(const der::Element& value) {
  if (value.tag == asn1::bmp_string) return from_utf16(value.content);
  if (value.tag != der::utf8_string) return std::nullopt;
  const std::string_view text = text_of(value.content);
  for (std::size_t at = 0; at < text.size();) {
    if (!next_utf8(text, at)) return std::nullopt;
  }
  return std::string(text);
}

ByteView id_of(ByteView attribute) {
  const auto outer = asn1::next(attribute);
  if (!outer) return {};
  ByteView inside = outer->content;
  const auto oid = der::next(inside, der::object_identifier);
  return oid ? oid->content : ByteView{};
}

void write_attribute(asn1::DerWriter& out, std::string_view oid, std::uint8_t tag, ByteView value) {
  const std::size_t end = out.mark();
  out.element(tag, value);
  out.wrap(der::set, end);
  out.oid(view_of(oid));
  out.wrap(der::sequence, end);
}

void write_attributes(asn1::DerWriter& out, const BagAttributes& attributes) {
  const std::size_t end = out.mark();
  bool is_trust_written = !attributes.is_trusted;
  if (attributes.others != nullptr) {
    for (auto at = attributes.others->rbegin(); at != attributes.others->rend(); ++at) {
      const std::string_view oid = text_of(id_of(*at));
      if (oid == friendly_name && (attributes.name != nullptr || !attributes.name_attribute.empty())) continue;
      if (oid == local_key_id && attributes.key_id) continue;
      if (oid == trusted_key_usage && is_trust_written) continue;
      if (oid == trusted_key_usage) is_trust_written = true;
      out.put(*at);
    }
  }
  if (!is_trust_written) write_attribute(out, trusted_key_usage, der::object_identifier, view_of(any_usage));
  if (attributes.key_id) write_attribute(out, local_key_id, der::octet_string, *attributes.key_id);
  if (!attributes.name_attribute.empty()) {
    out.put(attributes.name_attribute);
  } else if (attributes.name != nullptr) {
    write_attribute(out, friendly_name, asn1::bmp_string, to_utf16(*attributes.name));
  }
  if (out.mark() != end) out.wrap(der::set, end);
}

template <typename WriteValue>
void put_bag(asn1::DerWriter& out, BagKind kind, const BagAttributes& attributes, WriteValue write_value) {
  const std::size_t end = out.mark();
  write_attributes(out, attributes);
  const std::size_t inside = out.mark();
  write_value();
  out.wrap(der::context_0, inside);
  const std::size_t oid = out.mark();
  const std::uint8_t arc = static_cast<std::uint8_t>(kind);
  out.put({&arc, 1});
  out.put(view_of(bag_arc));
  out.wrap(der::object_identifier, oid);
  out.wrap(der::sequence, end);
}

}  // namespace

ByteView BagReader::keep(SecretBytes bytes) {
  kept_.push_back(std::move(bytes));
  return kept_.back();
}

void BagReader::read_decrypted(SecretBytes safe_contents) {
  part_ = std::make_shared<const SecretBytes>(std::move(safe_contents));
  read(*part_, true);
  part_.reset();
}

ByteView BagReader::definite(ByteView whole, const asn1::Parser& in) {
  if (asn1::has_definite_lengths(whole)) return whole;
  auto made = asn1::with_definite_lengths(whole);
  if (!made) in.fail();
  return keep(std::move(*made));
}

void BagReader::read(ByteView safe_contents, bool is_encrypted, int depth) {
  if (depth == 0) fail_hostile(source_, "its parts are nested too deeply");
  asn1::Parser outer(safe_contents, source_, "a part of it");
  asn1::Parser bags = outer.sequence();
  outer.expect_end();
  reserve_at_once(bags_, bags_.size() + safe_contents.size() / typical_size);
  for (bool is_first = true; !bags.at_end(); is_first = false) {
    if (bags_.size() >= entry_limit) fail_hostile(source_, "has more than " + std::to_string(entry_limit) + " entries");
    const der::Element element = bags.next(der::sequence);
    asn1::Parser in(element.content, source_, "an entry");
    Bag bag;
    bag.kind = kind_from(in.next(der::object_identifier).content);
    bag.part = part_;
    bag.is_encrypted = is_encrypted;
    bag.is_first = is_first;
    asn1::Parser value = in.tagged_0();
    if (bag.kind == BagKind::safe_contents) {
      read(value.next(der::sequence).whole, is_encrypted, depth - 1);
      continue;
    }
    bag.whole = element.whole;
    read_value(value, bag);
    if (const auto attributes = in.next_if(der::set)) {
      read_attributes({attributes->content, source_, "an attribute"}, bag);
    }
    in.expect_end();
    if (bag.kind == BagKind::other || bag.kind == BagKind::crl) bag.whole = definite(element.whole, in);
    bags_.push_back(std::move(bag));
  }
}

void BagReader::read_value(asn1::Parser value, Bag& bag) {
  const der::Element element = value.next();
  value.expect_end();
  if (bag.kind == BagKind::certificate) {
    asn1::Parser in(element.content, source_, "a certificate");
    if (element.tag != der::sequence) in.fail();
    if (text_of(in.next(der::object_identifier).content) != x509_certificate) {
      bag.kind = BagKind::other;
      return;
    }
    asn1::Parser tagged = in.tagged_0();
    SecretBytes joined;
    bag.value = tagged.octets(joined);
    if (!joined.empty()) bag.value = keep(std::move(joined));
    tagged.expect_end();
    in.expect_end();
    return;
  }
  bag.value = element.whole;
  if (bag.kind == BagKind::other || bag.kind == BagKind::crl) return;
  bag.value = definite(element.whole, value);
  SecretBytes joined;
  if (bag.kind == BagKind::secret && !encrypted_key_of(bag.value, joined)) bag.kind = BagKind::other;
}

void BagReader::read_attributes(asn1::Parser attributes, Bag& bag) {
  while (!attributes.at_end()) {
    const ByteView whole = attributes.next(der::sequence).whole;
    const ByteView attribute = definite(whole, attributes);
    asn1::Parser outer(attribute, source_, "an attribute");
    asn1::Parser in = outer.sequence();
    const std::string_view oid = text_of(in.next(der::object_identifier).content);
    const ByteView set = in.next(der::set).content;
    in.expect_end();
    ByteView rest = set;
    const auto value = der::next(rest);
    if (oid == friendly_name && value) bag.name = name_from(*value);
    if (oid == friendly_name && value && bag.name) {
      bag.name_attribute = attribute;
    } else if (oid == local_key_id && value && value->tag == der::octet_string) {
      bag.key_id = value->content;
      bag.key_id_attribute = attribute;
    } else if (oid == trusted_key_usage) {
      bag.trust_attribute = attribute;
    } else {
      bag.attributes.push_back(attribute);
    }
  }
}

bool is_trust_attribute_of_ours(ByteView attribute) {
  static const SecretBytes ours = [] {
    asn1::DerWriter out;
    write_attribute(out, trusted_key_usage, der::object_identifier, view_of(any_usage));
    return out.take();
  }();
  return text_of(attribute) == text_of(ours);
}

void write_bag(asn1::DerWriter& out, BagKind kind, ByteView value, const BagAttributes& attributes) {
  put_bag(out, kind, attributes, [&] { out.put(value); });
}

void write_certificate(asn1::DerWriter& out, ByteView certificate, const BagAttributes& attributes) {
  put_bag(out, BagKind::certificate, attributes, [&] {
    const std::size_t end = out.mark();
    out.octets(certificate);
    out.wrap(der::context_0, end);
    out.oid(view_of(x509_certificate));
    out.wrap(der::sequence, end);
  });
}

SecretBytes secret_value(ByteView encrypted_key) {
  asn1::DerWriter out;
  out.octets(encrypted_key);
  out.wrap(der::context_0, 0);
  out.oid(view_of(shrouded_key_bag));
  out.wrap(der::sequence, 0);
  return out.take();
}

std::optional<ByteView> encrypted_key_of(ByteView secret_value, SecretBytes& joined) {
  const auto outer = der::next(secret_value, der::sequence);
  if (!outer || !secret_value.empty()) return std::nullopt;
  ByteView inside = outer->content;
  const auto oid = der::next(inside, der::object_identifier);
  const auto tagged = der::next(inside, der::context_0);
  if (!oid || text_of(oid->content) != shrouded_key_bag || !tagged || !inside.empty()) return std::nullopt;
  ByteView value = tagged->content;
  const auto octets = der::next(value);
  if (!octets || (octets->tag & ~unsigned{asn1::constructed}) != der::octet_string || !value.empty())
    return std::nullopt;
  return asn1::octets(*octets, joined);
}

std::optional<Bytes> key_id_among(const std::vector<Bytes>& attributes) {
  for (const Bytes& attribute : attributes) {
    if (text_of(id_of(attribute)) != local_key_id) continue;
    ByteView rest = attribute;
    ByteView inside = der::next(rest)->content;
    (void)der::next(inside);
    const auto set = der::next(inside, der::set);
    if (!set) continue;
    ByteView values = set->content;
    if (const auto value = der::next(values, der::octet_string))
      return Bytes(value->content.begin(), value->content.end());
  }
  return std::nullopt;
}

}  // namespace chancery::java::pkcs12
