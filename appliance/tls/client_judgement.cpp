// A client's judgement of a chain before any server presents it (client_context.h).
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "appliance/tls/client_state.h"
#include "appliance/tls/handshake_fault.h"
#include "appliance/tls/native_certificates.h"

namespace chancery::tls {
namespace {

using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>;

// As libssl sets one up for the certificates of a handshake (RFC 8446, 4.4.2): the purpose, the security level and the
// flags of the client's SSL, every certificate of the message untrusted.
StoreContextPtr store_for(SSL_CTX* context, SSL* ssl, const Certificate& leaf, STACK_OF(X509) * sent) {
  StoreContextPtr store(X509_STORE_CTX_new(), X509_STORE_CTX_free);
  if (!store || X509_STORE_CTX_init(store.get(), SSL_CTX_get_cert_store(context), leaf.native(), sent) != 1) {
    throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  }
  X509_STORE_CTX_set_default(store.get(), "ssl_server");
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(store.get());
  X509_VERIFY_PARAM_set_auth_level(wanted, SSL_get_security_level(ssl));
  X509_VERIFY_PARAM_set1(wanted, SSL_get0_param(ssl));
  return store;
}

}  // namespace

std::optional<Fault> ClientContext::judge(const std::vector<Certificate>& sent, const std::string& name) const {
  const State& state = *state_;
  if (!state.options.verify_chain && !state.options.pin) return std::nullopt;
  if (sent.empty()) {
    return Fault{.code = "no-certificate",
                 .subject = name,
                 .cause = "there is no certificate to judge",
                 .hint = "give the certificate that the server is to present"};
  }
  const ossl::SslPtr ssl(SSL_new(state.context.get()));
  if (!ssl) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  const ossl::X509StackPtr stack = to_stack(sent.data(), sent.size());
  const StoreContextPtr store = store_for(state.context.get(), ssl.get(), sent.front(), stack.get());
  const PeerCheck check{
      .options = &state.options, .anchors = &state.anchors, .host = name, .verified = false, .fault = std::nullopt};
  std::optional<Fault> fault = judge_peer(store.get(), check);
  ERR_clear_error();
  return fault;
}

std::optional<ClientContext> ClientContext::without(const std::set<std::string>& fingerprints) const {
  ClientOptions options = state_->options;
  options.trust_pem.clear();
  bool is_left = false;
  for (const Certificate& anchor : state_->anchors.all()) {
    if (fingerprints.contains(anchor.fingerprint())) continue;
    const std::string pem = anchor.to_pem();
    options.trust_pem.insert(options.trust_pem.end(), pem.begin(), pem.end());
    is_left = true;
  }
  if (!is_left && options.verify_chain && !options.pin) return std::nullopt;
  return ClientContext(std::move(options));
}

}  // namespace chancery::tls
