#include "appliance/tls/native_snapshot.h"

#include <openssl/err.h>

#include "appliance/tls/native_certificates.h"
#include "appliance/tls/security_profile.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::tls {
namespace {

void present(SSL_CTX* context, const EndpointSnapshot& endpoint) {
  const std::string& identity = endpoint.endpoint.identity;
  const Certificate& leaf = endpoint.chain.front();
  if (!endpoint.key.belongs_to(leaf)) {
    throw Failure(
        {.code = "key-mismatch",
         .subject = identity,
         .cause = "the private key of this identity does not belong to its certificate",
         .hint = "put an earlier state back in force (`chancery backup list`, `chancery backup restore ID`)"});
  }
  const ossl::X509StackPtr above = to_stack(endpoint.chain.data() + 1, endpoint.chain.size() - 1);
  if (SSL_CTX_use_cert_and_key(context, leaf.native(), endpoint.key.native(), above.get(), 1) != 1) {
    throw ossl::openssl_failure("key-weak", identity,
                                "use a certificate with RSA of 2048 bits or more, ECDSA P-256 or Ed25519, signed with "
                                "SHA-256 or better");
  }
}

// Clients choose their certificate by the names a server says it trusts.
void demand(SSL_CTX* context, ByteView trusted_pem) {
  CertificatePool pool;
  pool.add_pem(trusted_pem);
  ossl::X509StorePtr store(X509_STORE_new());
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  for (const Certificate& anchor : pool.all()) {
    X509_STORE_add_cert(store.get(), anchor.native());
    sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(anchor.native())));
  }
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set1_verify_cert_store(context, store.get());
}

ossl::SslCtxPtr make_context(const EndpointSnapshot& endpoint, const std::string& kind, const Sha256& policy) {
  ossl::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  const SecurityProfile& profile = endpoint.profile;
  apply_defaults(context.get());
  apply_lists(context.get(),
              {.minimum_protocol = profile.minimum_protocol, .ciphers = profile.ciphers, .groups = profile.groups},
              "profile " + profile.name);
  present(context.get(), endpoint);
  SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
  // A session may be resumed only where it was made: same endpoint, same kind of client, same trust and policy.
  Bytes scope = bytes_of(kind + '\0' + endpoint.endpoint.name + '\0');
  scope.insert(scope.end(), policy.begin(), policy.end());
  const Sha256 digest = sha256(scope);
  SSL_CTX_set_session_id_context(context.get(), digest.data(), SSL_MAX_SID_CTX_LENGTH);
  return context;
}

int verify_mode(const EndpointSnapshot& endpoint) {
  if (endpoint.profile.required_level == SecurityLevel::tls_peer_auth ||
      endpoint.profile.client_certificates == ClientCertificates::require) {
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return endpoint.profile.client_certificates == ClientCertificates::request ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
}

}  // namespace

NativeEndpoint make_native(const EndpointSnapshot& endpoint, ByteView trusted_pem, ByteView member_roots_pem,
                           const Sha256& policy) {
  NativeEndpoint native;
  native.minimum_version = protocol_version(endpoint.profile.minimum_protocol, "profile " + endpoint.profile.name);
  native.web_verify_mode = verify_mode(endpoint);
  native.takes_plain_text = endpoint.profile.required_level == SecurityLevel::none;
  native.web = make_context(endpoint, "web", policy);
  if (native.web_verify_mode != SSL_VERIFY_NONE) demand(native.web.get(), trusted_pem);
  if (!member_roots_pem.empty()) {
    native.member = make_context(endpoint, "member", policy);
    demand(native.member.get(), member_roots_pem);
  }
  ERR_clear_error();
  return native;
}

}  // namespace chancery::tls
