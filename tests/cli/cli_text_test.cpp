// Text, tables and times as people see them.
#include <gtest/gtest.h>

#include "appliance/cli/human_time.h"
#include "appliance/cli/table.h"
#include "appliance/cli/text.h"

namespace chancery::cli {
namespace {

using std::chrono::hours;

std::string plain(const Text& text) {
  std::string out;
  for (const Painted& piece : text.pieces()) out += piece.text;
  return out;
}

TEST(Escaped, LetsNothingReachTheTerminalThatMovesOrReordersText) {
  EXPECT_EQ(escaped("a\033[31mb\r\n\tc"), "a\\x1b[31mb\\x0d\\x0a\\x09c");
  EXPECT_EQ(escaped(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(escaped("\x7f"), "\\x7f");
  EXPECT_EQ(escaped("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b31m")
      << "C1 controls";
  EXPECT_EQ(escaped("\xe2\x80\xae"
                    "gpj"),
            "\\xe2\\x80\\xaegpj")
      << "right-to-left override";
  EXPECT_EQ(escaped("\xe2\x80\x8b"), "\\xe2\\x80\\x8b") << "zero-width space";
}

TEST(Escaped, KeepsWhatPeopleWriteAndMarksWhatIsNotUtf8) {
  EXPECT_EQ(escaped("Müller 日本 …"), "Müller 日本 …");
  EXPECT_EQ(escaped("\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(escaped("\xe2\x82"), "\\xe2\\x82") << "cut off";
}

TEST(Width, CountsColumnsNotBytes) {
  EXPECT_EQ(width_of("portal"), 6u);
  EXPECT_EQ(width_of("Müller"), 6u);
  EXPECT_EQ(width_of("日本"), 4u);
  EXPECT_EQ(width_of("e\xcc\x81"), 1u) << "a combining accent";
}

TEST(Text, IsCutToColumnsWithoutSplittingCharacters) {
  EXPECT_EQ(plain(Text("portal.example.com").cut_to(8)), "portal.…");
  EXPECT_EQ(plain(Text("日本語").cut_to(4)), "日…");
  EXPECT_EQ(plain((Text("ab") << painted(Colour::red, "cdef")).cut_to(4)), "abc…");
  EXPECT_EQ(plain(Text("abc").cut_to(3)), "abc");
  EXPECT_EQ(plain(Text("abc").cut_to(0)), "");
}

TEST(Wrapped, BreaksAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("", 7), (std::vector<std::string>{""}));
  EXPECT_EQ(wrapped("a-long-word x", 4), (std::vector<std::string>{"a-long-word", "x"}));
}

TEST(Folded, BreaksLongWordsWhereTheLineEnds) {
  EXPECT_EQ(folded("ab cdefgh", 3), (std::vector<std::string>{"ab", "cde", "fgh"}));
  EXPECT_EQ(folded("日本語", 4), (std::vector<std::string>{"日本", "語"}));
  EXPECT_TRUE(folded("", 3).empty());
}

TEST(Table, FitsAndShrinksTheWillingColumnsFirst) {
  Table table({{.title = "IDENTITY"}, {.title = "NAMES", .may_shrink = true}, {.title = "N", .align_right = true}});
  table.add({"engine-collector", std::string(100, 'n'), "7"});
  table.add({"console", "short", "12"});
  const std::vector<Text> lines = table.render(40);
  ASSERT_EQ(lines.size(), 3u);
  for (const Text& line : lines) EXPECT_LE(line.width(), 40u) << plain(line);
  EXPECT_EQ(plain(lines[1]), "engine-collector  nnnnnnnnnnnnnnnnn…   7");
  EXPECT_EQ(plain(lines[2]), "console           short               12");
}

TEST(Table, FitsEvenWhereNoColumnIsWilling) {
  Table table({{.title = "A"}, {.title = "B"}});
  table.add({std::string(70, 'a'), std::string(70, 'b')});
  for (const Text& line : table.render(40)) EXPECT_LE(line.width(), 40u);
}

TEST(Relative, SpeaksAsPeopleDo) {
  const Instant now = from_rfc3339("2026-11-21T10:15:00Z");
  EXPECT_EQ(relative(now + hours(24 * 23), now), "in 23 days");
  EXPECT_EQ(relative(now - hours(3), now), "3 hours ago");
  EXPECT_EQ(relative(now + std::chrono::seconds(1), now), "in 1 second");
  EXPECT_EQ(relative(now + hours(24 * 365 * 10), now), "in 10 years");
  EXPECT_EQ(relative("no time", now), "no time");
  EXPECT_EQ(dated("2026-12-14T10:15:00Z", now), "2026-12-14 10:15 UTC (in 23 days)");
}

TEST(Ending, WarnsByColour) {
  const Instant now = from_rfc3339("2026-11-21T10:15:00Z");
  EXPECT_EQ(ending("2026-11-20T10:15:00Z", now).pieces().front().colour, Colour::red);
  EXPECT_EQ(ending("2026-12-01T10:15:00Z", now).pieces().front().colour, Colour::yellow);
  EXPECT_EQ(ending("2027-12-01T10:15:00Z", now).pieces().front().colour, Colour::plain);
}

}  // namespace
}  // namespace chancery::cli
