// Programs found by their run locks and asked over real control sockets.

#include "appliance/change/programs.h"

#include <atomic>
#include <latch>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/control/message.h"
#include "keystore/files/lock.h"
#include "tests/keystore/workshop.h"

namespace chancery::test {
namespace {

using nlohmann::json;

class RunningProgramsTest : public testing::Test {
 protected:
  RunningProgramsTest() {
    appliance.state = shop.path();
    appliance.role = Role::secondary;
    appliance.name = "a.example";
    for (const char* program : {"console", "engine"}) {
      std::filesystem::create_directories(shop.path(std::string("run/") + program));
    }
    programs = change::running_programs(appliance);
  }
  void start(const std::string& name, control::Server::Handler handler) {
    locks.push_back(FileLock::take(shop.path("run/" + name + "/lock"), name, std::chrono::seconds(1)));
    servers.push_back(std::make_unique<control::Server>(shop.path("run/" + name + "/control.sock"), 0600, handler));
  }
  change::ProgramStatus status_of(const std::string& name) {
    for (const change::ProgramStatus& status : programs->status()) {
      if (status.program == name) return status;
    }
    return {};
  }

  Workshop shop;
  Appliance appliance;
  std::unique_ptr<change::Programs> programs;
  std::vector<FileLock> locks;
  std::vector<std::unique_ptr<control::Server>> servers;
};

TEST_F(RunningProgramsTest, AFreeRunLockIsAStoppedProgram) {
  const auto all = programs->status();
  ASSERT_EQ(2U, all.size());
  for (const auto& status : all) EXPECT_FALSE(status.running) << status.program;
  EXPECT_EQ("not-running", code_of([&] { programs->prepare("engine", 2); }));
  programs->abandon("engine", 2);  // nobody to tell is fine
}

TEST_F(RunningProgramsTest, StatusAndVerbsGoOverTheControlProtocol) {
  std::vector<std::string> heard;
  start("engine", [&](const control::Message& request, const control::Caller&) -> control::Message {
    const json asked = json::parse(request.json);
    heard.push_back(asked.at("verb"));
    if (asked.at("verb") == "status") {
      return {.json = json{{"ok", true},
                           {"program", "engine"},
                           {"pid", 4711},
                           {"version", "1"},
                           {"generation", 12},
                           {"endpoints", json::array({{{"endpoint", "engine"},
                                                       {"identity", "engine"},
                                                       {"host", "127.0.0.1"},
                                                       {"port", 443},
                                                       {"sha256", "ab"}}})}}
                          .dump(),
              .attachments = {}};
    }
    EXPECT_EQ(13, asked.at("generation"));
    if (asked.at("verb") == "activate") {
      throw Failure(
          {.code = "key-mismatch", .subject = "engine.pem", .cause = "does not fit", .hint = "give the right one"});
    }
    return {.json = R"({"ok":true})", .attachments = {}};
  });
  const change::ProgramStatus status = status_of("engine");
  EXPECT_TRUE(status.running);
  EXPECT_TRUE(status.answering);
  EXPECT_EQ(12U, status.generation);
  EXPECT_EQ(4711, status.pid);
  ASSERT_EQ(1U, status.endpoints.size());
  EXPECT_EQ("engine", status.endpoints[0].identity);
  EXPECT_EQ(443, status.endpoints[0].port);
  EXPECT_FALSE(status_of("console").running);
  programs->prepare("engine", 13);
  programs->abandon("engine", 13);
  try {
    programs->activate("engine", 13);
    ADD_FAILURE() << "not refused";
  } catch (const Failure& failure) {
    EXPECT_EQ("key-mismatch", failure.code());
    EXPECT_EQ("engine", failure.subject());
    EXPECT_NE(std::string::npos, failure.cause().find("activate generation 13: engine.pem: does not fit"));
    EXPECT_EQ("give the right one", failure.hint());
  }
  EXPECT_EQ((std::vector<std::string>{"status", "status", "prepare", "abandon", "activate"}), heard);
}

TEST_F(RunningProgramsTest, AllAreAskedToActivateAtOnce) {
  // Each answers only when the other was asked as well.
  std::latch all_asked(2);
  for (const char* program : {"console", "engine"}) {
    start(program, [&](const control::Message&, const control::Caller&) {
      all_asked.arrive_and_wait();
      return control::Message{.json = R"({"ok":true})", .attachments = {}};
    });
  }
  programs->activate_all({"console", "engine"}, 13);
}

TEST_F(RunningProgramsTest, OneThatRefusesToActivateIsNamedWhenAllHaveAnswered) {
  std::atomic<int> heard{0};
  start("console", [&](const control::Message&, const control::Caller&) -> control::Message {
    ++heard;
    throw Failure({.code = "too-many-files", .subject = "console", .cause = "no descriptor left", .hint = "raise it"});
  });
  start("engine", [&](const control::Message&, const control::Caller&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the refusal is there long before
    ++heard;
    return control::Message{.json = R"({"ok":true})", .attachments = {}};
  });
  try {
    programs->activate_all({"console", "engine"}, 13);
    ADD_FAILURE() << "not refused";
  } catch (const Failure& failure) {
    EXPECT_EQ("too-many-files", failure.code());
    EXPECT_EQ("console", failure.subject());
  }
  EXPECT_EQ(2, heard);
}

TEST_F(RunningProgramsTest, OneThatStartsIsWaitedFor) {
  locks.push_back(FileLock::take(shop.path("run/engine/lock"), "engine", std::chrono::seconds(1)));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    servers.push_back(std::make_unique<control::Server>(
        shop.path("run/engine/control.sock"), 0600, [](const control::Message&, const control::Caller&) {
          return control::Message{.json = R"({"ok":true,"generation":3})", .attachments = {}};
        }));
  });
  const change::ProgramStatus status = status_of("engine");
  later.join();
  EXPECT_TRUE(status.answering);
  EXPECT_EQ(3U, status.generation);
}

TEST_F(RunningProgramsTest, OneThatAnswersNonsenseIsSilent) {
  start("engine", [](const control::Message&, const control::Caller&) {
    return control::Message{.json = "[]", .attachments = {}};
  });
  const change::ProgramStatus status = status_of("engine");
  EXPECT_TRUE(status.running);
  EXPECT_FALSE(status.answering);
}

}  // namespace
}  // namespace chancery::test
