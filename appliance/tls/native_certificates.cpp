#include "appliance/tls/native_certificates.h"

namespace chancery::tls {

Certificate from_native(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) throw ossl::openssl_failure("not-a-certificate", "the peer's certificate", "look at what it sends");
  const Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return Certificate::from_der(bytes);
}

std::vector<Certificate> from_stack(const STACK_OF(X509) * stack) {
  std::vector<Certificate> certificates;
  for (int i = 0; i < sk_X509_num(stack); ++i) certificates.push_back(from_native(sk_X509_value(stack, i)));
  return certificates;
}

ossl::X509StackPtr to_stack(const Certificate* first, std::size_t count) {
  ossl::X509StackPtr stack(sk_X509_new_null());
  for (std::size_t i = 0; i < count; ++i) {
    X509_up_ref(first[i].native());
    sk_X509_push(stack.get(), first[i].native());
  }
  return stack;
}

std::vector<Certificate> peer_chain_of(const SSL* ssl) {
  std::vector<Certificate> certificates;
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return certificates;
  certificates.push_back(from_native(leaf));
  // The leaf is part of a client's view of the chain and not of a server's (SSL_get_peer_cert_chain(3)).
  const STACK_OF(X509)* sent = SSL_get_peer_cert_chain(ssl);
  for (int i = SSL_is_server(ssl) != 0 ? 0 : 1; i < sk_X509_num(sent); ++i) {
    certificates.push_back(from_native(sk_X509_value(sent, i)));
  }
  return certificates;
}

}  // namespace chancery::tls
