#include "appliance/http/client.h"

#include <algorithm>
#include <array>
#include <exception>

#include "appliance/http/reply_reader.h"
#include "keystore/fault.h"

namespace chancery::http {
namespace {

// However long an answer may take: a machine that is off, or hangs, is known by its silence here.
constexpr std::chrono::seconds handshake_longest{15};

Failure closed_early(const std::string& peer) {
  return Failure({.code = "closed",
                  .subject = peer,
                  .cause = "the connection ended before its answer did",
                  .hint = "try again; the other side's log says why it ended"});
}

Failure malformed_request(const std::string& peer) {
  return Failure({.code = "http-malformed",
                  .subject = peer,
                  .cause = "method, path or a header to be sent has control characters",
                  .hint = "check the names and addresses this request was made from"});
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; });
}

std::string host_header(const tls::Target& target) {
  const std::string& name = target.name.empty() ? target.host : target.name;
  const std::string host = name.find(':') != std::string::npos ? "[" + name + "]" : name;
  return target.port == 443 ? host : host + ":" + std::to_string(target.port);
}

std::string text_of(const tls::Target& target, const Request& request, const std::string& peer) {
  std::map<std::string, std::string> headers = request.headers;
  headers.emplace("Host", host_header(target));
  headers.emplace("User-Agent", "chancery/" CHANCERY_VERSION);
  headers["Connection"] = "close";
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    headers["Content-Type"] = request.content_type;
    headers["Content-Length"] = std::to_string(request.body.size());
  }
  std::string text = request.method + " " + request.path + " HTTP/1.1\r\n";
  bool bad = has_control(request.method) || has_control(request.path) || request.path.find(' ') != std::string::npos;
  for (const auto& [name, value] : headers) {
    bad = bad || has_control(name) || has_control(value);
    text += name + ": " + value + "\r\n";
  }
  if (bad) throw malformed_request(peer);
  return text + "\r\n" + request.body;
}

Reply receive(tls::Connection& connection, const std::string& method, tls::Deadline until, std::size_t limit) {
  ReplyReader reader(method, limit, connection.peer_address());
  std::array<std::uint8_t, 16 * 1024> block{};
  while (!reader.is_complete()) {
    const std::size_t count = connection.read(block, until);
    if (count == 0) {
      try {
        reader.end();
      } catch (const Failure&) {
        throw closed_early(connection.peer_address());
      }
    } else {
      reader.feed({block.data(), count});
    }
  }
  return reader.take();
}

}  // namespace

Reply request_bound(const tls::Target& target, const tls::ClientContext& context,
                    const std::function<Request(const tls::Connection&)>& make,
                    const std::function<void(const tls::Connection&, const Reply&)>& check,
                    std::chrono::milliseconds deadline, std::size_t limit) {
  const tls::Deadline until = tls::within(deadline);
  tls::Connection connection =
      tls::Connection::connect(target, context, std::min(until, tls::within(handshake_longest)));
  const Request request = make(connection);
  const std::string text = text_of(target, request, connection.peer_address());
  // A server may answer and close before it has read a body it refuses (413): a failed send is only a failure when no
  // answer came either.
  std::exception_ptr unsent;
  try {
    connection.write_all(view_of(text), until);
  } catch (const Failure&) {
    unsent = std::current_exception();
  }
  Reply reply;
  try {
    reply = receive(connection, request.method, until, limit);
  } catch (const Failure&) {
    if (unsent) std::rethrow_exception(unsent);
    throw;
  }
  check(connection, reply);
  return reply;
}

Reply request(const tls::Target& target, const tls::ClientContext& context, const Request& request,
              std::chrono::milliseconds deadline, std::size_t limit) {
  return request_bound(
      target, context, [&](const tls::Connection&) { return request; }, [](const tls::Connection&, const Reply&) {},
      deadline, limit);
}

}  // namespace chancery::http
