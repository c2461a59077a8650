// A small bounded walk over DER (X.690), for what must be known before OpenSSL is asked: which kind of thing this is,
// its names, how many iterations a password needs. Views only; nothing is allocated by what a length says.
//
//   ByteView rest = der;
//   auto certificate = der::next(rest, der::sequence);
//
// nullopt means "not this": the caller decides what that is worth. Lengths need not be minimal (OpenSSL takes such
// files too); indefinite lengths and tag numbers above 30 are not followed. Not checked: contents.
#pragma once

#include <initializer_list>
#include <optional>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery::der {

inline constexpr std::uint8_t integer = 0x02;
inline constexpr std::uint8_t bit_string = 0x03;
inline constexpr std::uint8_t octet_string = 0x04;
inline constexpr std::uint8_t object_identifier = 0x06;
inline constexpr std::uint8_t utf8_string = 0x0c;
inline constexpr std::uint8_t sequence = 0x30;
inline constexpr std::uint8_t set = 0x31;
inline constexpr std::uint8_t context_0 = 0xa0;

struct Element {
  std::uint8_t tag;
  ByteView content;
  ByteView whole;  // with tag and length
};

// The element at the front of `rest`, which is moved behind it. With a tag: only an element of that tag.
[[nodiscard]] std::optional<Element> next(ByteView& rest);
[[nodiscard]] std::optional<Element> next(ByteView& rest, std::uint8_t tag);

// A non-negative INTEGER's value, capped at 2^63-1; nullopt for negative or empty ones.
[[nodiscard]] std::optional<std::uint64_t> small_integer(const Element& element);

// The three parts of a certificate (RFC 5280, 4.1) that can be had without decoding it.
struct CertificateOutline {
  ByteView issuer;   // Name, whole
  ByteView subject;  // Name, whole
  ByteView key;      // SubjectPublicKeyInfo, whole
};
[[nodiscard]] std::optional<CertificateOutline> outline_of(ByteView certificate);

// A Name in a form in which equal names have equal bytes: string types become UTF8String, ASCII letters lower case,
// white space is trimmed and collapsed, as X509_NAME_cmp of OpenSSL sees them. What is no Name comes back as it is.
[[nodiscard]] Bytes canonical_name(ByteView name);

// tag, length, content. The content may be a key, hence the type.
[[nodiscard]] SecretBytes wrapped(std::uint8_t tag, ByteView content);
// A SEQUENCE of elements that are there already.
[[nodiscard]] SecretBytes sequence_of(std::initializer_list<ByteView> elements);

}  // namespace chancery::der
