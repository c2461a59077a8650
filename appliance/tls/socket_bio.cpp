#include "appliance/tls/socket_bio.h"

#include <sys/socket.h>

#include "keystore/openssl/handles.h"

namespace chancery::tls {
namespace {

int write_without_signal(BIO* bio, const char* bytes, int size) {
  int descriptor = -1;
  BIO_get_fd(bio, &descriptor);
  ssize_t sent = ::send(descriptor, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  BIO_clear_retry_flags(bio);
  if (sent <= 0 && BIO_sock_should_retry(static_cast<int>(sent)) != 0) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

BIO_METHOD* make_method() {
  const BIO_METHOD* socket = BIO_s_socket();
  BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
  BIO_meth_set_write(method, write_without_signal);
  BIO_meth_set_read(method, BIO_meth_get_read(socket));
  BIO_meth_set_puts(method, BIO_meth_get_puts(socket));
  BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(socket));
  BIO_meth_set_create(method, BIO_meth_get_create(socket));
  BIO_meth_set_destroy(method, BIO_meth_get_destroy(socket));
  return method;
}

}  // namespace

void attach_socket(ssl_st* ssl, int descriptor) {
  static BIO_METHOD* const method = make_method();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) throw ossl::openssl_failure("out-of-memory", "", "free some memory and try again");
  BIO_set_fd(bio, descriptor, BIO_NOCLOSE);
  SSL_set_bio(ssl, bio, bio);
}

}  // namespace chancery::tls
