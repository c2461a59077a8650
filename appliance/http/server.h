// What a serving program answers over HTTPS. The event loop (tls/listener.h) has done the handshake and has read a
// whole request head before a worker thread is taken, so silent and slow peers cost no thread; between two requests of
// one connection it waits in the loop again. HTTP itself is Poco's.
//
//   Routes routes;
//   routes.add("GET", "/api/v1/devices", [&](const Call& call) { return Answer::json(devices.to_json()); });
//
// One boundary catches everything: a Failure becomes a problem document (RFC 9457) with its code (status_of), anything
// else a 500 that says nothing of the inside. Routes are complete before the server starts; find() is then thread safe.
// Limits: head 16 KiB within 10 s, body `body_limit` within 30 s, 64 workers. Every answer carries
// Strict-Transport-Security, X-Content-Type-Options, Content-Security-Policy and Referrer-Policy.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "appliance/tls/connection.h"

namespace chancery::http {

struct Call {
  std::string method;
  std::string path;                            // decoded, without query
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case; Authorization is in `authorization` only
  SecretBytes authorization;                   // the Authorization header's value
  std::string body;                            // bounded
  std::string endpoint;                        // which endpoint it came in by: "portal", "engine-api"
  const tls::Connection& connection;           // exporter, peer chain (ALPN chancery-member/1), peer address
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;

  static Answer json(std::string body, int status = 200);
  static Answer html(std::string body, int status = 200);
  static Answer problem(int status, const std::string& code, const std::string& title, const std::string& detail);
  // A body that is made while it is sent (chunked): `next` is called until it returns "" or throws.
  std::function<std::string()> stream;
};

// The status a Failure of this code is answered with: 404 unknown-…, 409 busy, 413 too-large, 503 not-running, 500 for
// faults of the machine (no-space, io-error, …), 400 for everything else.
[[nodiscard]] int status_of(const std::string& failure_code);
[[nodiscard]] Answer problem_of(const std::exception& problem);

class Routes {
 public:
  using Handler = std::function<Answer(const Call&)>;
  // `path` is exact, or ends in "/*" for everything below.
  void add(const std::string& method, const std::string& path, Handler handler, std::size_t body_limit = 1024 * 1024);
  // For ALPN chancery-member/1 connections only; others get 403.
  void add_for_members(const std::string& method, const std::string& path, Handler handler,
                       std::size_t body_limit = 1024 * 1024);
  // Which Host headers are answered; others get 421 (DNS rebinding). Not asked for connections of members. Without one
  // every host is answered. See serving/host_rule.h for the rule that serving programs use.
  using HostRule = std::function<bool(const std::string& host, const tls::Connection& connection)>;
  void set_host_rule(HostRule rule);
  // Which peers of ALPN chancery-member/1 are members, by their certificate, whose chain the handshake has verified;
  // others get 403 whatever they ask. Without one every such peer is.
  using MemberRule = std::function<bool(const tls::Connection& connection)>;
  void set_member_rule(MemberRule rule);
  // Asked for every request of any other peer: "" admits it, anything else is the code of a 403, so that a certificate
  // that was revoked since its handshake ends there. Without one everybody is admitted.
  using ClientRule = std::function<std::string(const std::string& endpoint, const tls::Connection& connection)>;
  void set_client_rule(ClientRule rule);

  // Asked for every request that has a route, with its head alone (`body` is empty): an answer is given before any of the
  // body is read, and the connection ends. Without one bodies are read up to the route's limit.
  using HeadRule = std::function<std::optional<Answer>(const Call& head)>;
  void set_head_rule(HeadRule rule);

  // For the server (exchange.h). HEAD finds the route of GET. `path_known`: some method has this path.
  struct Route;
  const Route* find(const std::string& method, const std::string& path, bool* path_known) const;
  bool answers_host(const std::string& host, const tls::Connection& connection) const;
  bool is_member(const tls::Connection& connection) const;
  std::string refusal_of_client(const std::string& endpoint, const tls::Connection& connection) const;
  std::optional<Answer> answer_to_head(const Call& head) const;
  Routes();
  ~Routes();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::http
