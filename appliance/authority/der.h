// The few DER shapes (X.690) that certificates are put together from. A certificate's parts are byte strings: those
// that are the same in every certificate are written once, and nothing is ever decoded again to build the next one.
//
//   der::sequence({der::object_id("2.5.29.19"), der::boolean(true), der::octet_string(value)})
//
// Writing only. Lengths up to 16 MiB. Thread safety: pure functions.
#pragma once

#include <initializer_list>
#include <string_view>

#include "keystore/bytes/bytes.h"
#include "keystore/x509/instant.h"

namespace chancery::authority::der {

[[nodiscard]] Bytes element(std::uint8_t tag, ByteView content);
[[nodiscard]] Bytes joined(std::initializer_list<ByteView> parts);

[[nodiscard]] Bytes sequence(std::initializer_list<ByteView> parts);
[[nodiscard]] Bytes set(ByteView only);
[[nodiscard]] Bytes boolean(bool value);
[[nodiscard]] Bytes integer(std::uint32_t value);
[[nodiscard]] Bytes unsigned_integer(ByteView big_endian);
[[nodiscard]] Bytes object_id(std::string_view dotted);
[[nodiscard]] Bytes utf8(std::string_view text);
[[nodiscard]] Bytes octet_string(ByteView content);
[[nodiscard]] Bytes bit_string(ByteView content, unsigned unused_bits = 0);
[[nodiscard]] Bytes time(Instant instant);  // UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5)
// [number] IMPLICIT of something primitive, and [number] of something constructed.
[[nodiscard]] Bytes context(unsigned number, ByteView content);
[[nodiscard]] Bytes context_constructed(unsigned number, ByteView content);

}  // namespace chancery::authority::der
