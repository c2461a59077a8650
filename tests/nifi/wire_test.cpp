// The protocol's bodies, heads and names by themselves. The vectors were made with openssl's command line: the key by
// `openssl genrsa 2048`, its identifier by SHA-1 of `openssl rsa -RSAPublicKey_out -outform DER`, the HMAC by `openssl dgst
// -sha256 -mac HMAC`.
#include "appliance/nifi/wire.h"

#include <gtest/gtest.h>

#include "appliance/nifi/http_head.h"
#include "appliance/nifi/names.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/fixture.h"

namespace chancery::nifi {
namespace {

constexpr char kPublicKey[] =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAs+nR9FaxBHNW/ncwUdCGuml3bthU3LbwiMEkaSzEY2KQCPpXK5zUFQCc"
    "3c3Z+D8ldd7B8bwt/u2o4VAgeW/yTAbQlOuDvxNt9Ga661k6H7+NR2KmFBmpJvSiGFUz7rWp83BIQpcOH4L+g+IHgqDB/0Ur6CY7"
    "zzZkTjzWovef9cMLC8NMbdYo5HtjJU0NOLLjeXcw+dU+6aqgiX6zz5dos4apQkyvmBeJFp6LHeE/KfklmN0byxybmRcw5mA8LDma"
    "5qfFWGbJbc/rMQAO457eMSrtaZla6j89EZN/n/W6S6YKG30j6pBHBYCPpvBGA1iHWL2noN9sO1hAXnLrb7jUswIDAQAB";
constexpr char kIdentifier[] = "458248fd2abd9ee0d2e239b6218fceb9819893db";
constexpr char kMac[] =
    "fcb06474b3931beb4ed883655b553dda9cce02b1e96520ba39ed9feb91cb3466";  // under the token "a shared token of many bytes"

TEST(Wire, TheMacIsOverTheKeyIdentifier) {
  const Bytes key = from_base64(kPublicKey);
  EXPECT_EQ(to_hex(key_identifier(key)), kIdentifier);
  EXPECT_EQ(to_hex(mac_over(secret_copy(std::string_view("a shared token of many bytes")), key)), kMac);
  EXPECT_NE(to_hex(mac_over(secret_copy(std::string_view("a shared token of many bytez")), key)), kMac);
  EXPECT_EQ(code_of([] { (void)key_identifier(bytes_of("no key")); }), "key-weak");
}

TEST(Wire, TokensHaveSixteenBytes) {
  EXPECT_EQ(code_of([] { expect_usable_token(SecretBytes(15, 'x')); }), "token-too-short");
  expect_usable_token(SecretBytes(16, 'x'));
}

TEST(Wire, BodiesAreReadAsTheyAreWritten) {
  const RequestBody request = read_request(write_request({.mac = {1, 2, 3}, .csr_pem = "pem\n"}));
  EXPECT_EQ(request.mac, (Bytes{1, 2, 3}));
  EXPECT_EQ(request.csr_pem, "pem\n");
  EXPECT_EQ(write_reply({.mac = {1}, .certificate_pem = "pem", .error = {}}),
            R"({"hmac":"AQ==","pemEncodedCertificate":"pem"})");
  EXPECT_EQ(write_reply({.mac = {1}, .certificate_pem = "pem", .error = "forbidden"}), R"({"error":"forbidden"})");
  const ReplyBody reply = read_reply(R"({"hmac":null,"pemEncodedCertificate":null,"error":"forbidden","new":7})");
  EXPECT_TRUE(reply.mac.empty());
  EXPECT_TRUE(reply.certificate_pem.empty());
  EXPECT_EQ(reply.error, "forbidden");
}

TEST(Wire, AnErrorIsAlwaysWritten) {
  EXPECT_FALSE(write_reply({.mac = {}, .certificate_pem = {}, .error = "\xff\xfe"}).empty());
}

TEST(Wire, OddBodiesAreRefused) {
  const std::string deep(500'000, '[');
  const std::string nested = R"({"hmac":)" + std::string(1000, '[') + std::string(1000, ']') + "}";
  const std::string large = "{}" + std::string(body_limit, ' ');
  for (const std::string& body : {std::string(), std::string("{"), std::string("[]"), std::string("7"), deep, nested,
                                  large, std::string(R"({"hmac":7})"), std::string(R"({"hmac":"*"})"),
                                  std::string(R"({"csr":["x"]})"), std::string("{\"csr\":\"\xff\"}")}) {
    EXPECT_EQ(code_of([&] { (void)read_request(body); }), "nifi-malformed") << body.substr(0, 40);
  }
}

std::string with_headers(const std::string& headers) { return "POST / HTTP/1.1\r\n" + headers + "\r\n"; }

TEST(Head, OneKindOfRequestIsTaken) {
  const std::string text = with_headers("Host: ca\r\ncontent-LENGTH:\t7 \r\n");
  const Head head = read_head(text + "{\"a\":1}rest");
  EXPECT_EQ(head.refusal, 0);
  EXPECT_EQ(head.length, 7U);
  EXPECT_EQ(head.size, text.size());
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(read_head(with_headers("Content-Length: 1\r\nExpect: 100-Continue\r\n")).expects_continue);
  EXPECT_EQ(read_head(with_headers("Content-Length: 1048576\r\n")).refusal, 0);
}

TEST(Head, EverythingElseIsRefused) {
  const std::map<std::string, int> cases{
      {"", 400},
      {"\r\n\r\n", 400},
      {"POST /\r\n\r\n", 400},
      {"POST / HTTP/2\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 405},
      {"POST /x HTTP/1.1\r\n\r\n", 404},
      {with_headers(""), 411},
      {with_headers("Transfer-Encoding: chunked\r\n"), 411},
      {with_headers("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n"), 411},
      {with_headers("Content-Length: 1048577\r\n"), 413},
      {with_headers("Content-Length: 99999999999999999999999\r\n"), 413},
      {with_headers("Content-Length: -1\r\n"), 400},
      {with_headers("Content-Length: 7x\r\n"), 400},
      {with_headers("Content-Length:\r\n"), 400},
      {with_headers("Content-Length: 7\r\nContent-Length: 8\r\n"), 400},
      {with_headers("Content-Length : 7\r\n"), 400},
      {with_headers("Content-Length: 7\r\n folded\r\n"), 400},
      {with_headers("no colon\r\n"), 400},
  };
  for (const auto& [text, status] : cases) EXPECT_EQ(read_head(text).refusal, status) << text;
}

TEST(Names, ASubjectIsReadAsJavaReadsIt) {
  const Subject subject = read_subject("CN=node1.example.com, OU=NIFI");
  EXPECT_EQ(subject.common_name, "node1.example.com");
  EXPECT_EQ(subject.der, subject_for("Node1.example.com").der);
  for (const char* text : {"", "nonsense", "OU=NIFI", "CN=", "CN=*.example.com", "CN=a b", "CN=a.test, CN=b.test",
                           "CN=a.test, EMAILADDRESS=a@b.test", "CN=http://a.test/", "CN=a@b.test"}) {
    EXPECT_EQ(code_of([&] { (void)read_subject(text); }), "bad-name") << text;
  }
}

TEST(Names, TheCommonNameComesFirstAndEachOnce) {
  const std::vector<AlternativeName> names = all_names("Node.test", {parse_name("node.TEST"), parse_name("192.0.2.1")});
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(to_text(names[0]), "DNS:node.test");
  EXPECT_EQ(to_text(names[1]), "IP:192.0.2.1");
}

}  // namespace
}  // namespace chancery::nifi
