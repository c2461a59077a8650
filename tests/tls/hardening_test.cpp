// Hostile and broken peers, by the scripts in ../shared/tools where they are at hand. Deadlines are shortened so that
// waiting for them takes a second; the shipped ones are 10 s.
#include <thread>

#include "appliance/tls/client_hello.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;
using tls::ClientHello;

std::string tool(const std::string& name) {
  for (const std::string folder : {"/work/shared/tools/", CHANCERY_SOURCE_DIR "/../shared/tools/"}) {
    if (std::filesystem::exists(folder + name)) return folder + name;
  }
  return "";
}

class Hardening : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    server.routes.add("GET", "/", [](const http::Call&) { return http::Answer::json("1"); });
    server.start();
  }
  void run(const std::string& name, const std::string& more = "") {
    const std::string path = tool(name);
    if (path.empty()) GTEST_SKIP() << name << " is not on this machine";
    const Output output = sh(path + " " + server.address() + " " + more);
    EXPECT_EQ(output.exit, 0) << output.text;
    EXPECT_NE(output.text.find("PASS"), std::string::npos) << output.text;
  }
  StateOnDisk state;
  TestServer server{state, {.handshake = 1s, .head = 1s, .idle = 1s, .drain = 500ms}};
};

TEST_F(Hardening, PlainTextAndGarbage) { run("plaintext.py"); }
TEST_F(Hardening, StalledConnections) { run("stall.py", "150 6"); }
TEST_F(Hardening, OldProtocolsAndWeakSuites) { run("downgrade.sh"); }
TEST_F(Hardening, Sslscan) { run("sslscan.sh"); }

TEST_F(Hardening, PlainHttpIsToldToUseHttps) {
  const Output output = sh("curl -sS --max-time 5 http://" + server.address() + "/");
  EXPECT_NE(output.text.find("use https"), std::string::npos) << output.text;
}

TEST_F(Hardening, AnIdleKeepAliveConnectionIsClosed) {
  tls::Connection link = tls::Connection::connect({.host = "127.0.0.1", .port = server.port(), .name = "localhost"},
                                                  trusting(), tls::within(5s));
  link.write_all(view_of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), tls::within(5s));
  std::uint8_t block[4096];
  EXPECT_GT(link.read(block, tls::within(5s)), 0U);
  while (link.read(block, tls::within(5s)) > 0) {
  }
}

// A real ClientHello, caught on its way.
Bytes real_hello(const std::string& alpn) {
  const tls::Descriptor listening = tls::listen_tcp("127.0.0.1", 0);
  const int port = tls::local_address(listening.get()).port();
  Bytes hello;
  std::thread catcher([&] {
    if (!tls::wait_for(listening.get(), 1, tls::within(5s))) return;
    const tls::Descriptor caller(::accept(listening.get(), nullptr, nullptr));
    hello.resize(8192);
    const ssize_t count = ::read(caller.get(), hello.data(), hello.size());
    hello.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  });
  sh("openssl s_client -connect 127.0.0.1:" + std::to_string(port) + " -alpn " + alpn +
     " -servername x.example.com </dev/null");
  catcher.join();
  return hello;
}

TEST(Hello, IsReadFromWhatIsThere) {
  const Bytes hello = real_hello("chancery-collector/1,http/1.1");
  const ClientHello read = tls::peek_client_hello(hello);
  ASSERT_EQ(read.state, ClientHello::State::complete);
  EXPECT_EQ(read.alpn, (std::vector<std::string>{"chancery-collector/1", "http/1.1"}));
  for (std::size_t size = 0; size < hello.size(); ++size) {
    EXPECT_EQ(tls::peek_client_hello(ByteView(hello).first(size)).state, ClientHello::State::incomplete) << size;
  }
}

TEST(Hello, InSeveralRecordsIsReadAsOne) {
  const Bytes hello = real_hello("chancery-collector/1");
  Bytes pieces;
  for (std::size_t at = 5; at < hello.size(); at += 50) {
    const std::size_t size = std::min<std::size_t>(50, hello.size() - at);
    const Bytes head = {22, 3, 1, 0, static_cast<std::uint8_t>(size & 0xff)};
    pieces.insert(pieces.end(), head.begin(), head.end());
    pieces.insert(pieces.end(), hello.begin() + static_cast<std::ptrdiff_t>(at),
                  hello.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  const ClientHello read = tls::peek_client_hello(pieces);
  EXPECT_EQ(read.state, ClientHello::State::complete);
  EXPECT_TRUE(tls::offers(read, "chancery-collector/1"));
}

TEST(Hello, DamagedOnesAreNeverACrash) {
  const Bytes hello = real_hello("chancery-collector/1");
  for (std::size_t at = 0; at < hello.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      Bytes damaged = hello;
      damaged[at] = static_cast<std::uint8_t>(value);
      (void)tls::peek_client_hello(damaged);
    }
  }
}

}  // namespace
}  // namespace chancery::test
