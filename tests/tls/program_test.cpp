// The frame of serving programs: verbs of the control socket, changeover, ports, and the handover on a single
// appliance.
#include "appliance/serving/program.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/control/message.h"
#include "appliance/http/client.h"
#include "appliance/serving/handover.h"
#include "appliance/serving/host_rule.h"
#include "appliance/tls/log_lines.h"
#include "appliance/tls/probe.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using serving::HostedProgram;

class RunningProgram : public testing::Test {
 protected:
  void start() {
    program = std::make_unique<HostedProgram>(state.path(), "portal");
    program->routes().add("GET", "/",
                          [](const http::Call& call) { return http::Answer::json("\"" + call.endpoint + "\""); });
    program->on_generation([this](const backup::Generation& generation) -> std::function<void()> {
      if (refuse) throw Failure({.code = "bad-setting", .subject = "x", .cause = "refused", .hint = "mend it"});
      return [this, number = generation.number()] { activated = number; };
    });
    program->start();
  }
  json ask(const json& question) {
    return json::parse(
        control::ask(state.path() + "/run/portal/control.sock", {.json = question.dump(), .attachments = {}}, 10s)
            .json);
  }
  std::string code_of(const json& question) {
    try {
      ask(question);
    } catch (const Failure& failure) {
      return failure.code();
    }
    return "";
  }
  std::string served(int port) {
    const auto seen = tls::probe({"127.0.0.1", port, ""}, "localhost", 5s);
    return seen.chain.empty() ? "" : seen.chain[0].fingerprint();
  }

  const std::string a = Pki::get().fingerprint("a");
  const std::string b = Pki::get().fingerprint("b");
  StateOnDisk state;
  bool refuse = false;
  backup::GenerationNumber activated = 0;
  std::unique_ptr<HostedProgram> program;
};

TEST_F(RunningProgram, PreparesActivatesAndAbandons) {
  start();
  const auto first = state.current().number();
  EXPECT_EQ(activated, first);
  json status = ask({{"verb", "status"}});
  EXPECT_EQ(status["generation"], first);
  EXPECT_EQ(status["program"], "portal");
  ASSERT_EQ(status["endpoints"].size(), 1U);
  EXPECT_EQ(status["endpoints"][0]["sha256"], a);
  EXPECT_EQ(status["endpoints"][0]["port"], state.portal_port());

  const auto next = state.stage("b");
  ask({{"verb", "prepare"}, {"generation", next}});
  EXPECT_EQ(served(state.portal_port()), a);
  EXPECT_EQ(activated, first);
  ask({{"verb", "abandon"}, {"generation", next}});
  EXPECT_EQ(served(state.portal_port()), a);
  ask({{"verb", "prepare"}, {"generation", next}});
  state.put_in_force(next);
  ask({{"verb", "activate"}, {"generation", next}});
  EXPECT_EQ(served(state.portal_port()), b);
  EXPECT_EQ(activated, next);
  EXPECT_EQ(ask({{"verb", "status"}})["generation"], next);
  EXPECT_EQ(program->generation().number(), next);
  // Activating what was not prepared builds it afresh.
  ask({{"verb", "activate"}, {"generation", first}});
  EXPECT_EQ(served(state.portal_port()), a);
}

TEST_F(RunningProgram, RefusesToPrepareWhatCannotServeAndStaysAsItWas) {
  start();
  const auto first = state.current().number();
  const auto mixed = state.stage({{"identities/portal/key.pem", text_file(read_text(Pki::get().path("b.key")))}});
  EXPECT_EQ(code_of({{"verb", "prepare"}, {"generation", mixed}}), "key-mismatch");
  EXPECT_EQ(code_of({{"verb", "prepare"}, {"generation", 999}}), "unknown-generation");
  EXPECT_EQ(code_of({{"verb", "dance"}}), "bad-request");
  const tls::Descriptor taken = tls::listen_tcp("127.0.0.1", 0);
  const int taken_port = tls::local_address(taken.get()).port();
  auto moved_to = [&](int port) {
    return state.stage({{"endpoints/portal.toml", text_file("host = \"127.0.0.1\"\nport = " + std::to_string(port) +
                                                            "\nidentity = \"portal\"\n")}});
  };
  EXPECT_EQ(code_of({{"verb", "prepare"}, {"generation", moved_to(taken_port)}}), "port-taken");
  refuse = true;
  EXPECT_EQ(code_of({{"verb", "prepare"}, {"generation", state.stage("b")}}), "bad-setting");
  EXPECT_EQ(served(state.portal_port()), a);
  EXPECT_EQ(ask({{"verb", "status"}})["generation"], first);
  EXPECT_EQ(activated, first);
}

TEST_F(RunningProgram, MovesAnEndpointToAnotherPort) {
  start();
  const int port = free_port();
  const auto next =
      state.stage({{"endpoints/portal.toml",
                    text_file("host = \"127.0.0.1\"\nport = " + std::to_string(port) + "\nidentity = \"portal\"\n")}});
  ask({{"verb", "prepare"}, {"generation", next}});
  EXPECT_EQ(served(state.portal_port()), a);
  ask({{"verb", "activate"}, {"generation", next}});
  EXPECT_EQ(served(port), a);
  EXPECT_EQ(served(state.portal_port()), "");
}

TEST_F(RunningProgram, RunsOnceAndEndsItsBackgroundTasks) {
  start();
  EXPECT_THROW(HostedProgram(state.path(), "portal"), Failure);
  program.reset();
  HostedProgram again(state.path(), "portal");
  std::atomic<int> rounds = 0;
  again.run_in_background("heartbeat", [&] {
    while (again.pause(5ms)) ++rounds;
  });
  again.start();
  while (rounds < 3) std::this_thread::yield();
  again.stop();
  const int after = rounds;
  EXPECT_TRUE(again.stopping());
  EXPECT_EQ(served(state.portal_port()), "");
  EXPECT_EQ(rounds, after);
}

TEST(Handover, OnASingleThePortalGivesCollectorsToTheEngine) {
  StateOnDisk state({.role = "single", .profile = ""});
  // Outlive the engine, whose loop writes them.
  std::mutex mutex;
  std::vector<tls::Connection> collectors;
  std::string endpoint;
  HostedProgram engine(state.path(), "engine");
  engine.on_channel("chancery-collector/1", [&](tls::Connection connection, const std::string& from) {
    std::lock_guard guard(mutex);
    endpoint = from;
    connection.try_write(view_of("hello collector"));
    collectors.push_back(std::move(connection));
  });
  HostedProgram portal(state.path(), "portal");
  portal.routes().add("GET", "/", [](const http::Call& call) { return http::Answer::json(call.endpoint); });
  portal.start();
  const tls::Target target{.host = "127.0.0.1", .port = state.portal_port(), .name = "localhost"};
  const tls::ClientContext collector = trusting("root.pem", {"chancery-collector/1"});
  // The engine is not there yet: collectors are refused and the pages go on.
  EXPECT_THROW((void)tls::Connection::connect(target, collector, tls::within(5s)), Failure);
  EXPECT_EQ(http::request(target, trusting(), {}, 5s).body, "portal");

  engine.start();
  for (int i = 0; i < 3; ++i) {
    tls::Connection link = tls::Connection::connect(target, collector, tls::within(5s));
    EXPECT_EQ(link.alpn(), "chancery-collector/1");
    EXPECT_EQ(link.peer_chain().at(0).fingerprint(), Pki::get().fingerprint("b"));
    std::uint8_t block[64];
    const std::size_t count = link.read(block, tls::within(5s));
    EXPECT_EQ(text_of({block, count}), "hello collector");
  }
  {
    std::lock_guard guard(mutex);
    EXPECT_EQ(endpoint, "engine");
  }
  EXPECT_EQ(http::request(target, trusting(), {}, 5s).body, "portal");
  EXPECT_EQ(std::filesystem::status(state.path() + "/run/engine/handover.sock").permissions(),
            std::filesystem::perms(0660));
}

TEST(Handover, AMessageWithTwoDescriptorsLeavesNoneBehind) {
  StateOnDisk state({.role = "single", .profile = ""});
  std::filesystem::create_directories(state.path() + "/run/engine");
  std::atomic<int> taken = 0;
  const serving::HandoverReceiver receiver(Folder::open(state.path()), [&](tls::Descriptor) { ++taken; });
  const tls::Descriptor link(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const Folder folder = Folder::open(state.path() + "/run/engine");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder.descriptor()) + "/handover.sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(link.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);

  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const tls::Descriptor kept(ends[0]);
  tls::Descriptor given(ends[1]);
  char byte = 'c';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int both[2] = {given.get(), given.get()};
  std::memcpy(CMSG_DATA(header), both, sizeof both);
  ASSERT_EQ(::sendmsg(link.get(), &message, MSG_NOSIGNAL), 1);
  given.reset();

  // The last copy of the other end is closed when nobody holds one any more.
  EXPECT_TRUE(tls::wait_for(kept.get(), POLLIN, tls::within(10s)));
  EXPECT_EQ(::recv(kept.get(), &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(taken, 0);
}

TEST(HostRule, AnswersForItsOwnNamesOnly) {
  StateOnDisk state;
  const auto snapshot = tls::ServingSnapshot::build(state.current(), "portal");
  auto answers = [&](const std::string& header, const std::string& local) {
    return serving::answers_host(header, local, {"Appliance.example.com"}, *snapshot);
  };
  EXPECT_TRUE(answers("appliance.example.com:443", "192.0.2.1"));
  EXPECT_TRUE(answers("PORTAL.example.com", "192.0.2.1"));
  EXPECT_TRUE(answers("192.0.2.1:99", "192.0.2.1"));
  EXPECT_TRUE(answers("[2001:db8::1]:99", "2001:db8::1"));
  EXPECT_TRUE(answers("localhost:99", "127.0.0.1"));
  EXPECT_FALSE(answers("attacker.example.net", "127.0.0.1"));
  EXPECT_FALSE(answers("192.0.2.77", "192.0.2.1"));
  EXPECT_FALSE(answers("", "127.0.0.1"));
}

TEST(LogLines, CarryNoControlCharacters) {
  EXPECT_EQ(tls::printable("a\r\nb\x1b[2Jc\xff"), "a\\x0d\\x0ab\\x1b[2Jc\\xff");
  EXPECT_LT(tls::printable(std::string(10'000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace chancery::test
