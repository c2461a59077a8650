#include "appliance/control/message.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/control/temporary.h"

namespace chancery::control {
namespace {

using test::failure_of;
using namespace std::chrono_literals;

Message text(const std::string& json) { return {.json = json, .attachments = {}}; }

// A peer that speaks bytes, not messages.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(0, ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  ~RawPeer() { ::close(socket_); }
  void send(const std::string& bytes) const {
    EXPECT_EQ(ssize_t(bytes.size()), ::send(socket_, bytes.data(), bytes.size(), 0));
  }
  std::string receive_all() const {
    std::string all;
    std::array<char, 4096> block{};
    for (ssize_t count = 0; (count = ::recv(socket_, block.data(), block.size(), 0)) > 0;) {
      all.append(block.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int socket_;
};

class Control : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  std::string path = folder.path("control.sock");
};

TEST_F(Control, CarriesTextAndAttachmentsBothWays) {
  const Server server(path, 0600, [](const Message& request, const Caller& caller) {
    EXPECT_EQ(::getuid(), caller.uid);
    EXPECT_EQ(::getpid(), caller.pid);
    Message reply = text(request.json);
    for (const SecretBytes& attachment : request.attachments) reply.attachments.push_back(attachment);
    return reply;
  });
  Message request = text(R"({"verb":"status"})");
  request.attachments.push_back(secret_copy(std::string_view("one")));
  request.attachments.emplace_back();
  request.attachments.emplace_back(3'000'000, std::uint8_t{7});
  const Message reply = ask(path, request, 10s);
  EXPECT_EQ(request.json, reply.json);
  ASSERT_EQ(3U, reply.attachments.size());
  EXPECT_EQ(request.attachments[0], reply.attachments[0]);
  EXPECT_TRUE(reply.attachments[1].empty());
  EXPECT_EQ(request.attachments[2], reply.attachments[2]);
}

TEST_F(Control, FailuresOfTheHandlerArriveAsThemselves) {
  const Server server(path, 0600, [](const Message& request, const Caller&) -> Message {
    if (request.json == "{}") throw std::runtime_error("broken");
    throw Failure({.code = "key-mismatch", .subject = "a.key", .cause = "no", .hint = "do", .needs_person = true});
  });
  const Failure failure = failure_of([&] { (void)ask(path, text(R"({"verb":"x"})"), 5s); });
  EXPECT_EQ("key-mismatch", failure.code());
  EXPECT_EQ("a.key", failure.subject());
  EXPECT_EQ("no", failure.cause());
  EXPECT_EQ("do", failure.hint());
  EXPECT_TRUE(failure.needs_person());
  EXPECT_EQ("internal", failure_of([&] { (void)ask(path, text("{}"), 5s); }).code());
  const auto json = nlohmann::json::parse(exchange(path, text(R"({"verb":"x"})"), 5s).json);
  EXPECT_EQ("key-mismatch", json.at("error").at("code"));
}

TEST_F(Control, NobodyThere) {
  EXPECT_EQ("not-running", failure_of([&] { (void)ask(path, text("{}"), 1s); }).code());
  EXPECT_EQ("not-running", failure_of([&] { (void)ask("/nowhere/at/all.sock", text("{}"), 1s); }).code());
  {
    const Server gone(path, 0600, [](const Message& request, const Caller&) { return request; });
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Control, AStaleSocketIsReplacedAndModeIsExact) {
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(0, ::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  ::close(stale);
  EXPECT_EQ("not-running", failure_of([&] { (void)ask(path, text("{}"), 1s); }).code());
  const Server server(path, 0666, [](const Message& request, const Caller&) { return request; });
  EXPECT_EQ("{}", ask(path, text("{}"), 5s).json);
  struct stat status {};
  ASSERT_EQ(0, ::stat(path.c_str(), &status));
  EXPECT_EQ(0666U, status.st_mode & 0777U);
}

TEST_F(Control, TheOldServerDoesNotRemoveTheNewOnesSocket) {
  const auto echo = [](const Message& request, const Caller&) { return request; };
  auto first = std::make_unique<Server>(path, 0600, echo);
  const Server second(path, 0600, echo);
  first.reset();
  EXPECT_EQ("{}", ask(path, text("{}"), 5s).json);
}

TEST_F(Control, PathsLongerThanAnAddress) {
  const std::string deep = folder.path(std::string(90, 'a') + "/" + std::string(90, 'b'));
  std::filesystem::create_directories(deep);
  const Server server(deep + "/control.sock", 0600, [](const Message& request, const Caller&) { return request; });
  EXPECT_EQ("{}", ask(deep + "/control.sock", text("{}"), 5s).json);
}

TEST_F(Control, ASlowAnswerIsATimeout) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  const Server server(path, 0600, [released](const Message& request, const Caller&) {
    released.wait();
    return request;
  });
  EXPECT_EQ("timeout", failure_of([&] { (void)ask(path, text("{}"), 50ms); }).code());
  release.set_value();
}

TEST_F(Control, SizesThatLieCostNothing) {
  const Server server(path, 0600, [](const Message& request, const Caller&) { return request; });
  const auto refused = [&](const std::string& bytes) {
    const RawPeer peer(path);
    peer.send(bytes);
    return peer.receive_all().find("too-large") != std::string::npos;
  };
  EXPECT_TRUE(refused(std::string("\xff\xff\xff\xff", 4)));                 // text of 4 GiB
  EXPECT_TRUE(refused(std::string("\0\0\0\2{}\0\1\xff\xff\xff\xff", 12)));  // an attachment of 4 GiB
  {
    const RawPeer cut(path);
    cut.send(std::string("\0\0\0\x10{", 5));
  }
  EXPECT_EQ("{}", ask(path, text("{}"), 5s).json);
}

TEST_F(Control, SixteenAtOnceAndAllGetTheirTurn) {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  const Server server(path, 0600, [&](const Message& request, const Caller&) {
    const int now = ++at_once;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::sleep_for(2ms);
    --at_once;
    return request;
  });
  std::vector<std::future<std::string>> asked;
  for (int i = 0; i < 100; ++i) {
    asked.push_back(std::async(std::launch::async, [&] { return ask(path, text("{}"), 20s).json; }));
  }
  for (auto& answer : asked) EXPECT_EQ("{}", answer.get());
  EXPECT_LE(most, 16);
}

TEST_F(Control, StopsAtOnceWhileAPeerStalls) {
  auto server = std::make_unique<Server>(path, 0600, [](const Message& request, const Caller&) { return request; });
  const RawPeer stalling(path);
  stalling.send(std::string("\0\0", 2));
  EXPECT_EQ("{}", ask(path, text("{}"), 5s).json);  // the stalling one is in by now
  const auto start = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

}  // namespace
}  // namespace chancery::control
