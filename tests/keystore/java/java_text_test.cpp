// Java's text: every character's lower case and 20,000 random words as a real Java folds them; modified UTF-8.
#include "keystore/java/java_text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "keystore/java/utf8.h"
#include "tests/keystore/java/java_stores.h"

namespace chancery::java {
namespace {

std::string from_hex_text(const std::string& hex) { return std::string(text_of(from_hex(hex))); }

std::string read_back(const Bytes& modified) {
  Writer out;
  out.sized16(modified);
  Reader in(out.bytes(), "file.store");
  return read_utf(in, "file.store");
}

std::string modified(std::string_view text) {
  Writer out;
  write_utf(out, text);
  return to_hex(view_of(out.bytes()).subspan(2));
}

TEST(LowerCase, IsJavasForEveryCharacterAndRandomWords) {
  std::istringstream lines(java_workshop().text("lower.txt"));
  std::size_t count = 0;
  std::map<std::string, bool> changes;
  for (std::string from, to; lines >> from >> to; ++count) {
    ASSERT_EQ(to_hex(view_of(to_lower(from_hex_text(from)))), to) << from_hex_text(from);
    if (from != to) changes[from] = true;
  }
  EXPECT_GT(count, 21'000U);
  for (char32_t point = 0x80; point <= 0x10ffff; ++point) {
    if (point >= 0xd800 && point < 0xe000) continue;
    std::string text;
    put_utf8(text, point);
    ASSERT_EQ(to_lower(text) != text, changes.contains(to_hex(view_of(text)))) << std::uint32_t{point};
  }
}

TEST(LowerCase, KeepsWhatIsNotUtf8) {
  EXPECT_EQ(to_lower("A\xff Ä\xc3"), "a\xff ä\xc3");
  EXPECT_EQ(to_lower("\xed\xa0\x80X"), "\xed\xa0\x80x");
  EXPECT_EQ(to_lower(""), "");
}

TEST(ModifiedUtf8, IsWrittenAsJavaWritesIt) {
  EXPECT_EQ(modified("plain"), to_hex(view_of("plain")));
  EXPECT_EQ(modified(std::string_view("a\0b", 3)), "61c08062");
  EXPECT_EQ(modified("ä日😀"), "c3a4e697a5eda0bdedb880");
  EXPECT_EQ(read_back(from_hex("61c08062c3a4e697a5eda0bdedb880")), std::string("a\0b", 3) + "ä日😀");
  EXPECT_EQ(read_back(from_hex("00")), std::string(1, '\0')) << "Java reads it, though it does not write it";
}

TEST(ModifiedUtf8, LoneSurrogatesBecomeReplacements) {
  EXPECT_EQ(read_back(from_hex("eda0bd")), "\xef\xbf\xbd");
  EXPECT_EQ(read_back(from_hex("eda0bd78edb880")), "\xef\xbf\xbdx\xef\xbf\xbd");
  EXPECT_EQ(read_back(from_hex("eda0bdeda0bdedb880")), "\xef\xbf\xbd😀");
}

TEST(ModifiedUtf8, RefusesWhatIsNone) {
  for (const char* bad : {"80", "61c3", "c361", "e6", "e697", "e69761", "f09f9880", "ff"}) {
    EXPECT_EQ(code_of([&] { (void)read_back(from_hex(bad)); }), "keystore-damaged") << bad;
  }
  // A stray byte, a surrogate, overlong forms, too large a number, a cut character.
  for (const char* bad :
       {"\xff", "\xed\xa0\x80", "\xc0\x80", "\xe0\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xe6\x97"}) {
    EXPECT_EQ(code_of([&] { (void)modified(bad); }), "bad-encoding") << to_hex(view_of(bad));
  }
  EXPECT_EQ(code_of([] { (void)modified(std::string(65536, 'a')); }), "alias-too-long");
  EXPECT_EQ(code_of([] { (void)modified(std::string(32768, 'a') + std::string(16384, '\0')); }), "alias-too-long");
}

TEST(Utf16Password, IsBigEndianWithSurrogates) {
  EXPECT_EQ(to_hex(utf16_password(view_of("aä😀"))), "006100e4d83dde00");
  EXPECT_EQ(to_hex(utf16_password(view_of("a"), true)), "00610000");
  EXPECT_EQ(utf16_password({}).size(), 0U);
  EXPECT_EQ(code_of([] { (void)utf16_password(view_of("\xc3")); }), "bad-encoding");
}

}  // namespace
}  // namespace chancery::java
