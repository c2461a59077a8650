#include "keystore/bytes/bytes.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

TEST(FailureTest, AlwaysHasAHint) {
  const Failure failure({.code = "a", .subject = "b", .cause = "c", .hint = ""});
  EXPECT_FALSE(failure.hint().empty());
  EXPECT_STREQ(failure.what(), "b: c");
  EXPECT_STREQ(Failure({.code = "a", .subject = "", .cause = "c", .hint = "d"}).what(), "c");
}

TEST(FailureTest, NamesErrnoByCode) {
  const std::pair<int, const char*> codes[] = {{ENOSPC, "no-space"},         {EDQUOT, "no-space"},
                                               {EROFS, "read-only"},         {EACCES, "permission-denied"},
                                               {EPERM, "permission-denied"}, {EMFILE, "too-many-files"},
                                               {ENFILE, "too-many-files"},   {EIO, "io-error"},
                                               {ENOENT, "not-found"},        {EEXIST, "already-exists"},
                                               {EXDEV, "io-error"}};
  for (const auto& [number, code] : codes) {
    const Failure failure = system_failure(number, "write", "/x/y");
    EXPECT_EQ(failure.code(), code);
    EXPECT_EQ(failure.subject(), "/x/y");
    EXPECT_NE(failure.cause().find("cannot write"), std::string::npos);
  }
}

TEST(ReaderTest, ReadsBigEndianAndViews) {
  Writer out;
  out.u8(1).u16(0x0203).u32(0x04050607).u64(0x08090a0b0c0d0e0f).sized16(view_of("ab")).sized32(view_of("cde"));
  const SecretBytes bytes = out.take();
  EXPECT_EQ(to_hex(bytes), "0102030405060708090a0b0c0d0e0f0002616200000003636465");
  Reader in(bytes, "message");
  EXPECT_EQ(in.u8(), 1);
  EXPECT_EQ(in.u16(), 0x0203);
  EXPECT_EQ(in.u32(), 0x04050607U);
  EXPECT_EQ(in.u64(), 0x08090a0b0c0d0e0fU);
  EXPECT_EQ(text_of(in.sized16()), "ab");
  EXPECT_EQ(text_of(in.sized32(3)), "cde");
  in.expect_end();
}

TEST(ReaderTest, RefusesToReadPastTheEnd) {
  const Bytes bytes{0xff, 0xff, 0xff, 0xff, 1};
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").block(6); }), "truncated");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").block(~std::uint64_t{0}); }), "truncated");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").u64(); }), "truncated");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").sized16(); }), "truncated");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").sized16(10); }), "too-large");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").sized32(1000); }), "too-large");
  EXPECT_EQ(code_of([&] { Reader(bytes, "x").expect_end(); }), "trailing-bytes");
  Reader in(bytes, "join request");
  in.u32();
  try {
    in.u16();
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.subject(), "join request");
    EXPECT_NE(failure.cause().find("offset 4"), std::string::npos);
  }
  EXPECT_EQ(in.u8(), 1) << "a refused read moves nothing";
}

TEST(WriterTest, RefusesWhatItsLengthFieldCannotSay) {
  Writer out;
  EXPECT_EQ(code_of([&] { out.sized16(Bytes(0x10000)); }), "too-large");
  EXPECT_TRUE(out.bytes().empty());
}

TEST(TextEncodingTest, HexAndBase64AreStrict) {
  EXPECT_EQ(to_hex(Bytes{0, 0xab, 0xff}), "00abff");
  EXPECT_EQ(from_hex("00aBff"), (Bytes{0, 0xab, 0xff}));
  for (const char* bad : {"0", "0g", " 0", "0x"}) EXPECT_EQ(code_of([&] { (void)from_hex(bad); }), "bad-encoding");
  // RFC 4648, section 10.
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(view_of(plain)), encoded);
    EXPECT_EQ(text_of(from_base64(encoded)), plain);
  }
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Z-_v"}) {
    EXPECT_EQ(code_of([&] { (void)from_base64(bad); }), "bad-encoding") << bad;
  }
  const Bytes all{0xfb, 0xff, 0xfe, 1};
  const SecretBytes secret = to_base64url_secret(all);
  EXPECT_EQ(text_of(secret), "-__-AQ");
  EXPECT_TRUE(secret_equal(from_base64url_secret(secret), all));
  EXPECT_EQ(code_of([&] { (void)from_base64url_secret(view_of("-__-AQ==")); }), "bad-encoding");
  EXPECT_EQ(code_of([&] { (void)from_base64url_secret(view_of("-__-A")); }), "bad-encoding");
}

TEST(SecretTest, ComparesAndIsRandom) {
  EXPECT_TRUE(secret_equal(view_of("abc"), view_of("abc")));
  EXPECT_FALSE(secret_equal(view_of("abc"), view_of("abd")));
  EXPECT_FALSE(secret_equal(view_of("abc"), view_of("ab")));
  EXPECT_TRUE(secret_equal({}, {}));
  EXPECT_EQ(random_secret(40).size(), 40U);
  EXPECT_NE(random_secret(32), random_secret(32));
}

TEST(SecretTest, WipesBeforeGivingBack) {
  std::uint8_t memory[] = {1, 2, 3};
  wipe(memory, sizeof memory);
  EXPECT_EQ(memory[0] | memory[1] | memory[2], 0);
  wipe(nullptr, 0);
}

TEST(DigestTest, KnownAnswers) {
  EXPECT_EQ(sha256_hex(view_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // RFC 4231, test case 2, and an empty key.
  EXPECT_EQ(to_hex(hmac_sha256(view_of("Jefe"), view_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(InstantTest, ReadsAndWritesRfc3339) {
  const Instant instant = from_rfc3339("2026-11-21T10:15:00Z");
  EXPECT_EQ(to_rfc3339(instant), "2026-11-21T10:15:00Z");
  EXPECT_EQ(to_compact(instant), "20261121T101500Z");
  EXPECT_EQ(from_rfc3339("2026-11-21T12:15:00.987+02:00"), instant);
  EXPECT_EQ(from_rfc3339("2026-11-20t22:45:00-11:30"), instant);
  EXPECT_EQ(to_rfc3339(from_rfc3339("9999-12-31T23:59:59Z")), "9999-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339(from_rfc3339("2024-02-29T00:00:00Z")), "2024-02-29T00:00:00Z");
  for (const char* bad : {"", "2026-11-21", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-21T24:00:00Z",
                          "2026-11-21T10:15:00", "2026-11-21T10:15:00Zx", "2026-11-21T10:15:60Z", "tomorrow",
                          "2026-11-21T10:15:00+2:00", "2026-11-21T10:15:00.Z"}) {
    EXPECT_EQ(code_of([&] { (void)from_rfc3339(bad); }), "bad-time") << bad;
  }
}

}  // namespace
}  // namespace chancery
