#include "appliance/tls/connection.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "appliance/tls/client_state.h"
#include "appliance/tls/handshake_fault.h"
#include "appliance/tls/native_certificates.h"
#include "appliance/tls/socket_bio.h"
#include "appliance/tls/tcp.h"

namespace chancery::tls {

Deadline within(std::chrono::milliseconds span) { return std::chrono::steady_clock::now() + span; }

namespace {

enum class Outcome { done, closed, wants_read, wants_write };

Failure timeout_failure(const std::string& peer, const char* action) {
  return Failure({.code = "timeout",
                  .subject = peer,
                  .cause = std::string("no progress in time (") + action + ")",
                  .hint = "check the load on both sides and the network between them, then try again"});
}

Failure closed_failure(const std::string& peer) {
  return Failure({.code = "closed",
                  .subject = peer,
                  .cause = "the peer has closed the connection",
                  .hint = "try again; the other side's log says why it closed"});
}

}  // namespace

// Members are destroyed from the last to the first: the SSL before what it points at.
struct Connection::State {
  Descriptor descriptor;
  std::optional<ClientContext> context;
  std::unique_ptr<PeerCheck> check;  // a client's; servers have thousands of connections
  std::string peer;
  // OpenSSL's SSL is not made for two threads; calls on it never wait, so the lock is short.
  mutable std::mutex mutex;
  bool broken = false;
  std::atomic<bool> wants_write = false;
  ossl::SslPtr ssl;  // none: plain text

  ~State() {
    if (ssl && !broken && SSL_is_init_finished(ssl.get()) != 0) {
      ERR_clear_error();
      SSL_shutdown(ssl.get());
      ERR_clear_error();
    }
  }

  // One step of an operation. Throws what cannot be waited for.
  template <typename Operation>
  Outcome step(Operation operation) {
    std::lock_guard guard(mutex);
    if (ERR_peek_error() != 0) ERR_clear_error();  // looking is cheap, clearing goes over the whole queue
    errno = 0;
    const int result = operation(ssl.get());
    if (result > 0) return Outcome::done;
    const int system_error = errno;
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Outcome::wants_read;
      case SSL_ERROR_WANT_WRITE:
        return Outcome::wants_write;
      case SSL_ERROR_ZERO_RETURN:
        return Outcome::closed;
      case SSL_ERROR_SYSCALL:
        broken = true;
        if (system_error == 0 || system_error == ECONNRESET || system_error == EPIPE) return Outcome::closed;
        throw system_failure(system_error, "talk to", peer);
      default:
        broken = true;
        if (check && check->fault && !check->verified && (check->options->verify_chain || check->options->pin)) {
          ERR_clear_error();
          throw Failure(*check->fault);
        }
        throw Failure(handshake_fault(peer));
    }
  }

  Outcome receive(std::span<std::uint8_t> into, std::size_t& count) {
    if (ssl) return step([&](SSL* link) { return SSL_read_ex(link, into.data(), into.size(), &count); });
    return plain(::recv(descriptor.get(), into.data(), into.size(), MSG_DONTWAIT), Outcome::wants_read, count);
  }

  Outcome transmit(ByteView bytes, std::size_t& count) {
    if (ssl) return step([&](SSL* link) { return SSL_write_ex(link, bytes.data(), bytes.size(), &count); });
    return plain(::send(descriptor.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                 Outcome::wants_write, count);
  }

  Outcome plain(ssize_t result, Outcome unready, std::size_t& count) const {
    if (result > 0) {
      count = static_cast<std::size_t>(result);
      return Outcome::done;
    }
    if (result == 0 || errno == ECONNRESET || errno == EPIPE) return Outcome::closed;
    if (errno == EAGAIN || errno == EINTR) return unready;
    throw system_failure(errno, "talk to", peer);
  }

  // Steps until done or closed, waiting in between.
  template <typename Step>
  Outcome finish(Step next, Deadline deadline, const char* action) {
    for (;;) {
      const Outcome outcome = next();
      if (outcome == Outcome::done || outcome == Outcome::closed) return outcome;
      const short events = outcome == Outcome::wants_read ? POLLIN : POLLOUT;
      if (!wait_for(descriptor.get(), events, deadline)) throw timeout_failure(peer, action);
    }
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::connect(const Target& target, const ClientContext& context, Deadline deadline) {
  TcpLink link = connect_tcp(target.host, target.port, deadline);
  return handshake(link.descriptor.release(), link.peer, target.name.empty() ? target.host : target.name, context,
                   deadline);
}

Connection Connection::handshake(int descriptor, std::string peer_address, const std::string& name,
                                 const ClientContext& context, Deadline deadline) {
  auto state = std::make_unique<State>();
  state->descriptor.reset(descriptor);
  state->peer = std::move(peer_address);
  state->context = context;
  state->check = std::make_unique<PeerCheck>(PeerCheck{.options = &state->context->state_->options,
                                                       .anchors = &state->context->state_->anchors,
                                                       .host = name,
                                                       .verified = false,
                                                       .fault = std::nullopt});
  state->ssl.reset(SSL_new(context.native()));
  SSL* ssl = state->ssl.get();
  if (ssl == nullptr) throw ossl::openssl_failure("out-of-memory", state->peer, "free some memory and try again");
  attach_socket(ssl, descriptor);
  set_peer_check(ssl, state->check.get());
  if (!is_ip_literal(name)) SSL_set_tlsext_host_name(ssl, name.c_str());
  SSL_set_connect_state(ssl);
  const auto shake = [&state] { return state->step([](SSL* link) { return SSL_do_handshake(link); }); };
  if (state->finish(shake, deadline, "TLS handshake") == Outcome::closed) {
    throw Failure({.code = "tls-handshake",
                   .subject = state->peer,
                   .cause = "the peer closed the connection during the TLS handshake",
                   .hint = "check that it speaks TLS on this port; its log may say why it closed"});
  }
  return Connection(std::move(state));
}

Connection Connection::adopt(ssl_st* ssl, int descriptor, std::string peer_address) {
  auto state = std::make_unique<State>();
  state->ssl.reset(ssl);
  state->descriptor.reset(descriptor);
  state->peer = std::move(peer_address);
  return Connection(std::move(state));
}

Connection Connection::connect_plain(const Target& target, Deadline deadline) {
  TcpLink link = connect_tcp(target.host, target.port, deadline);
  return adopt_plain(link.descriptor.release(), link.peer);
}

Connection Connection::adopt_plain(int descriptor, std::string peer_address) {
  auto state = std::make_unique<State>();
  state->descriptor.reset(descriptor);
  state->peer = std::move(peer_address);
  return Connection(std::move(state));
}

std::size_t Connection::read(std::span<std::uint8_t> into, Deadline deadline) {
  std::size_t count = 0;
  const auto next = [&] { return state_->receive(into, count); };
  return state_->finish(next, deadline, "reading") == Outcome::closed ? 0 : count;
}

void Connection::write_all(ByteView bytes, Deadline deadline) {
  while (!bytes.empty()) {
    std::size_t count = 0;
    const auto next = [&] { return state_->transmit(bytes, count); };
    if (state_->finish(next, deadline, "writing") == Outcome::closed) throw closed_failure(state_->peer);
    bytes = bytes.subspan(count);
  }
}

std::optional<std::size_t> Connection::try_read(std::span<std::uint8_t> into) {
  std::size_t count = 0;
  const Outcome outcome = state_->receive(into, count);
  state_->wants_write = outcome == Outcome::wants_write;
  if (outcome == Outcome::closed) return 0;
  return outcome == Outcome::done ? std::optional(count) : std::nullopt;
}

std::size_t Connection::try_write(ByteView bytes) {
  if (bytes.empty()) return 0;
  std::size_t count = 0;
  const Outcome outcome = state_->transmit(bytes, count);
  state_->wants_write = outcome == Outcome::wants_write;
  if (outcome == Outcome::closed) throw closed_failure(state_->peer);
  return outcome == Outcome::done ? count : 0;
}

bool Connection::wants_write() const { return state_->wants_write; }

void Connection::close_writing() noexcept {
  {
    std::lock_guard guard(state_->mutex);
    if (state_->ssl && !state_->broken) SSL_shutdown(state_->ssl.get());
    ERR_clear_error();
    state_->broken = true;
  }
  ::shutdown(state_->descriptor.get(), SHUT_WR);
}

bool Connection::has_buffered() const {
  std::lock_guard guard(state_->mutex);
  const SSL* ssl = state_->ssl.get();
  if (ssl == nullptr) return false;
  return SSL_pending(ssl) > 0 || (SSL_get_read_ahead(ssl) != 0 && SSL_has_pending(ssl) != 0);
}

SecretBytes Connection::exporter(const std::string& label, std::size_t size, ByteView context) const {
  std::lock_guard guard(state_->mutex);
  SSL* ssl = state_->ssl.get();
  if (ssl == nullptr) {
    throw Failure({.code = "plain-text",
                   .subject = state_->peer,
                   .cause = "this connection has no TLS session to bind a proof to",
                   .hint = "demand TLS of it: required-level TLSNoPeerAuth or TLSPeerAuth"});
  }
  // Without the extended master secret a TLS 1.2 exporter does not bind to one session (RFC 7627).
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) {
    throw Failure({.code = "no-extended-master-secret",
                   .subject = state_->peer,
                   .cause = "this TLS 1.2 session cannot be bound to",
                   .hint = "use TLS 1.3, or a peer that supports the extended master secret (RFC 7627)"});
  }
  SecretBytes out(size);
  if (SSL_export_keying_material(ssl, out.data(), out.size(), label.data(), label.size(), context.data(),
                                 context.size(), context.empty() ? 0 : 1) != 1) {
    throw ossl::openssl_failure("tls-handshake", state_->peer, "finish the handshake before using the exporter");
  }
  return out;
}

std::vector<Certificate> Connection::peer_chain() const {
  std::lock_guard guard(state_->mutex);
  if (!state_->ssl) return {};
  return peer_chain_of(state_->ssl.get());
}

bool Connection::peer_verified() const {
  std::lock_guard guard(state_->mutex);
  const SSL* ssl = state_->ssl.get();
  if (ssl == nullptr) return false;
  if (SSL_is_server(ssl) == 0) return state_->check && state_->check->verified;
  return SSL_get0_peer_certificate(ssl) != nullptr && SSL_get_verify_result(ssl) == X509_V_OK;
}

bool Connection::was_resumed() const {
  std::lock_guard guard(state_->mutex);
  return state_->ssl && SSL_session_reused(state_->ssl.get()) != 0;
}

bool Connection::is_plain() const { return !state_->ssl; }

// Read ahead: a record comes in one call instead of two. Both sides' ephemeral keys have served once the secret is
// derived, and TLS 1.3 never comes back to them; OpenSSL keeps them for as long as the connection lives. A key that is
// given another type lets go of what it holds.
void Connection::shed_session() {
  std::lock_guard guard(state_->mutex);
  SSL* ssl = state_->ssl.get();
  if (ssl == nullptr || SSL_version(ssl) < TLS1_3_VERSION || SSL_is_init_finished(ssl) == 0) return;
  SSL_set_read_ahead(ssl, 1);
  EVP_PKEY* ours = nullptr;
  EVP_PKEY* theirs = nullptr;
  if (SSL_get_tmp_key(ssl, &ours) == 1) EVP_PKEY_set_type(ours, EVP_PKEY_X25519);
  if (SSL_get_peer_tmp_key(ssl, &theirs) == 1) EVP_PKEY_set_type(theirs, EVP_PKEY_X25519);
  EVP_PKEY_free(ours);
  EVP_PKEY_free(theirs);
  ERR_clear_error();
}

std::string Connection::protocol() const { return state_->ssl ? SSL_get_version(state_->ssl.get()) : "TCP/IP"; }

std::string Connection::cipher() const {
  if (!state_->ssl) return "";
  const char* name = SSL_get_cipher_name(state_->ssl.get());
  return name != nullptr ? name : "";
}

std::string Connection::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (!state_->ssl) return "";
  SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

const std::string& Connection::peer_address() const { return state_->peer; }
int Connection::descriptor() const { return state_->descriptor.get(); }
ssl_st* Connection::native() const { return state_->ssl.get(); }

}  // namespace chancery::tls
