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
  std::vector<std::string> wanted;
  if (expected.server) wanted.emplace_back(server_auth);
  if (expected.client) wanted.emplace_back(client_auth);
  if (!same_names(leaf.extended_key_usages(), wanted)) {
    reply_invalid(expected.identity, "the certificate is made for other purposes");
  }
  if (leaf.is_ca() || leaf.may_sign_certificates()) reply_invalid(expected.identity, "the certificate is a CA's");
}

// The issuing CA is directly under a root that is known here or, in the middle of a rotation, under a newer one that such
// a root vouches for.
bool is_under(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots) {
  const auto signed_by_root = [&](const Certificate& each) {
    return std::ranges::any_of(roots, [&](const Certificate& root) { return each.is_signed_by(root); });
  };
  if (chain.size() == 2) return signed_by_root(chain[1]);
  const Certificate& cross = chain[2];
  if (cross.is_self_issued() || cross.path_length() != 1 || !chain[1].is_signed_by(cross)) return false;
  return signed_by_root(chain[1]) || signed_by_root(cross);
}

void check_path(const ExpectedChain& expected, const std::vector<Certificate>& chain,
                const std::vector<Certificate>& roots, Instant now) {
  const ossl::X509StorePtr store(X509_STORE_new());
  const ossl::X509StoreCtxPtr context(X509_STORE_CTX_new());
  const ossl::X509StackPtr intermediates(sk_X509_new_null());
  if (!store || !context || !intermediates) throw std::bad_alloc();
  for (const Certificate& root : roots) {
    if (X509_STORE_add_cert(store.get(), root.native()) != 1) throw std::bad_alloc();
  }
  for (std::size_t at = 1; at < chain.size(); ++at) {
    X509_up_ref(chain[at].native());
    ossl::X509Ptr above(chain[at].native());
    if (sk_X509_push(intermediates.get(), above.get()) <= 0) throw std::bad_alloc();
    static_cast<void>(above.release());  // the stack has it
  }
  if (X509_STORE_CTX_init(context.get(), store.get(), chain[0].native(), intermediates.get()) != 1) {
    throw std::bad_alloc();
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(rules, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_purpose(rules, expected.server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
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

void prove_chain(const ExpectedChain& expected, const std::vector<Certificate>& chain,
                 const std::vector<Certificate>& roots, const PrivateKey& key, Instant now) {
  if (chain.size() < 2 || chain.size() > 3) {
    reply_invalid(expected.identity, "its chain is not a certificate and its issuing CA");
  }
  const Certificate& leaf = chain.front();
  const Certificate& issuing = chain[1];
  if (!key.belongs_to(leaf)) reply_invalid(expected.identity, "the certificate is for another key");
  for (const Certificate& root : roots) {
    if (!root.is_ca() || !root.is_self_signed()) reply_invalid(expected.identity, "the root is none");
  }
  if (!is_under(chain, roots) || issuing.path_length() != 0) {
    reply_invalid(expected.identity, "the issuing CA is not one of this root, or is not limited to leaves");
  }
  check_names(expected, leaf);
  check_usage(expected, leaf);
  check_path(expected, chain, roots, now);
}

}  // namespace chancery::federation
