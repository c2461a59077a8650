// What a ClientContext holds. For client_context.cpp and connection.cpp only.
#pragma once

#include "appliance/tls/client_context.h"
#include "appliance/tls/peer_check.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::tls {

struct ClientContext::State {
  ClientOptions options;
  CertificatePool anchors;
  ossl::SslCtxPtr context;
};

}  // namespace chancery::tls
