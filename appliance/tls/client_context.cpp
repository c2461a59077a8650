#include "appliance/tls/client_context.h"

#include <openssl/err.h>

#include "appliance/tls/client_state.h"
#include "appliance/tls/native_certificates.h"
#include "appliance/tls/security_profile.h"

namespace chancery::tls {
namespace {

void check_trust(const ClientOptions& options, const CertificatePool& anchors) {
  if (anchors.size() > 0 || options.pin || !options.verify_chain) return;
  throw Failure({.code = "no-trust",
                 .subject = "client trust",
                 .cause = "there is no certificate in it, so no server can be trusted",
                 .hint = "give a PEM file with the root certificates of the servers to be reached"});
}

void present(SSL_CTX* context, const ClientOptions& options) {
  if (options.chain.empty() || !options.key) return;
  const Certificate& leaf = options.chain.front();
  const ossl::X509StackPtr above = to_stack(options.chain.data() + 1, options.chain.size() - 1);
  if (!options.key->belongs_to(leaf) ||
      SSL_CTX_use_cert_and_key(context, leaf.native(), options.key->native(), above.get(), 1) != 1) {
    ERR_clear_error();
    throw Failure({.code = "key-mismatch",
                   .subject = leaf.subject(),
                   .cause = "the private key does not belong to this client certificate",
                   .hint = "use the key that the certificate was made for"});
  }
}

// RFC 7301: each name with its length before it.
void offer(SSL_CTX* context, const std::vector<std::string>& protocols) {
  Bytes wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      throw Failure({.code = "bad-name",
                     .subject = protocol,
                     .cause = "this is no ALPN protocol name",
                     .hint = "use 1 to 255 bytes"});
    }
    wire.push_back(static_cast<std::uint8_t>(protocol.size()));
    wire.insert(wire.end(), protocol.begin(), protocol.end());
  }
  if (!wire.empty()) SSL_CTX_set_alpn_protos(context, wire.data(), static_cast<unsigned>(wire.size()));
}

}  // namespace

ClientContext::ClientContext(ClientOptions options) {
  auto state = std::make_shared<State>();
  state->options = std::move(options);
  const ClientOptions& wanted = state->options;
  state->anchors.add_pem(wanted.trust_pem);
  check_trust(wanted, state->anchors);

  state->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = state->context.get();
  if (context == nullptr) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  apply_defaults(context);
  apply_lists(context, {.minimum_protocol = wanted.minimum_protocol, .ciphers = "", .groups = ""}, "client");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  install_peer_check(context);
  present(context, wanted);
  offer(context, wanted.alpn);
  state_ = std::move(state);
}

const ClientOptions& ClientContext::options() const noexcept { return state_->options; }
ssl_ctx_st* ClientContext::native() const noexcept { return state_->context.get(); }

}  // namespace chancery::tls
