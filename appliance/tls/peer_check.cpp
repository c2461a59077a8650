#include "appliance/tls/peer_check.h"

#include <set>

#include "appliance/tls/handshake_fault.h"
#include "appliance/tls/native_certificates.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/names.h"

namespace chancery::tls {
namespace {

constexpr std::size_t candidate_limit = 64;

int check_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Everything in the pool that could stand above, or be, a certificate of the chain the peer sent.
std::vector<Certificate> anchor_candidates(const CertificatePool& anchors, const std::vector<Certificate>& sent) {
  std::vector<Certificate> found;
  std::set<std::string> seen;
  auto take = [&](const Bytes& subject) {
    for (const Certificate& candidate : anchors.with_subject(subject)) {
      if (found.size() < candidate_limit && seen.insert(candidate.fingerprint()).second) found.push_back(candidate);
    }
  };
  for (const Certificate& certificate : sent) {
    take(certificate.subject_der());
    take(certificate.issuer_der());
  }
  // Anchored intermediates may have their own issuer in the pool as well.
  for (std::size_t i = 0; i < found.size(); ++i) take(Bytes(found[i].issuer_der()));
  return found;
}

std::optional<Fault> check_chain(X509_STORE_CTX* store, const PeerCheck& check, const std::vector<Certificate>& sent) {
  const std::vector<Certificate> anchors = anchor_candidates(*check.anchors, sent);
  STACK_OF(X509)* trusted = sk_X509_new_null();
  for (const Certificate& anchor : anchors) sk_X509_push(trusted, anchor.native());
  X509_STORE_CTX_set0_trusted_stack(store, trusted);
  if (check.options->only_roots_anchor) {
    X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(store), X509_V_FLAG_PARTIAL_CHAIN);
  }
  const bool good = X509_verify_cert(store) == 1;
  // The stack is only borrowed by the store and is not looked at after verification.
  X509_STORE_CTX_set0_trusted_stack(store, nullptr);
  sk_X509_free(trusted);
  if (good) return std::nullopt;
  return verification_fault(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store), check.host);
}

std::optional<Fault> check_name(const PeerCheck& check, const Certificate& leaf) {
  if (!check.options->verify_name || answers_to(leaf.names(), check.host)) return std::nullopt;
  if (check.options->is_named && check.options->is_named(leaf)) return std::nullopt;
  std::string bears;
  for (const AlternativeName& name : leaf.names()) {
    if (bears.size() > 200) break;
    bears += (bears.empty() ? "" : ", ") + name.value;
  }
  return Fault{.code = "name-mismatch",
               .subject = check.host,
               .cause = "its certificate is for " + (bears.empty() ? std::string("no name at all (no SAN)") : bears),
               .hint = "connect by a name the certificate bears (DNS), or replace it by one that bears this name too"};
}

std::optional<Fault> check_revocation(const PeerCheck& check, const std::vector<Certificate>& sent) {
  if (!check.options->is_revoked) return std::nullopt;
  for (const Certificate& certificate : sent) {
    if (!check.options->is_revoked(certificate)) continue;
    return Fault{.code = "revoked",
                 .subject = check.host,
                 .cause = "the certificate " + certificate.subject() + " (serial " + certificate.serial() +
                          ") was taken back by its CA",
                 .hint = "that server must get a new certificate, or join the federation anew, before it is trusted"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Fault> judge_peer(X509_STORE_CTX* store, const PeerCheck& check) {
  const std::vector<Certificate> sent = from_stack(X509_STORE_CTX_get0_untrusted(store));
  if (sent.empty()) return verification_fault(X509_V_ERR_UNSPECIFIED, 0, check.host);
  const Certificate& leaf = sent.front();
  if (check.options->pin) {
    if (leaf.key_digest() == *check.options->pin) return std::nullopt;
    return Fault{.code = "pin-mismatch",
                 .subject = check.host,
                 .cause = "its key is not the pinned one: it presented " + leaf.subject() + " (SHA-256 " +
                          leaf.fingerprint() + ")",
                 .hint =
                     "somebody may stand between: check the address and the network, and ask for a new token if the "
                     "authority's key was changed"};
  }
  if (std::optional<Fault> fault = check_chain(store, check, sent)) return fault;
  if (std::optional<Fault> fault = check_revocation(check, sent)) return fault;
  return check_name(check, leaf);
}

namespace {

int verify(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* check = static_cast<PeerCheck*>(SSL_get_ex_data(ssl, check_index()));
  if (check == nullptr) return 0;
  try {
    check->fault = judge_peer(store, *check);
  } catch (const Failure& failure) {
    check->fault = failure.fault();
  } catch (const std::exception&) {
    check->fault = verification_fault(X509_V_ERR_OUT_OF_MEM, 0, check->host);
  }
  check->verified = !check->fault;
  if (check->verified) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  if (!check->options->verify_chain && !check->options->pin) return 1;
  // X509_verify_cert left its own error, from which OpenSSL makes the alert; a wrong name or pin has none yet.
  if (X509_STORE_CTX_get_error(store) == X509_V_OK)
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace

void install_peer_check(ssl_ctx_st* context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify, nullptr);
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
}

void set_peer_check(ssl_st* ssl, PeerCheck* check) { SSL_set_ex_data(ssl, check_index(), check); }

}  // namespace chancery::tls
