// Small ways of Java that show in what keytool prints: errors as exceptions print themselves, dates, numbers, hex dumps,
// and the order in which Java's stores hand out their aliases.
//
//   fail_as("java.lang.Exception", "Alias <x> does not exist");   // "keytool error: java.lang.Exception: Alias …"
//
// Times are local, by TZ, as Java prints them in an English locale. Thread safety: pure functions, but for the time zone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/java/java_keystore.h"

namespace chancery::keytool {

// A Failure whose code is the Java class and whose cause is its message; keytool.cpp prints it as Java does.
[[noreturn]] void fail_as(std::string java_class, std::string message);
[[noreturn]] void fail_plain(std::string message);  // java.lang.Exception

[[nodiscard]] std::int64_t now_ms();
[[nodiscard]] std::string medium_date(std::int64_t unix_ms);      // "Nov 21, 2026"
[[nodiscard]] std::string date_text(std::int64_t unix_seconds);   // "Sat Nov 21 08:43:58 UTC 2026"
[[nodiscard]] std::string grouped(std::uint64_t number);          // "2,048"
[[nodiscard]] std::string colon_hex(ByteView bytes);              // "0A:FF"
[[nodiscard]] std::string hex_dump(ByteView bytes);               // sixteen a line, every line ended
[[nodiscard]] std::string integer_hex(ByteView twos_complement);  // of an INTEGER's content: "ff12", "-7"
[[nodiscard]] std::string mime_base64(ByteView bytes);            // lines of 64 parted by CR LF, no end
[[nodiscard]] std::string lower_ascii(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);

// String.compareTo: by UTF-16 units.
[[nodiscard]] bool java_less(std::string_view left, std::string_view right);
// The entries as `aliases()` of Java's store of that type enumerates them: a JKS or JCEKS keeps them in a hash table, a
// PKCS12 in the order in which they came.
// `loaded_twice`: as Java has a JCEKS when it found out its type first (the table does not shrink between).
[[nodiscard]] std::vector<const java::Entry*> in_java_order(const java::Keystore& store, bool loaded_twice = false);

}  // namespace chancery::keytool
