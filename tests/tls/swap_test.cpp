// Certificates are swapped under load: nothing fails, nothing drops, and whatever starts after a swap sees the new
// leaf.
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "appliance/http/client.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;

tls::Target target_of(const TestServer& server) {
  return {.host = "127.0.0.1", .port = server.port(), .name = "localhost"};
}

// Up to the one byte that is the body.
std::string read_answer(tls::Connection& link) {
  std::string text;
  std::uint8_t block[4096];
  while (text.find("\r\n\r\n1") == std::string::npos) {
    const std::size_t count = link.read(block, tls::within(10s));
    if (count == 0) break;
    text.append(block, block + count);
  }
  return text;
}

TEST(Swap, UnderLoadNothingFailsAndEveryNewHandshakeSeesTheNewLeaf) {
  constexpr int swaps = 100;
  constexpr int clients = 4;
  constexpr int long_lived = 50;
  StateOnDisk state;
  // Connections wait for their turn: how long that takes is up to the machine, not to the server's limit for a head.
  TestServer server(state, {.head = 10min, .idle = 10min});
  server.routes.add("GET", "/", [](const http::Call&) { return http::Answer::json("1"); });
  server.start();
  const auto a = tls::ServingSnapshot::build(state.current(), "portal");
  state.put_in_force(state.stage("b"));
  const auto b = tls::ServingSnapshot::build(state.current(), "portal");
  const std::string leaf_a = Pki::get().fingerprint("a");
  const std::string leaf_b = Pki::get().fingerprint("b");

  const tls::ClientContext context = trusting();
  std::vector<tls::Connection> connections;
  for (int i = 0; i < long_lived; ++i) {
    connections.push_back(tls::Connection::connect(target_of(server), context, tls::within(10s)));
  }
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::atomic<int> handshakes = 0;
  std::vector<std::jthread> load;
  const struct Ending {  // also when something throws: destroyed before the threads are joined
    std::atomic<bool>& done;
    ~Ending() { done = true; }
  } ending{done};
  for (int i = 0; i < clients; ++i) {
    load.emplace_back([&] {
      while (!done) {
        try {
          const auto link = tls::Connection::connect(target_of(server), context, tls::within(10s));
          if (link.peer_chain().size() != 2 || !link.peer_verified()) ++failed;
        } catch (const Failure& failure) {
          ++failed;
          ADD_FAILURE() << failure.what();
        }
        ++handshakes;
      }
    });
  }
  int stale = 0;
  for (int i = 0; i < swaps; ++i) {
    const bool to_b = i % 2 == 0;
    server.live.set(to_b ? b : a);
    const auto link = tls::Connection::connect(target_of(server), context, tls::within(10s));
    if (link.peer_chain().at(0).fingerprint() != (to_b ? leaf_b : leaf_a)) ++stale;
    // Each connection that was there before the first swap still answers.
    tls::Connection& old = connections[static_cast<std::size_t>(i) % connections.size()];
    old.write_all(view_of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), tls::within(10s));
    const std::string answer = read_answer(old);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  }
  done = true;
  for (std::jthread& thread : load) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(stale, 0);
  EXPECT_GT(handshakes, clients);
}

// `openssl s_client` saves a session; another one offers it. True when the server resumed it.
class Tickets : public testing::Test {
 protected:
  void start(const StateOptions& options = {}) {
    state = std::make_unique<StateOnDisk>(options);
    server = std::make_unique<TestServer>(*state);
    server->routes.add("GET", "/", [](const http::Call&) { return http::Answer::json("1"); });
    server->start();
    file = state->path() + "/session.pem";
  }
  std::string client(const std::string& more) const {
    // One request, so that the TLS 1.3 ticket after the handshake has been read.
    return sh("printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | timeout 5 openssl "
              "s_client -ign_eof -connect " +
              server->address() + " " + more)
        .text;
  }
  void save(const std::string& more = "") const { client(more + " -sess_out " + file); }
  bool resumes(const std::string& more = "") const {
    return client(more + " -sess_in " + file).find("Reused, TLSv1") != std::string::npos;
  }
  std::unique_ptr<StateOnDisk> state;
  std::unique_ptr<TestServer> server;
  std::string file;
};

TEST_F(Tickets, SurviveASwapOfCertificateAndEndWithAChangeOfTrust) {
  for (const std::string version : {"-tls1_3", "-tls1_2"}) {
    start();
    save(version);
    EXPECT_TRUE(resumes(version)) << version;
    server->swap(state->stage("b"));
    EXPECT_TRUE(resumes(version)) << version;
    save(version);
    server->swap(state->stage({{"trust/federation/roots.pem", text_file(read_text(Pki::get().path("stranger.pem")))}}));
    EXPECT_FALSE(resumes(version)) << version;
    server.reset();
  }
}

TEST_F(Tickets, AreNotGivenToClientsWithCertificatesNorTakenFromOthersByMembers) {
  start();
  const Pki& pki = Pki::get();
  const std::string member =
      " -alpn chancery-member/1 -cert " + pki.path("member.pem") + " -key " + pki.path("member.key");
  for (const std::string version : {"-tls1_3", "-tls1_2"}) {
    save(version + member);
    EXPECT_FALSE(std::filesystem::exists(file) && resumes(version + member)) << version;
    std::filesystem::remove(file);
    // A ticket of the web must not carry anybody past the certificate that members are asked for.
    save(version);
    ASSERT_TRUE(std::filesystem::exists(file));
    const std::string without = client(version + " -alpn chancery-member/1 -sess_in " + file);
    EXPECT_EQ(without.find("HTTP/1.1 200"), std::string::npos) << without;
    std::filesystem::remove(file);
  }
}

TEST(Snapshot, RefusesAKeyThatDoesNotBelongAndTheOldOneStaysInForce) {
  StateOnDisk state;
  TestServer server(state);
  server.start();
  const auto mixed = state.stage({{"identities/portal/key.pem", text_file(read_text(Pki::get().path("b.key")))}});
  try {
    server.swap(mixed);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "key-mismatch");
  }
  const auto link = tls::Connection::connect(target_of(server), trusting(), tls::within(5s));
  EXPECT_EQ(link.peer_chain().at(0).fingerprint(), Pki::get().fingerprint("a"));
}

}  // namespace
}  // namespace chancery::test
