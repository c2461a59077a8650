// UTF-8 (RFC 3629) one character at a time, for java_text.cpp and lower_case.cpp.
//
//   for (std::size_t at = 0; at < text.size();) put_utf8(out, next_utf8(text, at).value_or(replacement));
//
// Strict: overlong forms, surrogates and points above U+10FFFF are not UTF-8. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chancery::java {

// The character at `at`, which is moved behind it; nullopt, and `at` moved by one byte, where there is none.
[[nodiscard]] std::optional<char32_t> next_utf8(std::string_view text, std::size_t& at) noexcept;

// `point` must be a scalar value.
void put_utf8(std::string& out, char32_t point);

}  // namespace chancery::java
