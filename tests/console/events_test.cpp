// What pages that are open are told of changes, and of the certificate manager itself.
#include <gmock/gmock.h>

#include "keystore/files/lock.h"
#include "tests/console/api.h"

namespace chancery::console {
namespace {

class Events : public Api {
 protected:
  http::Answer listen() { return get(ada, "/api/v1/events"); }
  // The manager's answer to the next looks.
  void says(const std::string& epoch, int last, const std::vector<std::string>& steps) {
    nlohmann::json reply{{"epoch", epoch}, {"last", last}, {"events", nlohmann::json::array()}};
    for (const std::string& step : steps) reply["events"].push_back({{"step", step}});
    manager_says = [reply](const nlohmann::json& request) {
      EXPECT_EQ("progress", request.at("verb"));
      return control::Message{.json = reply.dump(), .attachments = {}};
    };
  }
  static std::string event(const std::string& name, const std::string& data) {
    return "event: " + name + "\ndata: " + data + "\n\n";
  }
  int asked_after() {
    const auto all = asked();
    EXPECT_EQ(1U, all.size());
    return all.empty() ? -1 : all[0].request.at("arguments").at("after").get<int>();
  }
  static constexpr const char* lock = "run/manager/lock";

  Client ada = signed_in();
};

TEST_F(Events, AreToldAsTheyHappen) {
  const http::Answer page = listen();
  EXPECT_EQ("retry: 1000\n" + event("hello", "{}"), page.stream());
  says("first", 7, {"of before"});
  look();
  EXPECT_EQ(0, asked_after());
  says("first", 9, {"staged", "switched"});
  look();
  EXPECT_EQ(7, asked_after());
  EXPECT_EQ(event("progress", R"({"step":"staged"})") + event("progress", R"({"step":"switched"})"), page.stream())
      << "and nothing of what was before the page";
  says("first", 9, {});
  look();
  EXPECT_EQ(9, asked_after());
  says("first", 10, {"ended"});
  look();
  EXPECT_EQ(event("progress", R"({"step":"ended"})"), page.stream());
}

// Its numbers are new: pages ask anew for what they show.
TEST_F(Events, OfAnotherManagerBeginWithHello) {
  says("first", 7, {});
  look();
  const http::Answer page = listen();
  EXPECT_EQ("retry: 1000\n" + event("hello", R"({"manager":true})"), page.stream());
  (void)asked();
  says("second", 3, {"of before"});
  look();
  EXPECT_EQ(7, asked_after());
  EXPECT_EQ(event("hello", R"({"manager":true})"), page.stream());
  says("second", 4, {"staged"});
  look();
  EXPECT_EQ(3, asked_after());
  EXPECT_EQ(event("progress", R"({"step":"staged"})"), page.stream());
}

TEST_F(Events, SayThatTheManagerIsAway) {
  says("first", 1, {});
  auto held = FileLock::try_take(place.path(lock), "chancery-manager");
  look();
  const http::Answer page = listen();
  (void)page.stream();
  held.reset();
  look();
  look();
  EXPECT_EQ(event("manager", R"({"running":false})"), page.stream()) << "once";
  EXPECT_EQ("retry: 1000\n" + event("hello", R"({"manager":false})"), listen().stream());
  held = FileLock::try_take(place.path(lock), "chancery-manager");
  look();
  EXPECT_EQ(event("manager", R"({"running":true})"), page.stream());
  EXPECT_EQ("retry: 1000\n" + event("hello", R"({"manager":true})"), listen().stream());
  // An error is an answer; something that is none is not.
  manager_says = [](const nlohmann::json&) -> control::Message {
    throw Failure({.code = "busy", .subject = "x", .cause = "y", .hint = "z"});
  };
  look();
  EXPECT_EQ("retry: 1000\n" + event("hello", R"({"manager":true})"), listen().stream());
  manager_says = [](const nlohmann::json&) { return control::Message{.json = "{}", .attachments = {}}; };
  look();
  EXPECT_EQ(event("manager", R"({"running":false})"), page.stream());
}

}  // namespace
}  // namespace chancery::console
