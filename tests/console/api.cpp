#include "tests/console/api.h"

#include <sodium.h>
#include <sys/socket.h>

#include <atomic>

#include "appliance/console/second_factor.h"
#include "appliance/http/route.h"
#include "appliance/sign_in/administrator.h"
#include "appliance/tls/descriptor.h"

namespace chancery::console {

namespace {

std::string hash_of(const std::string& password) {
  EXPECT_LE(0, sodium_init());
  std::array<char, crypto_pwhash_STRBYTES> text{};
  EXPECT_EQ(0, crypto_pwhash_str(text.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_MIN,
                                 crypto_pwhash_MEMLIMIT_MIN));
  return text.data();
}

SecretBytes from_base32(const std::string& text) {
  SecretBytes bytes;
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const char letter : text) {
    buffer = (buffer << 5U) | static_cast<unsigned>(letter >= 'A' ? letter - 'A' : letter - '2' + 26);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<std::uint8_t>(buffer >> bits));
  }
  return bytes;
}

}  // namespace

// A connection whose other end is open, as of a peer that listens.
struct Api::Link {
  explicit Link(const std::string& address) : Link(address, pair()) {}
  Link(const std::string& address, const std::array<int, 2>& ends)
      : other(ends[1]),
        connection(tls::Connection::adopt_plain(ends[0], address + ":" + std::to_string(next_port()))) {}
  // Every connection comes by a port of its own.
  static int next_port() {
    static std::atomic<int> last = 20000;
    return ++last;
  }
  static std::array<int, 2> pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
    return ends;
  }
  tls::Descriptor other;
  tls::Connection connection;
};

struct Api::Parts {
  explicit Parts(Api& api)
      : administrator(api.folder),
        sessions(std::chrono::minutes(15), [&api] { return api.now; }),
        access(api.folder, [&api] { return api.wall; }),
        rate(20, [&api] { return api.now; }),
        callers(sessions, access, administrator, rate),
        manager(api.appliance.state),
        events(manager),
        own(api.appliance, sessions, access, administrator, callers, events),
        verbs(manager, callers, administrator) {
    routes.set_head_rule([this](const http::Call& head) { return callers.refusal_of_head(head); });
    own.add_to(routes);
    verbs.add_to(routes);
  }
  Administrator administrator;
  Sessions sessions;
  AccessFile access;
  RateLimit rate;
  Callers callers;
  ManagerLine manager;
  EventHub events;
  SessionRoutes own;
  VerbRoutes verbs;
  http::Routes routes;
  std::vector<std::shared_ptr<Link>> links;  // of streams, as long as those may be read
};

Request form_request(const std::string& method, const std::string& path, const Fields& fields) {
  Request request{method, path, "", {{"content-type", "multipart/form-data; boundary=cut"}}};
  for (const auto& [name, value] : fields) {
    request.body += "--cut\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  request.body += "--cut--\r\n";
  return request;
}

Request json_request(const std::string& method, const std::string& path, const nlohmann::json& document) {
  return {method, path, document.dump(), {{"content-type", "application/json"}}};
}

Api::Api() {
  for (const char* name : {"settings", "run", "run/console", "run/manager"}) {
    folder.make_folder(name, {.mode = 0755, .owner = {}, .group = {}});
  }
  folder.write_atomically("settings/administrator.hash", view_of(hash_of(password)),
                          {.mode = 0600, .owner = {}, .group = {}});
  appliance.state = place.path();
  appliance.name = appliance.internal_name = "console.test";
  manager_ = std::make_unique<control::Server>(
      place.path("run/manager/control.sock"), 0600, [this](const control::Message& message, const auto&) {
        Asked asked{.request = nlohmann::json::parse(message.json), .attachments = {}};
        for (const SecretBytes& each : message.attachments) asked.attachments.emplace_back(text_of(view_of(each)));
        {
          const std::lock_guard lock(mutex_);
          asked_.push_back(asked);
        }
        return manager_says(asked.request);
      });
  restart();
}

void Api::look() { console->events.look(); }

void Api::restart() { console = std::make_shared<Parts>(*this); }

std::vector<Api::Asked> Api::asked() {
  const std::lock_guard lock(mutex_);
  return std::exchange(asked_, {});
}

http::Answer Api::ask(const Client& client, const Request& request) {
  const std::size_t question = request.path.find('?');
  const auto link = std::make_shared<Link>(client.address);
  http::Call call{.method = request.method,
                  .path = request.path.substr(0, question),
                  .query = {},
                  .headers = {{"host", "console.test"}},
                  .authorization = secret_copy(client.authorization),
                  .body = "",
                  .endpoint = "console",
                  .connection = link->connection};
  for (std::size_t at = question; at != std::string::npos;) {
    const std::size_t end = request.path.find('&', at + 1);
    const std::string pair = request.path.substr(at + 1, end - at - 1);
    call.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    at = end;
  }
  if (!client.cookie.empty()) call.headers["cookie"] = client.cookie;
  if (!client.csrf.empty()) call.headers["x-csrf-token"] = client.csrf;
  for (const auto& [name, value] : request.headers) call.headers[name] = value;
  std::erase_if(call.headers, [](const auto& header) { return header.second.empty(); });
  try {
    bool path_known = false;
    const http::Routes::Route* route = console->routes.find(call.method, call.path, &path_known);
    if (route == nullptr) return http::Answer::problem(path_known ? 405 : 404, "no-route", "", "");
    if (auto answer = console->routes.answer_to_head(call)) return *answer;
    if (request.body.size() > route->body_limit) return http::Answer::problem(413, "too-large", "", "");
    call.body = request.body;
    http::Answer answer = route->handler(call);
    if (answer.stream) console->links.push_back(link);
    return answer;
  } catch (const std::exception& problem) {
    return http::problem_of(problem);
  }
}

http::Answer Api::sign_in(Client& client, const std::string& code, const std::string& given) {
  Fields fields{{"user", "administrator"}, {"password", given}};
  if (!code.empty()) fields.emplace_back("code", code);
  http::Answer answer = ask(client, form_request("POST", "/api/v1/session", fields));
  if (answer.status == 200) {
    client.cookie = answer.headers.at("Set-Cookie");
    client.cookie.resize(client.cookie.find(';'));
    client.csrf = json_of(answer).at("csrf");
  }
  return answer;
}

Client Api::signed_in(const std::string& address) {
  Client client{.cookie = "", .csrf = "", .authorization = "", .address = address};
  EXPECT_EQ(200, sign_in(client).status);
  return client;
}

std::string Api::code(const std::string& secret_text, int ahead) const {
  return factor_code(from_base32(secret_text), wall.time_since_epoch().count() / 30 + ahead);
}

std::string Api::with_factor(const Client& client) {
  const std::string secret = json_of(ask(client, {"POST", "/api/v1/second-factor", "", {}})).at("secret");
  EXPECT_EQ(200, ask(client, form_request("PUT", "/api/v1/second-factor", {{"code", code(secret)}})).status);
  return secret;
}

}  // namespace chancery::console
