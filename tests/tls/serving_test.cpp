// Serving over HTTP: real clients (curl, openssl, gnutls-cli) and our own, against the listener and the worker pool.
#include <thread>

#include "appliance/http/client.h"
#include "appliance/tls/server_context.h"
#include "appliance/tls/tcp.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;
using http::Answer;
using http::Call;

class Serving : public testing::Test {
 protected:
  void SetUp() override {
    server.routes.add("GET", "/hello",
                      [](const Call& call) { return Answer::json("{\"to\":\"" + call.query.at("to") + "\"}"); });
    server.routes.add(
        "POST", "/echo", [](const Call& call) { return Answer::json(call.body); }, 1000);
    server.routes.add("GET", "/below/*", [](const Call& call) { return Answer::html(call.path); });
    server.routes.add("GET", "/bound", [](const Call& call) {
      return Answer::json(to_hex(view_of(call.connection.exporter("EXPORTER-test", 32))));
    });
    server.routes.add("GET", "/failure", [](const Call&) -> Answer {
      throw Failure({.code = "busy", .subject = "x", .cause = "another change runs", .hint = "wait"});
    });
    server.routes.add("GET", "/fault", [](const Call&) -> Answer { throw std::runtime_error("secret inside"); });
    server.routes.add("GET", "/stream", [](const Call&) {
      Answer answer;
      auto count = std::make_shared<int>(0);
      answer.stream = [count] { return ++*count > 3 ? "" : "piece " + std::to_string(*count) + "\n"; };
      return answer;
    });
    server.routes.add_for_members("GET", "/members", [](const Call& call) {
      return Answer::json("\"" + call.connection.peer_chain().at(0).common_name() + "\"");
    });
    server.routes.set_host_rule(
        [](const std::string& host, const tls::Connection&) { return !host.starts_with("evil"); });
    server.start();
  }

  Output curl(const std::string& rest) const {
    return sh("curl -sS --max-time 10 --cacert " + Pki::get().path("root.pem") + " " + rest);
  }
  std::string url(const std::string& path) const { return "https://localhost:" + std::to_string(server.port()) + path; }
  tls::Target target() const { return {.host = "127.0.0.1", .port = server.port(), .name = "localhost"}; }

  tls::ClientContext member(const std::string& leaf) const {
    tls::ClientOptions options;
    options.trust_pem = Pki::get().bytes("root.pem");
    options.alpn = {tls::member_protocol};
    if (!leaf.empty()) {
      options.chain = {Pki::get().certificate(leaf)};
      options.key = Pki::get().key(leaf);
    }
    return tls::ClientContext(std::move(options));
  }

  StateOnDisk state;
  TestServer server{state};
};

TEST_F(Serving, AnswersCurlAndKeepsTheConnection) {
  const Output two = curl("-v '" + url("/hello?to=a%20b") + "' '" + url("/below/x/y") + "'");
  EXPECT_EQ(two.exit, 0) << two.text;
  EXPECT_NE(two.text.find("{\"to\":\"a b\"}"), std::string::npos) << two.text;
  EXPECT_NE(two.text.find("Re-using existing connection"), std::string::npos) << two.text;
  for (const char* header : {"strict-transport-security", "x-content-type-options: nosniff", "content-security-policy",
                             "referrer-policy: no-referrer"}) {
    std::string lower = two.text;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_NE(lower.find(header), std::string::npos) << header;
  }
}

TEST_F(Serving, SendsTheWholeChainToOpensslAndGnutls) {
  const std::string root = Pki::get().path("root.pem");
  const std::string port = std::to_string(server.port());
  const Output openssl =
      sh("openssl s_client -connect 127.0.0.1:" + port + " -servername localhost -verify_hostname localhost -CAfile " +
         root + " -verify_return_error -showcerts </dev/null");
  EXPECT_NE(openssl.text.find("Verify return code: 0 (ok)"), std::string::npos) << openssl.text;
  EXPECT_NE(openssl.text.find("CN = Test Intermediate"), std::string::npos);
  const Output gnutls = sh("echo | gnutls-cli --x509cafile " + root +
                           " --sni-hostname localhost --verify-hostname localhost -p " + port + " 127.0.0.1");
  EXPECT_NE(gnutls.text.find("The certificate is trusted"), std::string::npos) << gnutls.text;
}

TEST_F(Serving, BodiesAreBoundedAndRefusedBeforeTheyAreRead) {
  EXPECT_EQ(curl("-d hello " + url("/echo")).text, "hello");
  EXPECT_EQ(curl("-H 'Transfer-Encoding: chunked' -d hello " + url("/echo")).text, "hello");
  const std::string status = " -o /dev/null -w '%{http_code}' ";
  EXPECT_EQ(curl("-H 'Expect: 100-continue' -d @/usr/bin/openssl" + status + url("/echo")).text, "413");
  EXPECT_EQ(curl("-H Expect: --data-binary @/bin/ls" + status + url("/echo")).text.substr(0, 3), "413");
  EXPECT_EQ(curl("-H 'Transfer-Encoding: chunked' --data-binary @/bin/ls" + status + url("/echo")).text.substr(0, 3),
            "413");
}

TEST_F(Serving, RequestsThatAreAmbiguousOrStrangeAreRefused) {
  const std::string status = "-o /dev/null -w '%{http_code}' ";
  EXPECT_EQ(curl(status + "-X DELETE " + url("/hello")).text, "405");
  EXPECT_EQ(curl(status + url("/nothing")).text, "404");
  EXPECT_EQ(curl(status + "--path-as-is " + url("/below/../hello")).text, "400");
  EXPECT_EQ(curl(status + "-H 'Host: evil.example.com' " + url("/hello?to=x")).text, "421");
  EXPECT_EQ(curl(status + "-H 'Host:' " + url("/hello?to=x")).text, "400");
  EXPECT_EQ(curl(status + "-H 'Content-Length: 5' -H 'Transfer-Encoding: chunked' -d hello " + url("/echo")).text,
            "400");
  EXPECT_EQ(curl(status + "-H 'Content-Length: -5' -X POST " + url("/echo")).text, "400");
  EXPECT_EQ(curl(status + "-X POST " + url("/echo")).text, "411");
  EXPECT_EQ(curl(status + "-H \"Big: $(head -c 20000 /dev/zero | tr '\\0' a)\" " + url("/hello?to=x")).text, "431");
}

TEST_F(Serving, FailuresAreProblemsAndFaultsSayNothingOfTheInside) {
  const Output failure = curl("-w ' %{http_code}' " + url("/failure"));
  EXPECT_NE(failure.text.find("\"code\":\"busy\""), std::string::npos) << failure.text;
  EXPECT_NE(failure.text.find(" 409"), std::string::npos);
  const Output fault = curl("-w ' %{http_code}' " + url("/fault"));
  EXPECT_EQ(fault.text.find("secret"), std::string::npos);
  EXPECT_NE(fault.text.find(" 500"), std::string::npos);
  EXPECT_EQ(curl(url("/stream")).text, "piece 1\npiece 2\npiece 3\n");
  EXPECT_EQ(curl("-I " + url("/hello?to=x")).exit, 0);
}

TEST_F(Serving, PipelinedRequestsAreAllAnswered) {
  tls::Connection link = tls::Connection::connect(target(), trusting(), tls::within(5s));
  std::string two = "GET /hello?to=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  two +=
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhiGET /hello?to=3 HTTP/1.1\r\nHost: "
      "localhost\r\nConnection: close\r\n\r\n";
  link.write_all(view_of(two), tls::within(5s));
  std::string all;
  std::uint8_t block[4096];
  while (const std::size_t count = link.read(block, tls::within(5s))) all.append(block, block + count);
  EXPECT_NE(all.find("{\"to\":\"1\"}"), std::string::npos) << all;
  EXPECT_NE(all.find("\r\n\r\nhi"), std::string::npos) << all;
  EXPECT_NE(all.find("{\"to\":\"3\"}"), std::string::npos) << all;
}

TEST_F(Serving, BothEndsExportTheSameBytes) {
  std::string here;
  const http::Reply reply = http::request_bound(
      target(), trusting(),
      [&](const tls::Connection& link) {
        here = to_hex(view_of(link.exporter("EXPORTER-test", 32)));
        return http::Request{.path = "/bound"};
      },
      [](const tls::Connection& link, const http::Reply&) { EXPECT_TRUE(link.peer_verified()); }, 5s);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, here);
  EXPECT_EQ(reply.headers.at("content-type"), "application/json");
}

TEST_F(Serving, OurClientBoundsReplies) {
  http::Request big{.method = "POST", .path = "/echo", .body = std::string(900, 'x')};
  try {
    (void)http::request(target(), trusting(), big, 5s, 100);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "too-large");
  }
  big.body = std::string(5'000'000, 'x');
  EXPECT_EQ(http::request(target(), trusting(), big, 5s).status, 413);
}

TEST_F(Serving, MembersMustPresentACertificateOfTheFederation) {
  const http::Request ask{.path = "/members"};
  EXPECT_EQ(http::request(target(), member("member"), ask, 5s).body, "\"portal.example.com\"");
  EXPECT_EQ(http::request(target(), trusting(), ask, 5s).status, 403);
  for (const char* wrong : {"", "outsider", "server-only"}) {
    try {
      (void)http::request(target(), member(wrong), ask, 5s);
      ADD_FAILURE() << "accepted " << wrong;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "tls-handshake") << wrong << ": " << failure.what();
    }
  }
}

TEST_F(Serving, UnknownProtocolsAreRefusedAndNoneMeansHttp) {
  auto alpn = [&](std::vector<std::string> names) {
    return tls::Connection::connect(target(), trusting("root.pem", std::move(names)), tls::within(5s)).alpn();
  };
  EXPECT_EQ(alpn({}), "");
  EXPECT_EQ(alpn({"h2", "http/1.1"}), "http/1.1");
  EXPECT_THROW(alpn({"h2"}), Failure);
}

TEST(ServingWithClientCertificates, AreDemandedByTheProfileAndFilteredByItsList) {
  StateOnDisk state({.profile = "client-certificates = \"require\"\ntrusted = \"trust/federation/roots.pem\"\nallow = "
                                "[\"portal.example.com\"]\n"});
  TestServer server(state);
  server.routes.add("GET", "/", [](const Call& call) {
    return Answer::json(call.connection.peer_verified() ? "verified" : "unverified");
  });
  server.start();
  auto ask = [&](const std::string& leaf) {
    const Pki& pki = Pki::get();
    const std::string mine =
        leaf.empty() ? "" : " --cert " + pki.path(leaf + ".pem") + " --key " + pki.path(leaf + ".key");
    return sh("curl -sS --cacert " + pki.path("root.pem") + mine +
              " https://localhost:" + std::to_string(server.port()) + "/");
  };
  EXPECT_EQ(ask("member").text, "verified");
  EXPECT_NE(ask("").exit, 0);
  EXPECT_NE(ask("outsider").exit, 0);
  // Another name under the right CA: same federation, not on the list.
  server.swap(
      state.stage({{"profiles/default.toml",
                    text_file("client-certificates = \"require\"\ntrusted = \"trust/federation/roots.pem\"\nallow "
                              "= [\"someone.else\"]\n")}}));
  EXPECT_NE(ask("member").exit, 0);
}

TEST(ServingProfiles, SuitesGroupsAndVersionsComeFromTheProfile) {
  StateOnDisk state(
      {.profile = "minimum-protocol = \"TLSv1.3\"\nciphers = \"TLS_CHACHA20_POLY1305_SHA256\"\ngroups = \"P-384\"\n"});
  TestServer server(state);
  server.start();
  const std::string client = "openssl s_client -connect " + server.address() + " ";
  const Output seen = sh(client + "</dev/null");
  EXPECT_NE(seen.text.find("TLS_CHACHA20_POLY1305_SHA256"), std::string::npos) << seen.text;
  EXPECT_NE(seen.text.find("ECDH, secp384r1, 384 bits"), std::string::npos) << seen.text;
  EXPECT_NE(sh(client + "-tls1_2 </dev/null").text.find("Cipher is (NONE)"), std::string::npos);
}

}  // namespace
}  // namespace chancery::test
