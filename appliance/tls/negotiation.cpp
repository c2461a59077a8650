#include "appliance/tls/negotiation.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <array>
#include <vector>

#include "keystore/openssl/handles.h"
#include "keystore/x509/private_key.h"

namespace chancery::tls {
namespace {

constexpr long certificate_life = 60L * 60;
constexpr int most_flights = 16;
constexpr long most_in_flight = 64L * 1024;
constexpr std::string_view newer_suite = "TLS_";
constexpr const char* usual_groups = "X25519:P-256:P-384:P-521:X448";

struct Kind {
  const char* description;  // KeyDescription::type
  KeyType type;
};
constexpr std::array kinds{Kind{"EC P-256", KeyType::ecdsa_p256}, Kind{"EC P-384", KeyType::ecdsa_p384},
                           Kind{"EC P-521", KeyType::ecdsa_p521}, Kind{"Ed25519", KeyType::ed25519}};

PrivateKey key_like(const Certificate& leaf) {
  const std::string type = leaf.key().type;
  for (const Kind& kind : kinds) {
    if (type == kind.description) return PrivateKey::generate(kind.type);
  }
  return PrivateKey::generate(KeyType::rsa_2048);
}

Failure no_memory() { return ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again"); }

// Nobody verifies it.
ossl::X509Ptr certificate_of(const PrivateKey& key) {
  ossl::X509Ptr made(X509_new());
  if (!made) throw no_memory();
  X509* certificate = made.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("negotiation"), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), certificate_life);
  X509_set_pubkey(certificate, key.native());
  const bool has_own_digest = key.description().type == "Ed25519";
  if (X509_sign(certificate, key.native(), has_own_digest ? nullptr : EVP_sha256()) == 0) throw no_memory();
  return made;
}

ossl::SslCtxPtr server_of(const ProtocolLists& lists, X509* certificate, const PrivateKey& key) {
  ossl::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw no_memory();
  apply_defaults(context.get());
  apply_lists(context.get(), lists, "profile");
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  if (SSL_CTX_use_cert_and_key(context.get(), certificate, key.native(), nullptr, 1) != 1) {
    throw ossl::openssl_failure("key-weak", "the certificate", "use RSA of 2048 bits or more, or ECDSA P-256");
  }
  return context;
}

struct SplitCiphers {
  std::string older;
  std::string newer;
};

SplitCiphers split(const std::string& ciphers) {
  SplitCiphers lists;
  std::size_t start = 0;
  while (start < ciphers.size()) {
    const std::size_t end = std::min(ciphers.find(':', start), ciphers.size());
    const std::string name = ciphers.substr(start, end - start);
    std::string& list = name.starts_with(newer_suite) ? lists.newer : lists.older;
    list += (list.empty() ? "" : ":") + name;
    start = end + 1;
  }
  return lists;
}

// A client that offers no more and no less. Its own policy has spoken already, when it made the offer.
ossl::SslCtxPtr client_of(const ClientOffer& offer) {
  ossl::SslCtxPtr made(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made.get();
  if (context == nullptr) throw no_memory();
  SSL_CTX_set_security_level(context, 0);
  const SplitCiphers lists = split(offer.ciphers);
  SSL_CTX_set_min_proto_version(context, lists.older.empty() ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, lists.newer.empty() ? TLS1_2_VERSION : TLS1_3_VERSION);
  bool is_good = lists.older.empty() || SSL_CTX_set_cipher_list(context, lists.older.c_str()) == 1;
  is_good = is_good && (lists.newer.empty() || SSL_CTX_set_ciphersuites(context, lists.newer.c_str()) == 1);
  is_good = is_good && (offer.groups.empty() || SSL_CTX_set1_groups_list(context, offer.groups.c_str()) == 1);
  ERR_clear_error();
  if (is_good) return made;
  throw Failure({.code = "no-offer",
                 .subject = "client",
                 .cause = "what it has offered is not known here",
                 .hint = "let it connect once more"});
}

bool is_about_versions(int reason) {
  return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW || reason == SSL_R_VERSION_TOO_HIGH ||
         reason == SSL_R_NO_PROTOCOLS_AVAILABLE || reason == SSL_R_WRONG_SSL_VERSION ||
         reason == SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION;
}

int last_reason() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  return ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
}

// 0: the handshake is through. Else why it is not, as OpenSSL has it; -1 for anything else.
int shake_hands(SSL_CTX* server_context, SSL_CTX* client_context) {
  const ossl::SslPtr server(SSL_new(server_context));
  const ossl::SslPtr client(SSL_new(client_context));
  BIO* near = nullptr;
  BIO* far = nullptr;
  if (!server || !client || BIO_new_bio_pair(&near, most_in_flight, &far, most_in_flight) != 1) throw no_memory();
  SSL_set_bio(server.get(), near, near);
  SSL_set_bio(client.get(), far, far);
  SSL_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  ERR_clear_error();
  for (int flight = 0; flight < most_flights; ++flight) {
    bool is_done = true;
    for (SSL* side : {client.get(), server.get()}) {
      const int result = SSL_do_handshake(side);
      if (result == 1) continue;
      is_done = false;
      const int error = SSL_get_error(side, result);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) continue;
      const int reason = last_reason();
      return reason == 0 ? -1 : reason;
    }
    if (is_done) return 0;
  }
  return -1;
}

Fault fault_of(const char* code, const char* cause, const char* hint) {
  return {.code = code, .subject = "client", .cause = cause, .hint = hint};
}

const char* name_of_group(int nid) {
  return (nid & TLSEXT_nid_unknown) == TLSEXT_nid_unknown ? nullptr : OBJ_nid2sn(nid);
}

}  // namespace

ClientOffer offer_of(const Connection& accepted) {
  ClientOffer offer;
  if (accepted.is_plain()) return offer;
  SSL* ssl = accepted.native();
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_get_client_ciphers(ssl);
  for (int at = 0; at < sk_SSL_CIPHER_num(ciphers); ++at) {
    if (!offer.ciphers.empty()) offer.ciphers += ':';
    offer.ciphers += SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, at));
  }
  const long count = SSL_get1_groups(ssl, nullptr);
  std::vector<int> groups(static_cast<std::size_t>(std::max(count, 0L)));
  if (!groups.empty()) SSL_get1_groups(ssl, groups.data());
  for (const int nid : groups) {
    const char* name = name_of_group(nid);
    if (name != nullptr) offer.groups += (offer.groups.empty() ? "" : ":") + std::string(name);
  }
  ERR_clear_error();
  return offer;
}

std::string to_text(const ClientOffer& offer) {
  return offer.is_known() ? offer.ciphers + " " + offer.groups : std::string();
}

ClientOffer offer_from_text(const std::string& text) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return {};
  return {.ciphers = text.substr(0, space), .groups = text.substr(space + 1)};
}

struct NegotiatingServer::State {
  ProtocolLists lists;
  PrivateKey key;
  ossl::X509Ptr certificate;
  ossl::SslCtxPtr context;

  std::optional<Fault> refusal_of(SSL_CTX* client, const std::string& groups) const {
    const int reason = shake_hands(context.get(), client);
    if (reason == 0) return std::nullopt;
    if (is_about_versions(reason)) {
      return fault_of("protocol-version", "the two sides have no TLS version in common",
                      "leave the minimum protocol as it is until it was updated");
    }
    ProtocolLists other = lists;
    other.groups = groups;
    const bool is_for_groups =
        !groups.empty() && shake_hands(server_of(other, certificate.get(), key).get(), client) == 0;
    if (is_for_groups) {
      return fault_of("no-common-group", "the two sides have no group for the key exchange in common",
                      "keep a group that it offers");
    }
    return fault_of("no-common-cipher", "the two sides have no cipher suite in common that fits the certificate's key",
                    "keep a suite that it offers");
  }
};

NegotiatingServer::NegotiatingServer(ProtocolLists lists, const Certificate& leaf) {
  PrivateKey key = key_like(leaf);
  ossl::X509Ptr certificate = certificate_of(key);
  ossl::SslCtxPtr context = server_of(lists, certificate.get(), key);
  state_ = std::make_unique<State>(State{.lists = std::move(lists),
                                         .key = std::move(key),
                                         .certificate = std::move(certificate),
                                         .context = std::move(context)});
}
NegotiatingServer::~NegotiatingServer() = default;
NegotiatingServer::NegotiatingServer(NegotiatingServer&&) noexcept = default;
NegotiatingServer& NegotiatingServer::operator=(NegotiatingServer&&) noexcept = default;

std::optional<Fault> NegotiatingServer::refusal_of(const ClientOffer& offer) const {
  return state_->refusal_of(client_of(offer).get(), offer.groups);
}

std::optional<Fault> NegotiatingServer::refusal_of(const ClientContext& client) const {
  return state_->refusal_of(client.native(), usual_groups);
}

}  // namespace chancery::tls
