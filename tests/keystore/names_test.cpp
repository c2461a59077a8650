#include "keystore/x509/names.h"

#include <gtest/gtest.h>

#include "keystore/x509/printable.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using Kind = AlternativeName::Kind;

AlternativeName dns(std::string value) { return {Kind::dns, std::move(value)}; }
AlternativeName ip(std::string value) { return {Kind::ip, std::move(value)}; }

TEST(ParseNameTest, TellsTheKinds) {
  EXPECT_EQ(parse_name("Portal.Example.COM"), dns("portal.example.com"));
  EXPECT_EQ(parse_name("portal.example.com."), dns("portal.example.com"));
  EXPECT_EQ(parse_name("localhost"), dns("localhost"));
  EXPECT_EQ(parse_name("*.example.com"), dns("*.example.com"));
  EXPECT_EQ(parse_name("192.0.2.1"), ip("192.0.2.1"));
  EXPECT_EQ(parse_name("2001:DB8:0:0::1"), ip("2001:db8::1"));
  EXPECT_EQ(parse_name("[::1]"), ip("::1"));
  EXPECT_EQ(parse_name("spiffe://federation/member/engine"),
            (AlternativeName{Kind::uri, "spiffe://federation/member/engine"}));
  EXPECT_EQ(parse_name("admin@Example.com"), (AlternativeName{Kind::email, "admin@example.com"}));
  EXPECT_EQ(to_text(parse_name("::1")), "IP:::1");
  EXPECT_EQ(to_text(parse_name("a.example")), "DNS:a.example");
}

TEST(ParseNameTest, OtherScriptsBecomeALabels) {
  EXPECT_EQ(parse_name("bücher.example"), dns("xn--bcher-kva.example"));
  EXPECT_EQ(parse_name("*.BÜCHER.example"), dns("*.xn--bcher-kva.example"));
  EXPECT_EQ(parse_name("straße.example"), dns("xn--strae-oqa.example"));
  EXPECT_EQ(parse_name("例え.jp"), dns("xn--r8jz45g.jp"));
}

TEST(ParseNameTest, RefusesWhatCannotStandInACertificate) {
  const std::string long_label(64, 'a');
  std::string long_name;
  while (long_name.size() <= 253) long_name += "abcdefghi.";
  for (const std::string& bad : {std::string(),
                                 std::string("a b"),
                                 std::string("a\0b", 3),
                                 std::string("a\nb"),
                                 std::string("a..b"),
                                 std::string(".a"),
                                 std::string("a.."),
                                 std::string("."),
                                 std::string("*"),
                                 std::string("*."),
                                 std::string("a.*.b"),
                                 std::string("w*.example.com"),
                                 std::string("**.example.com"),
                                 std::string("*.*.com"),
                                 std::string("-a.example"),
                                 std::string("a-.example"),
                                 std::string("300.1.1.1"),
                                 std::string("1.2.3.4.5"),
                                 std::string("1.2.3"),
                                 std::string("<b>.example"),
                                 std::string("a/b"),
                                 std::string("a@b@c"),
                                 std::string("@b"),
                                 std::string("a@"),
                                 std::string("://x"),
                                 std::string("1ab://x"),
                                 std::string("https://"),
                                 std::string("a:443"),
                                 std::string("\xff\xfe.example"),
                                 std::string("\x1b[31m"),
                                 std::string("fe80::1%eth0"),
                                 std::string("[1.2.3.4]"),
                                 std::string("\xe2\x80\xae.example"),
                                 long_label + ".example",
                                 long_name + "example"}) {
    EXPECT_EQ(code_of([&] { (void)parse_name(bad); }), "bad-name") << bad;
  }
}

TEST(AnswersToTest, ComparesHostsAsRfc9525Says) {
  const std::vector<AlternativeName> names{dns("Portal.example.com"), dns("*.apps.example.com"), ip("192.0.2.1"),
                                           ip("2001:db8::1"), dns("xn--bcher-kva.example")};
  EXPECT_TRUE(answers_to(names, "portal.EXAMPLE.com"));
  EXPECT_TRUE(answers_to(names, "portal.example.com."));
  EXPECT_TRUE(answers_to(names, "one.apps.example.com"));
  EXPECT_TRUE(answers_to(names, "bücher.example"));
  EXPECT_TRUE(answers_to(names, "192.0.2.1"));
  EXPECT_TRUE(answers_to(names, "2001:DB8:0::1"));
  EXPECT_TRUE(answers_to(names, "[2001:db8::1]"));
  for (const char* other :
       {"example.com", "xportal.example.com", "apps.example.com", "a.b.apps.example.com", ".apps.example.com",
        "192.0.2.2", "2001:db8::2", "", ".", "portal.example.com..", "*.apps.example.com", "portal.example.com:443"}) {
    EXPECT_FALSE(answers_to(names, other)) << other;
  }
  EXPECT_FALSE(answers_to(names, std::string_view("portal.example.com\0.evil", 24)));
}

TEST(AnswersToTest, OddEntriesAnswerToNothing) {
  EXPECT_FALSE(answers_to({dns("*.com")}, "example.com")) << "too wide a wildcard";
  EXPECT_FALSE(answers_to({dns("a.example.")}, "a.example")) << "no name in a certificate ends with a dot (RFC 5280)";
  EXPECT_FALSE(answers_to({dns("*")}, "example"));
  EXPECT_FALSE(answers_to({dns("w*.example.com")}, "www.example.com"));
  EXPECT_FALSE(answers_to({dns("*.*.com")}, "a.b.com"));
  EXPECT_FALSE(answers_to({dns("192.0.2.1")}, "192.0.2.1")) << "an address only by an ip entry";
  EXPECT_FALSE(answers_to({dns("good.example\\x00.evil.example")}, "good.example"));
  EXPECT_FALSE(answers_to({{Kind::uri, "portal.example"}, {Kind::email, "portal.example"}}, "portal.example"));
  EXPECT_FALSE(answers_to({}, "portal.example"));
}

TEST(PrintableTest, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable(view_of("plain äé 例")), "plain äé 例");
  EXPECT_EQ(printable(view_of(std::string_view("a\0b", 3))), "a\\x00b");
  EXPECT_EQ(printable(view_of("\x1b[31m\n\r\x7f")), "\\x1b[31m\\x0a\\x0d\\x7f");
  EXPECT_EQ(printable(view_of("\xc2\x9b")), "\\xc2\\x9b") << "C1 control";
  EXPECT_EQ(printable(view_of("\xe2\x80\xae")), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(printable(view_of("\xff\xc0\x80\xed\xa0\x80")), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  EXPECT_EQ(printable(view_of("\\x00")), "\\x5cx00") << "an escape cannot be forged";
}

}  // namespace
}  // namespace chancery
