// DER, from the inside out: tag, length, content. For what keytool makes: names, extensions, certificates, requests.
#pragma once

#include <initializer_list>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

[[nodiscard]] Bytes der_element(std::uint8_t tag, ByteView content);
[[nodiscard]] Bytes der_joined(std::initializer_list<ByteView> parts);
[[nodiscard]] Bytes der_sequence(std::initializer_list<ByteView> parts);
[[nodiscard]] Bytes der_integer(std::uint64_t value);
[[nodiscard]] Bytes der_oid(std::string_view dotted);

}  // namespace chancery::keytool
