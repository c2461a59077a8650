// One TLS connection over a socket descriptor, as client or server, blocking with an absolute deadline. Both ends of
// everything that is not an idle collector use it: HTTP through http/tls_socket, joins, probes, the collector's uplink.
//
//   Connection link = Connection::connect({.host = "127.0.0.1", .port = 8444, .name = "primary.example.com"}, context);
//   SecretBytes bound = link.exporter("EXPORTER-chancery-join", 32);
//   link.write_all(view_of(request), deadline);
//
// Errors: Failure with code tcp-refused, tcp-timeout, tcp-unreachable, name-resolution, tls-handshake, untrusted-root,
// name-mismatch, expired, pin-mismatch (and the other codes of a refused chain: not-yet-valid, eku-mismatch, …),
// closed, timeout; the subject is the peer. A peer that closes without close_notify is "closed" like any other: read
// returns 0. TLS 1.3: a server's refusal of a client certificate shows at the first read, as "tls-handshake". Thread
// safety: one thread reads, one writes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "appliance/tls/client_context.h"
#include "keystore/bytes/secret.h"
#include "keystore/x509/certificate.h"

struct ssl_st;  // OpenSSL's SSL

namespace chancery::tls {

using Deadline = std::chrono::steady_clock::time_point;
[[nodiscard]] Deadline within(std::chrono::milliseconds span);

struct Target {
  std::string host;  // where to connect: name or address
  int port = 0;
  std::string name = {};  // what the certificate must answer to, and SNI unless it is an IP; empty: `host`
};

class Connection {
 public:
  [[nodiscard]] static Connection connect(const Target& target, const ClientContext& context, Deadline deadline);
  // The same over a TCP connection that exists already (after STARTTLS): takes the non-blocking descriptor over.
  [[nodiscard]] static Connection handshake(int descriptor, std::string peer_address, const std::string& name,
                                            const ClientContext& context, Deadline deadline);
  // A handshake that a server side has finished elsewhere (event loop): takes both over.
  [[nodiscard]] static Connection adopt(ssl_st* ssl, int descriptor, std::string peer_address);
  // TCP alone, where a level allows plain text (D1, D2): read and written like the others, protected by nothing.
  // protocol() is then "TCP/IP", exporter() Failure("plain-text"), and there is no peer certificate.
  [[nodiscard]] static Connection connect_plain(const Target& target, Deadline deadline);
  [[nodiscard]] static Connection adopt_plain(int descriptor, std::string peer_address);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();  // sends close_notify without waiting

  // Bytes read into `into`; 0: the peer closed. Failure("timeout") when the deadline passes first.
  std::size_t read(std::span<std::uint8_t> into, Deadline deadline);
  void write_all(ByteView bytes, Deadline deadline);
  // Decrypted bytes wait inside, which polling the descriptor does not show.
  bool has_buffered() const;
  // For event loops (descriptor non-blocking): what is there now. nullopt: nothing yet, wait for the descriptor to
  // become readable (wants_write() tells when it is writability that is waited for); 0: the peer closed.
  std::optional<std::size_t> try_read(std::span<std::uint8_t> into);
  std::size_t try_write(ByteView bytes);  // how many were taken; 0: wait for writability
  bool wants_write() const;
  // Sends close_notify and ends this direction without waiting; the peer can still be read until it closes.
  void close_writing() noexcept;

  // RFC 5705 / 8446 exporter; on TLS 1.2 Failure("no-extended-master-secret") where that extension is missing.
  SecretBytes exporter(const std::string& label, std::size_t size, ByteView context = {}) const;
  std::vector<Certificate> peer_chain() const;  // leaf first, as sent; empty: none
  bool peer_verified() const;
  bool was_resumed() const;
  bool is_plain() const;
  // For a server that holds thousands of mostly idle connections: lets the handshake's ephemeral keys go, and reads ahead,
  // so that has_buffered() must be asked after each try_read: the descriptor does not show what was read already.
  void shed_session();
  std::string protocol() const;  // "TLSv1.3"
  std::string cipher() const;
  std::string alpn() const;
  const std::string& peer_address() const;  // "127.0.0.1:43112"
  int descriptor() const;
  ssl_st* native() const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::tls
