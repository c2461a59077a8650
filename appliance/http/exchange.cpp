#include "appliance/http/exchange.h"

#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "appliance/http/route.h"
#include "appliance/http/tls_socket.h"
#include "appliance/tls/log_lines.h"
#include "appliance/tls/server_context.h"
#include "keystore/fault.h"

namespace chancery::http {
namespace {

using Poco::Net::HTTPServerRequestImpl;
using Poco::Net::HTTPServerResponseImpl;

// A verdict on the request itself, before any handler: thrown here and answered at the boundary.
struct Rejected {
  Answer answer;
};

[[noreturn]] void reject(int status, const std::string& code, const std::string& title) {
  throw Rejected{Answer::problem(status, code, title, "")};
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; });
}

std::size_t count_of(const Poco::Net::MessageHeader& head, const std::string& name) {
  return static_cast<std::size_t>(std::count_if(
      head.begin(), head.end(), [&](const auto& entry) { return Poco::icompare(entry.first, name) == 0; }));
}

// What decides where a body ends must be said once and plainly (RFC 9112, section 6.3), or another reader on the way
// could see other requests than we do.
void check_framing(const HTTPServerRequestImpl& request) {
  const std::size_t lengths = count_of(request, "Content-Length");
  const std::size_t encodings = count_of(request, "Transfer-Encoding");
  if (lengths + encodings > 1) reject(400, "bad-request", "the request says in two ways how long it is");
  if (encodings == 1 && Poco::icompare(request.get("Transfer-Encoding"), "chunked") != 0) {
    reject(501, "bad-request", "this transfer encoding is not known");
  }
  if (lengths == 1) {
    const std::string& text = request.get("Content-Length");
    if (text.empty() || text.size() > 15 || text.find_first_not_of("0123456789") != std::string::npos) {
      reject(400, "bad-request", "this content length is no number");
    }
  }
  const std::string& method = request.getMethod();
  if (lengths + encodings == 0 && (method == "POST" || method == "PUT" || method == "PATCH")) {
    reject(411, "bad-request", "a request with a body must say how long it is");
  }
}

// Where a level allows plain text, it is for what anybody may read: a password, a session or an order would be everybody's.
void check_protection(const HTTPServerRequestImpl& request, const tls::Connection& connection) {
  if (!connection.is_plain()) return;
  const std::string& method = request.getMethod();
  const bool reads = method == "GET" || method == "HEAD";
  if (reads && !request.has("Authorization") && !request.has("Cookie")) return;
  reject(403, "plain-text", "without TLS nothing secret is taken and nothing is changed: use https://");
}

void check_host(const HTTPServerRequestImpl& request, const Routes& routes, const std::string& endpoint,
                const tls::Connection& connection) {
  const std::size_t hosts = count_of(request, "Host");
  if (hosts > 1 || (hosts == 0 && request.getVersion() != Poco::Net::HTTPMessage::HTTP_1_0)) {
    reject(400, "bad-request", "the request must name one host");
  }
  if (connection.alpn() == tls::member_protocol) {
    if (routes.is_member(connection)) return;
    reject(403, "forbidden", "this certificate is not that of a member of the federation");
  }
  if (const std::string code = routes.refusal_of_client(endpoint, connection); !code.empty()) {
    reject(403, code, "this client certificate does not count any more");
  }
  if (!routes.answers_host(request.get("Host", ""), connection)) {
    reject(421, "misdirected", "this server does not answer for the host that was asked for");
  }
}

void read_target(const HTTPServerRequestImpl& request, Call& call) {
  try {
    const Poco::URI uri(request.getURI());
    call.path = uri.getPath();
    for (const auto& [name, value] : uri.getQueryParameters()) call.query[name] = value;
  } catch (const Poco::Exception&) {
    reject(400, "bad-request", "this address cannot be read");
  }
  if (call.path.empty()) call.path = "/";
  const bool climbs = (call.path + "/").find("/../") != std::string::npos;
  if (call.path[0] != '/' || climbs || has_control(call.path)) reject(400, "bad-request", "this path is not allowed");
}

void read_headers(HTTPServerRequestImpl& request, Call& call) {
  if (request.has("Authorization")) {
    const std::string& value = request.get("Authorization");
    call.authorization = secret_copy(value);
    wipe(const_cast<char*>(value.data()), value.size());
    request.erase("Authorization");
  }
  for (const auto& [name, value] : request) {
    std::string& slot = call.headers[Poco::toLower(name)];
    slot += (slot.empty() ? "" : ", ") + value;
  }
}

[[noreturn]] void reject_body(std::size_t limit) {
  reject(413, "too-large", "the body is larger than " + std::to_string(limit) + " bytes");
}

std::string read_body(HTTPServerRequestImpl& request, HTTPServerResponseImpl& response, TlsSocket& socket,
                      std::size_t limit) {
  const bool chunked = request.getChunkedTransferEncoding();
  const auto announced = request.hasContentLength() ? static_cast<std::size_t>(request.getContentLength64()) : 0;
  if (announced > limit) reject_body(limit);
  if (!chunked && announced == 0) return "";
  if (request.getExpectContinue()) response.sendContinue();
  std::string body;
  char block[8192];
  std::istream& in = request.stream();
  while (in.read(block, sizeof block), in.gcount() > 0) {
    body.append(block, static_cast<std::size_t>(in.gcount()));
    if (body.size() > limit) reject_body(limit);
  }
  socket.rethrow();
  if (socket.saw_end() || (!chunked && body.size() != announced)) reject(400, "bad-request", "the body ends too early");
  return body;
}

void set_head(HTTPServerResponseImpl& response, const Answer& answer, bool keep, bool plain) {
  response.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(answer.status));
  response.setContentType(answer.content_type);
  if (!plain) response.set("Strict-Transport-Security", "max-age=31536000");  // RFC 6797, section 7.2
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Content-Security-Policy",
               "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cache-Control", "no-store");
  for (const auto& [name, value] : answer.headers) {
    if (!has_control(name) && !has_control(value)) response.set(name, value);
  }
  response.setDate(Poco::Timestamp());
  response.setKeepAlive(keep);
}

// One worker's view of one request.
class Exchange {
 public:
  Exchange(tls::Arrival& arrival, const Routes& routes, const ExchangeLimits& limits, const std::atomic<bool>& stopping,
           const std::function<void(const std::string&)>& log)
      : arrival_(arrival),
        routes_(routes),
        limits_(limits),
        stopping_(stopping),
        log_(log),
        socket_(new TlsSocket(arrival.connection, tls::within(limits.body), std::move(arrival.received))),
        session_(Poco::Net::StreamSocket(socket_), params_),
        response_(session_) {}

  After run() {
    try {
      bool keep = false;
      request_.emplace(response_, session_, params_.get());
      response_.setVersion(request_->getVersion());
      introduce(request_->get("User-Agent", ""));
      const Answer answer = answer_of(*request_, keep);
      if (socket_->failed()) return After::drain;
      return send(answer, keep && !stopping_);
    } catch (const Rejected& rejected) {
      // Its body was not read, so what follows on this connection is not a request.
      return send(rejected.answer, false);
    } catch (const Poco::Exception&) {
      // Poco's response looks at its request, which may be half made: this answer goes past both.
      static constexpr std::string_view answer =
          "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      if (!socket_->failed() && !response_.sent()) {
        arrival_.connection.write_all(view_of(answer), tls::within(limits_.answer));
      }
      return After::drain;
    }
  }

 private:
  void introduce(const std::string& client) {
    if (arrival_.requests == 0 && log_) {
      log_(tls::accepted_line(arrival_.number, arrival_.connection, arrival_.endpoint, client));
    }
  }

  Answer answer_of(HTTPServerRequestImpl& request, bool& keep) {
    check_framing(request);
    check_protection(request, arrival_.connection);
    check_host(request, routes_, arrival_.endpoint, arrival_.connection);
    Call call{.method = request.getMethod(),
              .path = "",
              .query = {},
              .headers = {},
              .authorization = {},
              .body = "",
              .endpoint = arrival_.endpoint,
              .connection = arrival_.connection};
    read_target(request, call);
    bool path_known = false;
    const Routes::Route* route = routes_.find(call.method, call.path, &path_known);
    if (route == nullptr && path_known)
      reject(405, "bad-request", "this address does not take " + tls::printable(call.method));
    if (route == nullptr) reject(404, "unknown-path", "there is nothing at this address");
    if (route->members_only && arrival_.connection.alpn() != tls::member_protocol) {
      reject(403, "forbidden", "only appliances of this federation may ask this");
    }
    read_headers(request, call);
    if (auto answer = ruled(call)) throw Rejected{std::move(*answer)};
    call.body = read_body(request, response_, *socket_, route->body_limit);
    keep = request.getKeepAlive();
    try {
      Answer answer = route->handler(call);
      if (answer.status == 401 && arrival_.connection.is_plain()) {  // no browser shall ask for a password here
        reject(403, "plain-text", "this asks for a password, which is not taken without TLS: use https://");
      }
      return answer;
    } catch (const Failure& failure) {
      return problem_of(failure);
    } catch (const std::exception& problem) {
      if (log_) log_("handler of " + call.path + " failed: " + tls::printable(problem.what()));
      return problem_of(problem);
    }
  }

  std::optional<Answer> ruled(const Call& head) const {
    try {
      return routes_.answer_to_head(head);
    } catch (const std::exception& problem) {
      return problem_of(problem);
    }
  }

  After send(const Answer& answer, bool keep) {
    socket_->set_deadline(tls::within(limits_.answer));
    set_head(response_, answer, keep, arrival_.connection.is_plain());
    if (answer.stream) {
      keep = keep && response_.getVersion() == Poco::Net::HTTPMessage::HTTP_1_1;
      stream(answer);
    } else {
      write_whole(answer);
    }
    if (socket_->failed() || !keep) return After::drain;
    // Poco may have read on into the next request.
    Poco::Buffer<char> ahead(0);
    session_.drainBuffer(ahead);
    arrival_.received.assign(ahead.begin(), ahead.end());
    const Bytes rest = socket_->take_unread();
    arrival_.received.insert(arrival_.received.end(), rest.begin(), rest.end());
    return After::resume;
  }

  // Head and body in one write, so in one TLS record where they fit.
  void write_whole(const Answer& answer) {
    response_.setContentLength64(static_cast<Poco::Int64>(answer.body.size()));
    std::ostringstream head;
    response_.write(head);
    std::string whole = head.str();
    if (!request_ || request_->getMethod() != Poco::Net::HTTPRequest::HTTP_HEAD) whole += answer.body;
    arrival_.connection.write_all(view_of(whole), tls::within(limits_.answer));
  }

  void stream(const Answer& answer) {
    // Without chunks (HTTP/1.0) the end of the connection is the end of the body.
    const bool chunked = response_.getVersion() == Poco::Net::HTTPMessage::HTTP_1_1;
    response_.setChunkedTransferEncoding(chunked);
    if (!chunked) response_.setKeepAlive(false);
    std::ostream& out = response_.send();
    while (!stopping_ && !socket_->failed()) {
      const std::string piece = answer.stream();
      if (piece.empty()) break;
      socket_->set_deadline(tls::within(limits_.answer));
      out << piece << std::flush;
    }
  }

  tls::Arrival& arrival_;
  const Routes& routes_;
  const ExchangeLimits& limits_;
  const std::atomic<bool>& stopping_;
  const std::function<void(const std::string&)>& log_;
  TlsSocket* socket_;  // owned by the session
  Poco::Net::HTTPServerParams::Ptr params_{new Poco::Net::HTTPServerParams};
  Poco::Net::HTTPServerSession session_;
  HTTPServerResponseImpl response_;
  std::optional<HTTPServerRequestImpl> request_;
};

}  // namespace

After exchange(tls::Arrival& arrival, const Routes& routes, const ExchangeLimits& limits,
               const std::atomic<bool>& stopping, const std::function<void(const std::string&)>& log) {
  try {
    return Exchange(arrival, routes, limits, stopping, log).run();
  } catch (const std::exception&) {
    // The peer has gone or takes nothing: there is nobody left to tell.
    return After::drain;
  }
}

}  // namespace chancery::http
