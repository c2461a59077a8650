// A certificate manager that keeps what it is told of sign-ins, at the socket where programs tell it.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "appliance/control/message.h"
#include "tests/control/temporary.h"

namespace chancery::test {

class Told {
 public:
  explicit Told(const TemporaryFolder& state) : path_(state.path("run/manager/control.sock")) {
    std::filesystem::create_directories(state.path("run/manager"));
    start();
  }
  void start() {
    server_ = std::make_unique<control::Server>(path_, 0600, [this](const control::Message& message, const auto&) {
      const std::lock_guard lock(mutex_);
      ++requests;
      if (refuses) throw Failure({.code = "bad-argument", .subject = "x", .cause = "not taken", .hint = "-"});
      const auto request = nlohmann::json::parse(message.json);
      EXPECT_EQ("audit-report", request.at("verb"));
      for (auto event : request.at("arguments").at("events")) {
        event["program"] = request.at("arguments").at("program");
        events_.push_back(std::move(event));
      }
      return control::Message{.json = "{}", .attachments = {}};
    });
  }
  void stop() { server_.reset(); }
  // What was told since it was asked last; of one event: "done administrator 192.0.2.1 password x1", or the code.
  std::vector<nlohmann::json> events() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }
  std::vector<std::string> words() {
    std::vector<std::string> all;
    for (const auto& event : events()) {
      const std::string how = event.contains("by") ? event.at("by") : event.at("code");
      all.push_back(event.at("outcome").get<std::string>() + " " + event.at("user").get<std::string>() + " " +
                    event.at("address").get<std::string>() + " " + how + " x" + event.at("count").dump());
    }
    return all;
  }
  std::atomic<bool> refuses = false;
  std::atomic<int> requests = 0;

 private:
  const std::string path_;
  std::mutex mutex_;
  std::vector<nlohmann::json> events_;
  std::unique_ptr<control::Server> server_;
};

}  // namespace chancery::test
