// What a serving program answers over HTTPS. The event loop (tls/listener.h) has done the handshake and has read a
// whole request head before a worker thread is taken, so silent and slow peers cost no thread; between two requests of
// one connection it waits in the loop again. HTTP itself is Poco's.
//
//   Routes routes;
//   routes.add("GET", "/api/v1/devices", [&](const Call& call) { return Answer::json(devices.to_json()); });
//
// One boundary catches everything: a Failure becomes a problem document (RFC 9457) with its code, anything else a 500
// that says nothing of the inside. Limits: head 16 KiB within 10 s, body `body_limit` within 30 s, 64 workers.
// Every answer carries Strict-Transport-Security, X-Content-Type-Options, Content-Security-Policy and Referrer-Policy.
#pragma once

#include <functional>
#include <map>
#include <memory>
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

class Routes {
 public:
  using Handler = std::function<Answer(const Call&)>;
  // `path` is exact, or ends in "/*" for everything below.
  void add(const std::string& method, const std::string& path, Handler handler, std::size_t body_limit = 1024 * 1024);
  // For ALPN chancery-member/1 connections only; others get 403.
  void add_for_members(const std::string& method, const std::string& path, Handler handler,
                       std::size_t body_limit = 1024 * 1024);
  struct Route;
  const Route* find(const std::string& method, const std::string& path, bool* path_known) const;
  Routes();
  ~Routes();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::http
