#include "appliance/http/fetch.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "appliance/http/client.h"
#include "appliance/http/reply_reader.h"
#include "appliance/settings/policy.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::http {
namespace {

constexpr std::size_t url_limit = 2048;

Failure bad_url(const std::string& text, const std::string& cause) {
  return Failure({.code = "bad-url",
                  .subject = text.substr(0, 200),
                  .cause = cause,
                  .hint = "write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH"});
}

Failure timed_out(const std::string& peer) {
  return Failure({.code = "timeout",
                  .subject = peer,
                  .cause = "no progress in time",
                  .hint = "check the server and the network between, then try again"});
}

std::string request_text(const Url& url) {
  const std::string host = url.host.find(':') != std::string::npos ? "[" + url.host + "]" : url.host;
  return "GET " + url.path + " HTTP/1.1\r\nHost: " + host + (url.port == 80 ? "" : ":" + std::to_string(url.port)) +
         "\r\nUser-Agent: chancery/" CHANCERY_VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

Reply plain_get(const Url& url, const FetchOptions& options) {
  const tls::Deadline until = tls::within(options.deadline);
  const tls::TcpLink link = tls::connect_tcp(url.host, url.port, until);
  const std::string request = request_text(url);
  for (std::size_t sent = 0; sent < request.size();) {
    if (!tls::wait_for(link.descriptor.get(), POLLOUT, until)) throw timed_out(link.peer);
    const ssize_t count = ::send(link.descriptor.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) throw system_failure(errno, "talk to", link.peer);
    sent += static_cast<std::size_t>(std::max<ssize_t>(0, count));
  }
  ReplyReader reader("GET", options.limit, link.peer);
  std::array<std::uint8_t, 16 * 1024> block{};
  while (!reader.is_complete()) {
    if (!tls::wait_for(link.descriptor.get(), POLLIN, until)) throw timed_out(link.peer);
    const ssize_t count = ::recv(link.descriptor.get(), block.data(), block.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) throw system_failure(errno, "talk to", link.peer);
    if (count == 0) {
      reader.end();
    } else {
      reader.feed({block.data(), static_cast<std::size_t>(count)});
    }
  }
  return reader.take();
}

Reply secure_get(const Url& url, const FetchOptions& options) {
  tls::ClientOptions client;
  client.trust_pem = options.trust_pem;
  client.alpn = {"http/1.1"};
  return request({.host = url.host, .port = url.port, .name = url.host}, tls::ClientContext(std::move(client)),
                 {.method = "GET", .path = url.path, .content_type = {}, .body = {}, .headers = {}}, options.deadline,
                 options.limit);
}

}  // namespace

Url parse_url(const std::string& text) {
  if (text.size() > url_limit) throw bad_url(text, "it is longer than 2,048 characters");
  const bool is_plain = std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!is_plain) throw bad_url(text, "it holds blanks, control or non-ASCII characters");
  Url url;
  std::size_t start = 0;
  if (text.starts_with("http://")) {
    start = 7;
  } else if (text.starts_with("https://")) {
    url.is_secure = true;
    start = 8;
  } else {
    throw bad_url(text, "it begins with neither http:// nor https://");
  }
  const std::size_t slash = std::min(text.find_first_of("/?#", start), text.size());
  const std::string authority = text.substr(start, slash - start);
  if (authority.find('@') != std::string::npos || text.find('#') != std::string::npos) {
    throw bad_url(text, "user names and fragments have no place in it");
  }
  try {
    const ProbeAddress address = parse_address(authority, url.is_secure ? 443 : 80);
    url.host = address.host;
    url.port = address.port;
  } catch (const Failure& failure) {
    throw bad_url(text, failure.cause());
  }
  if (slash < text.size()) url.path = (text[slash] == '/' ? "" : "/") + text.substr(slash);
  return url;
}

Bytes fetch(const std::string& text, const FetchOptions& options) {
  const Url url = parse_url(text);
  const Reply reply = url.is_secure ? secure_get(url, options) : plain_get(url, options);
  if (reply.status != 200) {
    throw Failure({.code = "http-status",
                   .subject = text.substr(0, 200),
                   .cause = "the server answered with status " + std::to_string(reply.status),
                   .hint = "look whether the address is right and the file there; redirections are not followed"});
  }
  return bytes_of(reply.body);
}

}  // namespace chancery::http
