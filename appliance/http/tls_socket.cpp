#include "appliance/http/tls_socket.h"

#include <poll.h>

#include <algorithm>
#include <cstring>

#include "appliance/tls/tcp.h"

namespace chancery::http {

TlsSocket::TlsSocket(tls::Connection& connection, tls::Deadline deadline, Bytes before)
    : StreamSocketImpl(connection.descriptor()),
      connection_(connection),
      deadline_(deadline),
      before_(std::move(before)) {}

// The descriptor belongs to the connection: Poco must not close it.
TlsSocket::~TlsSocket() { reset(); }
void TlsSocket::close() { reset(); }

void TlsSocket::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

Bytes TlsSocket::take_unread() {
  Bytes rest(before_.begin() + static_cast<std::ptrdiff_t>(taken_), before_.end());
  before_.clear();
  taken_ = 0;
  return rest;
}

int TlsSocket::sendBytes(const void* buffer, int length, int) {
  rethrow();
  try {
    connection_.write_all({static_cast<const std::uint8_t*>(buffer), static_cast<std::size_t>(length)}, deadline_);
    return length;
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

int TlsSocket::receiveBytes(void* buffer, int length, int) {
  rethrow();
  const auto wanted = static_cast<std::size_t>(length);
  if (taken_ < before_.size()) {
    const std::size_t count = std::min(wanted, before_.size() - taken_);
    std::memcpy(buffer, before_.data() + taken_, count);
    taken_ += count;
    return static_cast<int>(count);
  }
  if (saw_end_) return 0;
  try {
    const std::size_t count = connection_.read({static_cast<std::uint8_t*>(buffer), wanted}, deadline_);
    saw_end_ = count == 0;
    return static_cast<int>(count);
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

int TlsSocket::available() { return static_cast<int>(before_.size() - taken_) + (connection_.has_buffered() ? 1 : 0); }

bool TlsSocket::poll(const Poco::Timespan& timeout, int mode) {
  if ((mode & SELECT_READ) != 0 && available() > 0) return true;
  const auto until = std::min(deadline_, tls::within(std::chrono::milliseconds(timeout.totalMilliseconds())));
  const short events =
      static_cast<short>(((mode & SELECT_READ) != 0 ? POLLIN : 0) | ((mode & SELECT_WRITE) != 0 ? POLLOUT : 0));
  return tls::wait_for(connection_.descriptor(), events, until);
}

}  // namespace chancery::http
