// The console's API in this process: its own routes and rules, a certificate manager that answers what a test says, and
// clocks that are set by hand. A request goes the way that the web server sends it (http/exchange.cpp): rule of the
// head, route, limit of the body, handler.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "appliance/console/session_routes.h"
#include "appliance/console/verb_routes.h"
#include "tests/control/temporary.h"

namespace chancery::console {

// What a browser or script holds and says.
struct Client {
  std::string cookie;  // "__Host-chancery=…"
  std::string csrf;
  std::string authorization;
  std::string address = "192.0.2.1";
};

struct Request {
  std::string method;
  std::string path;  // with its query
  std::string body;
  std::map<std::string, std::string> headers;  // in lower case; "" takes away what the client says
};

using Fields = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Request form_request(const std::string& method, const std::string& path, const Fields& fields);
[[nodiscard]] Request json_request(const std::string& method, const std::string& path, const nlohmann::json& document);

class Api : public testing::Test {
 protected:
  static constexpr const char* password = "right";
  Api();

  http::Answer ask(const Client& client, const Request& request);
  http::Answer get(const Client& client, const std::string& path) { return ask(client, {"GET", path, "", {}}); }
  http::Answer sign_in(Client& client, const std::string& code = "", const std::string& given = password);
  Client signed_in(const std::string& address = "192.0.2.1");
  std::string code(const std::string& secret_text, int ahead = 0) const;
  // Sets up a second factor and gives its secret in base32. Its first code is used up.
  std::string with_factor(const Client& client);
  void look();     // for what the manager says of changes
  void restart();  // of the console: sessions end, what is kept is read again

  static nlohmann::json json_of(const http::Answer& answer) { return nlohmann::json::parse(answer.body); }
  static std::string code_of(const http::Answer& answer) { return json_of(answer).value("code", ""); }

  test::TemporaryFolder place;
  Folder folder = Folder::open(place.path());
  Appliance appliance;
  SteadyTime now{std::chrono::hours(1)};
  Instant wall = from_rfc3339("2026-11-22T01:00:00Z");

  // What the manager was asked, and what it answers.
  struct Asked {
    nlohmann::json request;
    std::vector<std::string> attachments;
  };
  std::vector<Asked> asked();
  std::function<control::Message(const nlohmann::json& request)> manager_says = [](const nlohmann::json&) {
    return control::Message{.json = R"({"outcome":"done"})", .attachments = {}};
  };

  struct Link;
  struct Parts;
  std::shared_ptr<Parts> console;

 private:
  std::mutex mutex_;
  std::vector<Asked> asked_;
  std::unique_ptr<control::Server> manager_;
};

}  // namespace chancery::console
