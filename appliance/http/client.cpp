#include "appliance/http/client.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/String.h>

#include <algorithm>

#include "appliance/http/tls_socket.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::http {
namespace {

Failure malformed(const std::string& peer, const std::string& cause) {
  return Failure({.code = "http-malformed",
                  .subject = peer,
                  .cause = "the answer is not proper HTTP: " + cause,
                  .hint = "check that this is the right port of the right program, and its version"});
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; });
}

std::string host_header(const tls::Target& target) {
  const std::string& name = target.name.empty() ? target.host : target.name;
  const std::string host = name.find(':') != std::string::npos ? "[" + name + "]" : name;
  return target.port == 443 ? host : host + ":" + std::to_string(target.port);
}

void send(Poco::Net::HTTPClientSession& session, const tls::Target& target, const Request& request,
          const std::string& peer) {
  Poco::Net::HTTPRequest head(request.method, request.path, Poco::Net::HTTPMessage::HTTP_1_1);
  for (const auto& [name, value] : request.headers) {
    if (has_control(name) || has_control(value)) throw malformed(peer, "a header to be sent has control characters");
    head.set(name, value);
  }
  if (!head.has("Host")) head.set("Host", host_header(target));
  if (!head.has("User-Agent")) head.set("User-Agent", "chancery/" CHANCERY_VERSION);
  head.setKeepAlive(false);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    head.setContentType(request.content_type);
    head.setContentLength(static_cast<std::streamsize>(request.body.size()));
  }
  std::ostream& out = session.sendRequest(head);
  out << request.body << std::flush;
}

std::string read_body(std::istream& in, std::size_t limit, const std::string& peer) {
  std::string body;
  char block[8192];
  while (in.read(block, sizeof block), in.gcount() > 0) {
    body.append(block, static_cast<std::size_t>(in.gcount()));
    if (body.size() > limit) {
      throw Failure({.code = "too-large",
                     .subject = peer,
                     .cause = "the answer is larger than " + std::to_string(limit) + " bytes",
                     .hint = "check that this is the right program at the other end"});
    }
  }
  return body;
}

Reply receive(Poco::Net::HTTPClientSession& session, const TlsSocket& socket, const std::string& method,
              std::size_t limit, const std::string& peer) {
  Poco::Net::HTTPResponse head;
  std::istream& in = session.receiveResponse(head);
  Reply reply{.status = static_cast<int>(head.getStatus()), .headers = {}, .body = ""};
  for (const auto& [name, value] : head) reply.headers[Poco::toLower(name)] = value;
  reply.body = read_body(in, limit, peer);
  socket.rethrow();
  const bool has_body = method != "HEAD" && reply.status != 204 && reply.status != 304;
  const bool cut =
      head.getChunkedTransferEncoding()
          ? socket.saw_end()
          : head.hasContentLength() && reply.body.size() != static_cast<std::uint64_t>(head.getContentLength64());
  if (has_body && cut) throw malformed(peer, "it ends in the middle");
  return reply;
}

}  // namespace

Reply request_bound(const tls::Target& target, const tls::ClientContext& context,
                    const std::function<Request(const tls::Connection&)>& make,
                    const std::function<void(const tls::Connection&, const Reply&)>& check,
                    std::chrono::milliseconds deadline, std::size_t limit) {
  const tls::Deadline until = tls::within(deadline);
  tls::Connection connection = tls::Connection::connect(target, context, until);
  const Request request = make(connection);
  auto* socket = new TlsSocket(connection, until);  // owned by the session's StreamSocket
  Poco::Net::HTTPClientSession session{Poco::Net::StreamSocket(socket)};
  const std::string& peer = connection.peer_address();
  Reply reply;
  try {
    session.setKeepAlive(false);
    send(session, target, request, peer);
    // A server may answer and close before it has read a body it refuses (413): a failed send is only a failure when no
    // answer came either.
    const std::exception_ptr unsent = socket->take_failure();
    try {
      reply = receive(session, *socket, request.method, limit, peer);
    } catch (const std::exception&) {
      if (unsent) std::rethrow_exception(unsent);
      throw;
    }
  } catch (const Failure&) {
    throw;
  } catch (const Poco::Exception& problem) {
    socket->rethrow();
    throw malformed(peer, socket->saw_end() ? "the peer closed without an answer" : problem.displayText());
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
