// What an event loop does with a connection at each stage (peer.h).
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "appliance/tls/client_hello.h"
#include "appliance/tls/event_loop.h"
#include "appliance/tls/handshake_fault.h"
#include "appliance/tls/log_lines.h"
#include "appliance/tls/native_snapshot.h"

namespace chancery::tls {
namespace {

constexpr char plain_http_answer[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 37\r\nConnection: close\r\n\r\n"
    "This port speaks TLS: use https://\r\n\r\n";

constexpr std::uint8_t first_of_tls = 22;   // a handshake record
constexpr std::uint8_t first_of_frame = 0;  // a frame's length is below 2^24

// The end of the request head in `bytes`, looking from `from` on.
bool has_head(const Bytes& bytes, std::size_t from) {
  static constexpr std::string_view end = "\r\n\r\n";
  return text_of(bytes).find(end, from < end.size() ? 0 : from - end.size()) != std::string_view::npos;
}

bool is_plain_http() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
}

}  // namespace

// The first bytes are there: give the connection away if it is another program's, take plain text where that is allowed,
// else start the handshake.
bool EventLoop::open(Peer& peer) {
  const ListenerHandlers::Diversion& diversion = shared_.handlers.diversion;
  const bool diverts = diversion.give && diversion.endpoint == peer.endpoint;
  const auto snapshot = shared_.live.get();
  const auto native = snapshot->native->endpoints.find(peer.endpoint);
  const bool takes_plain_text = native != snapshot->native->endpoints.end() && native->second.takes_plain_text;
  if (diverts || takes_plain_text) {
    std::uint8_t bytes[client_hello_limit];
    const ssize_t count = ::recv(peer.raw.get(), bytes, diverts ? sizeof bytes : 1, MSG_PEEK);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    if (diverts && bytes[0] == first_of_frame) return give_away(peer);
    if (takes_plain_text && bytes[0] != first_of_tls) return open_plain(peer, bytes[0]);
    if (diverts) {
      const ClientHello hello = peek_client_hello({bytes, static_cast<std::size_t>(count)});
      const bool full = static_cast<std::size_t>(count) == sizeof bytes;
      if (hello.state == ClientHello::State::incomplete && !full) return true;
      if (hello.state == ClientHello::State::complete && offers(hello, diversion.alpn)) return give_away(peer);
    }
  }
  peer.handshake = std::make_unique<Handshake>(Handshake{.live = &shared_.live,
                                                         .channels = &shared_.channels,
                                                         .endpoint = peer.endpoint,
                                                         .protocol = "",
                                                         .resumable = true,
                                                         .client = "",
                                                         .client_refusal = std::nullopt,
                                                         .snapshot = nullptr});
  peer.ssl = shared_.context.begin(*peer.handshake, peer.raw.get());
  peer.stage = Peer::Stage::handshake;
  return shake_hands(peer);
}

bool EventLoop::give_away(const Peer& peer) const {
  const ListenerHandlers::Diversion& diversion = shared_.handlers.diversion;
  if (!diversion.give(peer.raw.get())) {
    log(refused_line(peer.number, peer.address, peer.endpoint, "nobody takes " + diversion.alpn + " now"));
  }
  return false;
}

bool EventLoop::open_plain(Peer& peer, std::uint8_t first) {
  const auto channel = shared_.handlers.channels.find(shared_.handlers.plain_channel);
  const bool is_frame = first == first_of_frame && channel != shared_.handlers.channels.end();
  if (!is_frame && (first < 'A' || first > 'Z')) {
    log(refused_line(peer.number, peer.address, peer.endpoint,
                     "what arrived is neither TLS nor spoken here without it"));
    return turn_away(peer);
  }
  peer.connection = Connection::adopt_plain(peer.raw.release(), peer.address);
  if (is_frame) {
    hand_over(peer, *channel);
    return false;
  }
  return begin_head(peer);
}

bool EventLoop::shake_hands(Peer& peer) {
  ERR_clear_error();
  const int result = SSL_do_handshake(peer.ssl.get());
  if (result == 1) return established(peer);
  switch (SSL_get_error(peer.ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      watch(peer, EPOLLIN);
      return true;
    case SSL_ERROR_WANT_WRITE:
      watch(peer, EPOLLOUT);
      return true;
    case SSL_ERROR_SSL:
      return refuse(peer);
    default:
      return false;
  }
}

bool EventLoop::refuse(Peer& peer) {
  const bool plain_http = is_plain_http();
  const Fault fault = handshake_fault(peer.address);
  introduce(peer, *peer.handshake);
  if (!peer.handshake->client_refusal) log(refused_line(peer.number, peer.address, peer.endpoint, fault.cause));
  if (plain_http) ::send(peer.raw.get(), plain_http_answer, sizeof plain_http_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  return turn_away(peer);
}

// Closing with unread bytes would reset the connection and take the alert or answer with it.
bool EventLoop::turn_away(Peer& peer) {
  ::shutdown(peer.raw.get(), SHUT_WR);
  peer.ssl.reset();
  peer.handshake.reset();
  peer.stage = Peer::Stage::draining;
  peer.deadline = within(shared_.limits.drain);
  watch(peer, EPOLLIN);
  return drain(peer);
}

// A client certificate is an identity: it stands in the log before what its bearer does, and is told on.
void EventLoop::introduce(const Peer& peer, const Handshake& handshake) const {
  const auto& refusal = handshake.client_refusal;
  if (handshake.client.empty() && !refusal) return;
  log(refusal ? refused_line(peer.number, peer.address, peer.endpoint,
                             refusal->cause + " (it calls itself " + printable(handshake.client) + ")")
              : identified_line(peer.number, peer.address, peer.endpoint, handshake.client));
  if (!shared_.handlers.client) return;
  shared_.handlers.client({.name = handshake.client,
                           .address = peer.address.substr(0, peer.address.rfind(':')),
                           .refusal = refusal ? refusal->code : ""});
}

bool EventLoop::established(Peer& peer) {
  const std::unique_ptr<Handshake> handshake = std::move(peer.handshake);
  introduce(peer, *handshake);
  ServerContext::finish(peer.ssl.get(), *handshake);
  const int descriptor = peer.raw.get();
  peer.connection = Connection::adopt(peer.ssl.release(), descriptor, peer.address);
  peer.raw.release();
  const auto channel = shared_.handlers.channels.find(handshake->protocol);
  if (channel != shared_.handlers.channels.end()) {
    hand_over(peer, *channel);
    return false;
  }
  return begin_head(peer);
}

void EventLoop::hand_over(Peer& peer, const Channel& channel) {
  log(accepted_line(peer.number, *peer.connection, peer.endpoint, channel.first));
  std::unique_ptr<Peer> leaving = leave(peer);
  channel.second(std::move(*leaving->connection), leaving->endpoint);
}

bool EventLoop::begin_head(Peer& peer) {
  peer.stage = Peer::Stage::head;
  peer.deadline = within(shared_.limits.head);
  watch(peer, EPOLLIN);
  return read_head(peer);
}

bool EventLoop::read_head(Peer& peer) {
  std::size_t searched = 0;
  for (;;) {
    if (!peer.received.empty() && peer.stage == Peer::Stage::idle) {
      peer.stage = Peer::Stage::head;
      peer.deadline = within(shared_.limits.head);
    }
    if (has_head(peer.received, searched)) break;
    if (peer.received.size() >= shared_.limits.head_bytes) {
      return answer_and_drain(peer, "431 Request Header Fields Too Large");
    }
    searched = peer.received.size();
    std::uint8_t block[4096];
    const std::optional<std::size_t> count = peer.connection->try_read(block);
    if (!count) return true;
    if (*count == 0) return false;
    peer.received.insert(peer.received.end(), block, block + *count);
  }
  std::unique_ptr<Peer> leaving = leave(peer);
  shared_.handlers.http({.connection = std::move(*leaving->connection),
                         .endpoint = leaving->endpoint,
                         .number = leaving->number,
                         .requests = leaving->requests,
                         .received = std::move(leaving->received)});
  return false;
}

bool EventLoop::answer_and_drain(Peer& peer, const char* status) {
  const std::string text = std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  log(refused_line(peer.number, peer.address, peer.endpoint, status));
  peer.connection->try_write(view_of(text));
  peer.connection->close_writing();
  peer.stage = Peer::Stage::draining;
  peer.deadline = within(shared_.limits.drain);
  return true;
}

// Throws away what still comes, below TLS, until the peer closes or the deadline passes.
bool EventLoop::drain(Peer& peer) {
  std::uint8_t block[16 * 1024];
  for (int i = 0; i < 16; ++i) {
    const ssize_t count = ::recv(peer.descriptor(), block, sizeof block, 0);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
  }
  return true;
}

}  // namespace chancery::tls
