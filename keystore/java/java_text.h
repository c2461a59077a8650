// Java's ways with text: modified UTF-8 (DataOutput.writeUTF: NUL as C0 80, characters outside the BMP as two surrogates
// of three bytes each), UTF-16 of passwords, and lower case as String.toLowerCase(Locale.ENGLISH) makes it.
//
// Source: Java Virtual Machine Specification, 4.4.7; java.io.DataInput. Text is UTF-8 here. Bad input is
// Failure("keystore-damaged") from a file and Failure("bad-encoding") from a person. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/secret.h"

namespace chancery::java {

// A u16 length and that many bytes of modified UTF-8. Lone surrogates, which Java allows, come out as U+FFFD... no file
// written by Java for a sensible alias has them.
[[nodiscard]] std::string read_utf(Reader& in, const std::string& source);
// Failure("alias-too-long") over 65,535 bytes.
void write_utf(Writer& out, std::string_view text);

// UTF-16 code units, big endian, of a UTF-8 password; Failure("bad-encoding") when it is not UTF-8. `terminated` adds the
// two zero bytes of a BMPString in PKCS#12 (RFC 7292, B.1).
[[nodiscard]] SecretBytes utf16_password(ByteView utf8, bool terminated = false);

[[nodiscard]] std::string to_lower(std::string_view text);

}  // namespace chancery::java
