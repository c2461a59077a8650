#include "appliance/federation/reply_proof.h"

#include <algorithm>

#include "appliance/federation/member_uri.h"
#include "keystore/openssl/handles.h"

namespace chancery::federation {
namespace {

constexpr const char* server_auth = "1.3.6.1.5.5.7.3.1";
constexpr const char* client_auth = "1.3.6.1.5.5.7.3.2";

void check_names(const ExpectedChain& expected, const Certificate& leaf) {
  std::vector<std::string> names;
  std::vector<std::string> uris;
  for (const AlternativeName& name : leaf.names()) {
    (name.kind == AlternativeName::Kind::uri ? uris : names).push_back(name.value);
  }
  if (!same_names(names, expected.names)) reply_invalid(expected.identity, "the certificate bears other names");
  const std::vector<std::string> wanted_uris =
      expected.uri.empty() ? std::vector<std::string>{} : std::vector<std::string>{expected.uri};
  if (uris != wanted_uris) reply_invalid(expected.identity, "the certificate names another member");
}

void check_usage(const ExpectedChain& expected, const Certificate& leaf) {
  std::vector<std::string> wanted{server_auth};
  if (expected.client) wanted.emplace_back(client_auth);
  if (!same_names(leaf.extended_key_usages(), wanted)) {
    reply_invalid(expected.identity, "the certificate is made for other purposes");
  }
  if (leaf.is_ca() || leaf.may_sign_certificates()) reply_invalid(expected.identity, "the certificate is a CA's");
}

void check_path(const ExpectedChain& expected, const std::vector<Certificate>& chain, const Certificate& root,
                Instant now) {
  const ossl::X509StorePtr store(X509_STORE_new());
  const ossl::X509StoreCtxPtr context(X509_STORE_CTX_new());
  const ossl::X509StackPtr intermediates(sk_X509_new_null());
  if (!store || !context || !intermediates) throw std::bad_alloc();
  X509_up_ref(chain[1].native());
  ossl::X509Ptr issuing(chain[1].native());
  if (X509_STORE_add_cert(store.get(), root.native()) != 1 || sk_X509_push(intermediates.get(), issuing.get()) <= 0) {
    throw std::bad_alloc();
  }
  static_cast<void>(issuing.release());  // the stack has it
  if (X509_STORE_CTX_init(context.get(), store.get(), chain[0].native(), intermediates.get()) != 1) {
    throw std::bad_alloc();
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(rules, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
  if (X509_verify_cert(context.get()) == 1) return;
  const int error = X509_STORE_CTX_get_error(context.get());
  reply_invalid(expected.identity, std::string("its chain does not verify: ") + X509_verify_cert_error_string(error));
}

}  // namespace

void reply_invalid(const std::string& subject, const std::string& cause) {
  throw Failure({.code = "reply-invalid",
                 .subject = subject,
                 .cause = "the authority's reply is not what was asked for: " + cause,
                 .hint = "check that both sides run versions of Chancery that fit together, make a new token and join "
                         "again; nothing was installed"});
}

void prove_chain(const ExpectedChain& expected, const std::vector<Certificate>& chain, const Certificate& root,
                 const PrivateKey& key, Instant now) {
  if (chain.size() != 2) reply_invalid(expected.identity, "its chain is not a certificate and its issuing CA");
  const Certificate& leaf = chain.front();
  const Certificate& issuing = chain.back();
  if (!key.belongs_to(leaf)) reply_invalid(expected.identity, "the certificate is for another key");
  if (!root.is_ca() || !root.is_self_signed()) reply_invalid(expected.identity, "the root is none");
  if (!issuing.is_signed_by(root) || issuing.path_length() != 0) {
    reply_invalid(expected.identity, "the issuing CA is not one of this root, or is not limited to leaves");
  }
  check_names(expected, leaf);
  check_usage(expected, leaf);
  check_path(expected, chain, root, now);
}

}  // namespace chancery::federation
