#include "appliance/tls/socket_bio.h"

#include <sys/socket.h>

#include <cstdint>

#include "keystore/openssl/handles.h"

namespace chancery::tls {
namespace {

int descriptor_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

int read_from_socket(BIO* bio, char* into, int size) {
  const ssize_t got = ::recv(descriptor_of(bio), into, static_cast<std::size_t>(size), 0);
  BIO_clear_retry_flags(bio);
  if (got < 0 && BIO_sock_should_retry(static_cast<int>(got)) != 0) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

int write_without_signal(BIO* bio, const char* bytes, int size) {
  const ssize_t sent = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  BIO_clear_retry_flags(bio);
  if (sent <= 0 && BIO_sock_should_retry(static_cast<int>(sent)) != 0) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

// What libssl asks of a BIO: nothing is held back here, and the descriptor is told to whoever looks for it.
long control(BIO* bio, int command, long, void* into) {
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    case BIO_C_GET_FD:
      if (into != nullptr) *static_cast<int*>(into) = descriptor_of(bio);
      return descriptor_of(bio);
    default:
      return 0;
  }
}

BIO_METHOD* make_method() {
  BIO_METHOD* method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket without SIGPIPE");
  BIO_meth_set_write(method, write_without_signal);
  BIO_meth_set_read(method, read_from_socket);
  BIO_meth_set_ctrl(method, control);
  return method;
}

}  // namespace

void attach_socket(ssl_st* ssl, int descriptor) {
  static BIO_METHOD* const method = make_method();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) throw ossl::openssl_failure("out-of-memory", "", "free some memory and try again");
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
}

}  // namespace chancery::tls
