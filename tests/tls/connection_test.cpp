// Clients: what they accept and what they say when they refuse, against openssl s_server as the other end.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "tests/failure_code.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;
using tls::ClientContext;
using tls::ClientOptions;
using tls::Connection;
using tls::within;

// openssl s_server with a leaf of the PKI, ended with the object.
class OpensslServer {
 public:
  explicit OpensslServer(const std::string& leaf, const std::string& more = "") : port_(free_port()) {
    const Pki& pki = Pki::get();
    const std::string command = "exec openssl s_server -quiet -accept 127.0.0.1:" + std::to_string(port_) + " -cert " +
                                pki.path(leaf + ".pem") + " -key " + pki.path(leaf + ".key") + " -cert_chain " +
                                pki.path("intermediate.pem") + " " + more + " >/dev/null 2>&1";
    process_ = ::fork();
    if (process_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    const tls::Deadline until = within(10s);
    while (std::chrono::steady_clock::now() < until) {
      try {
        (void)tls::connect_tcp("127.0.0.1", port_, until);
        return;
      } catch (const Failure&) {
        std::this_thread::sleep_for(10ms);
      }
    }
  }
  ~OpensslServer() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Connection connect(const ClientContext& context, const std::string& name = "localhost") const {
    return Connection::connect({.host = "127.0.0.1", .port = port_, .name = name}, context, within(5s));
  }
  int port() const { return port_; }

 private:
  int port_;
  pid_t process_ = -1;
};

ClientContext with(const std::string& root, void (*change)(ClientOptions&)) {
  ClientOptions options;
  options.trust_pem = Pki::get().bytes(root);
  change(options);
  return ClientContext(std::move(options));
}

TEST(Connection, AcceptsAChainUnderATrustedRoot) {
  const OpensslServer server("a");
  const Connection link = server.connect(trusting());
  EXPECT_TRUE(link.peer_verified());
  EXPECT_EQ(link.protocol(), "TLSv1.3");
  ASSERT_EQ(link.peer_chain().size(), 2U);
  EXPECT_EQ(link.peer_chain()[0].fingerprint(), Pki::get().fingerprint("a"));
  EXPECT_EQ(link.peer_chain()[1].fingerprint(), Pki::get().fingerprint("intermediate"));
}

TEST(Connection, AnIntermediateOrTheLeafItselfMayAnchor) {
  const OpensslServer server("a");
  EXPECT_TRUE(server.connect(trusting("intermediate.pem")).peer_verified());
  EXPECT_TRUE(server.connect(trusting("a.pem")).peer_verified());
}

TEST(Connection, RefusesWhatIsNotTrustedAndSaysWhy) {
  const OpensslServer server("a");
  const OpensslServer expired("expired");
  const OpensslServer other("other-name");
  const OpensslServer wrong_use("member");
  EXPECT_EQ(code_of([&] { server.connect(trusting("stranger.pem")); }), "untrusted-root");
  EXPECT_EQ(code_of([&] { expired.connect(trusting()); }), "expired");
  EXPECT_EQ(code_of([&] { other.connect(trusting()); }), "name-mismatch");
  EXPECT_EQ(code_of([&] { wrong_use.connect(trusting("federation.pem")); }), "eku-mismatch");
}

TEST(Connection, IgnoringProblemsConnectsButDoesNotClaimToHaveVerified) {
  const OpensslServer server("a");
  const Connection link = server.connect(with("stranger.pem", [](ClientOptions& o) { o.verify_chain = false; }));
  EXPECT_FALSE(link.peer_verified());
  const OpensslServer other("other-name");
  EXPECT_TRUE(other.connect(with("root.pem", [](ClientOptions& o) { o.verify_name = false; })).peer_verified());
}

TEST(Connection, APinReplacesChainAndName) {
  const OpensslServer server("other-name");
  auto pinned = [](const std::string& leaf) {
    ClientOptions options;
    options.pin = Pki::get().certificate(leaf).key_digest();
    return ClientContext(std::move(options));
  };
  EXPECT_TRUE(server.connect(pinned("other-name")).peer_verified());
  EXPECT_EQ(code_of([&] { server.connect(pinned("a")); }), "pin-mismatch");
}

TEST(Connection, TellsTcpProblemsFromTlsProblems) {
  const ClientContext context = trusting();
  const int nobody = free_port();
  auto connect = [&](const std::string& host, int port) {
    (void)Connection::connect({.host = host, .port = port, .name = ""}, context, within(2s));
  };
  EXPECT_EQ(code_of([&] { connect("127.0.0.1", nobody); }), "tcp-refused");
  EXPECT_EQ(code_of([&] { connect("no-such-host.invalid", 443); }), "name-resolution");
  const tls::Descriptor silent = tls::listen_tcp("127.0.0.1", 0);
  const int silent_port = tls::local_address(silent.get()).port();
  EXPECT_EQ(code_of([&] {
              (void)Connection::connect({.host = "127.0.0.1", .port = silent_port, .name = ""}, context, within(200ms));
            }),
            "timeout");
}

TEST(Connection, PlainTextIsNotTls) {
  const tls::Descriptor plain = tls::listen_tcp("127.0.0.1", 0);
  const int port = tls::local_address(plain.get()).port();
  std::thread server([&] {
    (void)tls::wait_for(plain.get(), 1, within(5s));
    const tls::Descriptor caller(::accept(plain.get(), nullptr, nullptr));
    const std::string greeting = "220 mail.example.com ESMTP\r\n";
    (void)!::write(caller.get(), greeting.data(), greeting.size());
    char byte;
    while (::read(caller.get(), &byte, 1) > 0) {
    }
  });
  EXPECT_EQ(code_of([&] {
              (void)Connection::connect({.host = "127.0.0.1", .port = port, .name = ""}, trusting(), within(5s));
            }),
            "tls-handshake");
  server.join();
}

TEST(Connection, AMissingClientCertificateIsNamed) {
  const OpensslServer server("a", "-Verify 1 -CAfile " + Pki::get().path("federation.pem") + " -verify_return_error");
  Connection link = server.connect(trusting());
  try {
    std::uint8_t byte[1];
    link.read(byte, within(5s));
    FAIL() << "the server did not refuse";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "tls-handshake");
    EXPECT_NE(failure.cause().find("asks for a client certificate"), std::string::npos) << failure.cause();
  }
}

// What a rehearsal says is what the handshake then does, by the same code and the same parameters.
TEST(ClientContext, JudgesAChainAsItsHandshakesDo) {
  struct Case {
    const char* leaf;
    ClientContext context;
    const char* name = "localhost";
  };
  const std::vector<Case> cases{
      {"a", trusting()},
      {"a", trusting("intermediate.pem")},
      {"a", trusting("a.pem")},
      {"a", trusting("stranger.pem")},
      {"a", trusting(), "elsewhere.test"},
      {"expired", trusting()},
      {"other-name", trusting()},
      {"other-name", with("root.pem", [](ClientOptions& o) { o.verify_name = false; })},
      {"member", trusting("federation.pem")},
      {"a", with("stranger.pem", [](ClientOptions& o) { o.verify_chain = false; })},
      {"a", with("root.pem", [](ClientOptions& o) { o.is_revoked = [](const Certificate&) { return true; }; })},
  };
  std::set<std::string> seen;
  for (const Case& each : cases) {
    const OpensslServer server(each.leaf);
    const std::string shown = code_of([&] { server.connect(each.context, each.name); });
    const Pki& pki = Pki::get();
    const auto judged = each.context.judge({pki.certificate(each.leaf), pki.certificate("intermediate")}, each.name);
    EXPECT_EQ(judged ? judged->code : "", shown) << each.leaf << " as " << each.name;
    seen.insert(shown);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "untrusted-root", "name-mismatch", "expired", "eku-mismatch", "revoked"}));
}

TEST(ClientContext, JudgesWithoutAnAnchorThatIsToGo) {
  const Pki& pki = Pki::get();
  const std::vector<Certificate> chain{pki.certificate("a"), pki.certificate("intermediate")};
  Bytes both = pki.bytes("root.pem");
  const Bytes other = pki.bytes("stranger.pem");
  both.insert(both.end(), other.begin(), other.end());
  ClientOptions options;
  options.trust_pem = both;
  const ClientContext context(std::move(options));
  const auto less = context.without({pki.fingerprint("root")});
  ASSERT_TRUE(less.has_value());
  EXPECT_EQ(less->judge(chain, "localhost")->code, "untrusted-root");
  EXPECT_FALSE(context.without({pki.fingerprint("stranger")})->judge(chain, "localhost").has_value());
  EXPECT_FALSE(context.judge(chain, "localhost").has_value()) << "the context itself is as it was";
  EXPECT_FALSE(context.without({pki.fingerprint("root"), pki.fingerprint("stranger")}).has_value());
  EXPECT_EQ(context.judge({}, "localhost")->code, "no-certificate");
}

TEST(ClientContext, RefusesTrustThatCanNeverVerify) {
  EXPECT_EQ(code_of([] { ClientContext context{ClientOptions{}}; }), "no-trust");
  EXPECT_EQ(
      code_of([] { with("root.pem", [](ClientOptions& o) { o.trust_pem = bytes_of("no certificate here\n"); }); }),
      "no-trust");
  EXPECT_EQ(code_of([] {
              with("root.pem", [](ClientOptions& o) {
                o.chain = {Pki::get().certificate("member")};
                o.key = Pki::get().key("outsider");
              });
            }),
            "key-mismatch");
}

}  // namespace
}  // namespace chancery::test
