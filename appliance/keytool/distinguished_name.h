// Distinguished names as Java prints them ("CN=portal, OU=\"a, b\", C=DE") and reads them from -dname.
//
// Java prints the last part of the DER first and quotes where a value holds anything special. Read: commas, semicolons,
// plus signs, quotes, backslashes, OIDs as keywords. Failure("java.io.IOException") for what Java refuses, in its words.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

[[nodiscard]] std::string name_text(ByteView name);  // a Name, whole
[[nodiscard]] Bytes parse_name_text(std::string_view text);
// As Java shows what it has just read: with the parts of each "a + b" in the order in which they were given.
[[nodiscard]] std::string given_name_text(std::string_view text);
// From the six answers to keytool's questions.
[[nodiscard]] std::string quoted_name_value(std::string_view value);

// The text of an ASN.1 string of any type as UTF-8; "" for what is none, then `is_text` is false.
[[nodiscard]] std::string asn1_text(std::uint8_t tag, ByteView content, bool& is_text);

}  // namespace chancery::keytool
