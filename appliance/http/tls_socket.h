// A Poco socket over a tls::Connection, so that Poco's HTTP sessions work over our TLS. One absolute deadline bounds
// everything that goes through it; Poco's own timeouts are ignored. For sources of http/ only (it shows Poco's
// headers).
//
//   auto* socket = new TlsSocket(connection, deadline);          // owned by the StreamSocket
//   Poco::Net::HTTPClientSession session{Poco::Net::StreamSocket(socket)};
//
// Poco's streams swallow exceptions that are not theirs; the first Failure is kept and rethrow() throws it again.
// Thread safety: one thread.
#pragma once

#include <Poco/Net/StreamSocketImpl.h>

#include <exception>
#include <utility>

#include "appliance/tls/connection.h"

namespace chancery::http {

class TlsSocket : public Poco::Net::StreamSocketImpl {
 public:
  // Borrows the connection, which must outlive the socket. `before`: bytes that were read already.
  TlsSocket(tls::Connection& connection, tls::Deadline deadline, Bytes before = {});

  void set_deadline(tls::Deadline deadline) noexcept { deadline_ = deadline; }
  bool saw_end() const noexcept { return saw_end_; }  // the peer has closed and a read noticed it
  void rethrow() const;                               // nothing when nothing went wrong
  bool failed() const noexcept { return failure_ != nullptr; }
  std::exception_ptr take_failure() noexcept { return std::exchange(failure_, nullptr); }  // and go on
  Bytes take_unread();                                                                     // what is left of `before`

  int sendBytes(const void* buffer, int length, int flags) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  int available() override;
  bool poll(const Poco::Timespan& timeout, int mode) override;
  void close() override;
  void shutdown() override {}
  void shutdownSend() override {}
  void shutdownReceive() override {}
  void setReceiveTimeout(const Poco::Timespan&) override {}
  void setSendTimeout(const Poco::Timespan&) override {}
  bool secure() const override { return true; }

 protected:
  ~TlsSocket() override;

 private:
  tls::Connection& connection_;
  tls::Deadline deadline_;
  Bytes before_;
  std::size_t taken_ = 0;
  bool saw_end_ = false;
  std::exception_ptr failure_;
};

}  // namespace chancery::http
