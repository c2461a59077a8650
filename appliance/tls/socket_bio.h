// A BIO over a socket for OpenSSL, in place of its own: a write to a connection that the peer has reset is an error and
// never SIGPIPE (a library does not change the process's signals), reads do not go the longer way of files, and the
// descriptor is at hand instead of behind a control call. For sources of tls/ only.
#pragma once

struct ssl_st;

namespace chancery::tls {

// Gives `ssl` a BIO over `descriptor`, which stays the caller's to close.
void attach_socket(ssl_st* ssl, int descriptor);

}  // namespace chancery::tls
