#include "appliance/tls/probe.h"

#include <openssl/err.h>

#include "appliance/tls/client_context.h"
#include "appliance/tls/native_certificates.h"
#include "appliance/tls/security_profile.h"
#include "appliance/tls/starttls.h"
#include "appliance/tls/tcp.h"

namespace chancery::tls {
namespace {

// A client that takes any certificate: what it sees is judged by the caller.
ClientContext seeing_client(const std::string& alpn) {
  ClientOptions options;
  options.verify_chain = false;
  options.verify_name = false;
  if (!alpn.empty()) options.alpn = {alpn};
  return ClientContext(std::move(options));
}

ossl::SslCtxPtr memory_server(const std::vector<Certificate>& chain, const PrivateKey& key,
                              const SecurityProfile& profile) {
  ossl::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  apply_defaults(context.get());
  apply_lists(context.get(),
              {.minimum_protocol = profile.minimum_protocol, .ciphers = profile.ciphers, .groups = profile.groups},
              "profile " + profile.name);
  SSL_CTX_set_mode(context.get(), SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_num_tickets(context.get(), 0);
  const ossl::X509StackPtr above = to_stack(chain.data() + 1, chain.size() - 1);
  if (!key.belongs_to(chain.front())) {
    throw Failure({.code = "key-mismatch",
                   .subject = chain.front().subject(),
                   .cause = "the private key does not belong to this certificate",
                   .hint = "use the key that the certificate was made for"});
  }
  if (SSL_CTX_use_cert_and_key(context.get(), chain.front().native(), key.native(), above.get(), 1) != 1) {
    throw ossl::openssl_failure("key-weak", chain.front().subject(), "use a stronger key or signature");
  }
  return context;
}

void connect_in_memory(SSL* server, SSL* client) {
  BIO* server_end = nullptr;
  BIO* client_end = nullptr;
  BIO_new_bio_pair(&server_end, 0, &client_end, 0);
  SSL_set_bio(server, server_end, server_end);
  SSL_set_bio(client, client_end, client_end);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
}

bool step(SSL* ssl) {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl);
  if (result == 1) return true;
  const int error = SSL_get_error(ssl, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
  throw ossl::openssl_failure("tls-handshake", "offline handshake", "check certificate, key and profile");
}

void shake_hands(SSL* server, SSL* client) {
  // Both ends finish in a handful of turns; more means that they wait for each other.
  for (int turn = 0; turn < 32; ++turn) {
    const bool client_done = step(client);
    if (step(server) && client_done) return;
  }
  throw Failure({.code = "tls-handshake",
                 .subject = "offline handshake",
                 .cause = "the handshake does not end",
                 .hint = "check certificate, key and profile"});
}

}  // namespace

ProbeResult probe(const ProbeAddress& address, const std::string& name, std::chrono::milliseconds deadline,
                  const std::string& alpn) {
  ProbeResult result;
  const Deadline until = within(deadline);
  try {
    const ClientContext context = seeing_client(alpn);
    TcpLink link = connect_tcp(address.host, address.port, until);
    start_tls(address.starttls, link.descriptor.get(), link.peer, until);
    result.reached = true;
    const Connection connection =
        Connection::handshake(link.descriptor.release(), link.peer, name.empty() ? address.host : name, context, until);
    result.handshake = true;
    result.protocol = connection.protocol();
    result.chain = connection.peer_chain();
  } catch (const Failure& failure) {
    result.problem = failure.cause();
  } catch (const std::exception& problem) {
    result.problem = problem.what();
  }
  return result;
}

ProbeResult prove_offline(const std::vector<Certificate>& chain, const PrivateKey& key,
                          const SecurityProfile& profile) {
  ProbeResult result;
  try {
    if (chain.empty()) {
      result.problem = "there is no certificate";
      return result;
    }
    const ossl::SslCtxPtr server_context = memory_server(chain, key, profile);
    // Not ClientContext: that one speaks the built-in lists, and a profile may name others.
    ossl::SslCtxPtr client_context(SSL_CTX_new(TLS_client_method()));
    apply_defaults(client_context.get());
    apply_lists(client_context.get(),
                {.minimum_protocol = "TLSv1.2", .ciphers = profile.ciphers, .groups = profile.groups},
                "profile " + profile.name);
    SSL_CTX_set_verify(client_context.get(), SSL_VERIFY_NONE, nullptr);
    const ossl::SslPtr server(SSL_new(server_context.get()));
    const ossl::SslPtr client(SSL_new(client_context.get()));
    connect_in_memory(server.get(), client.get());
    result.reached = true;
    shake_hands(server.get(), client.get());
    result.handshake = true;
    result.protocol = SSL_get_version(client.get());
    result.chain = peer_chain_of(client.get());
    if (!(result.chain == chain)) result.problem = "the client saw another chain than the one that was given";
  } catch (const Failure& failure) {
    result.problem = failure.cause();
  } catch (const std::exception& problem) {
    result.problem = problem.what();
  }
  return result;
}

}  // namespace chancery::tls
