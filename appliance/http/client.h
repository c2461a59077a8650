// A small HTTPS client for appliances among themselves: one request per connection, bounded replies, deadlines, and the
// TLS exporter of the very connection at hand for protocols that bind to it. HTTP is read by reply_reader.h.
//
//   Reply reply = http::request(target, context, {.method = "POST", .path = "/join", .body = text}, {}, 10s);
//
// Of a deadline at most 15 s are for the handshake. Failures are those of tls/connection.h, "closed" also where the
// answer ends in the middle, "http-malformed" and "too-large". A status of 400 and up is a value.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "appliance/tls/connection.h"

namespace chancery::http {

struct Request {
  std::string method = "GET";
  std::string path = "/";
  std::string content_type = "application/json";
  std::string body = {};
  std::map<std::string, std::string> headers = {};
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // at most `limit` bytes
};

[[nodiscard]] Reply request(const tls::Target& target, const tls::ClientContext& context, const Request& request,
                            std::chrono::milliseconds deadline, std::size_t limit = 1024 * 1024);

// For protocols that bind the body to the session: `make` sees the connection after its handshake and returns the
// request; `check` sees connection and reply before the connection ends.
[[nodiscard]] Reply request_bound(const tls::Target& target, const tls::ClientContext& context,
                                  const std::function<Request(const tls::Connection&)>& make,
                                  const std::function<void(const tls::Connection&, const Reply&)>& check,
                                  std::chrono::milliseconds deadline, std::size_t limit = 1024 * 1024);

}  // namespace chancery::http
