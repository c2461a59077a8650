#include "appliance/tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>

#include "appliance/tls/client_hello.h"
#include "appliance/tls/handshake_fault.h"
#include "appliance/tls/native_certificates.h"
#include "appliance/tls/native_snapshot.h"
#include "appliance/tls/security_profile.h"
#include "appliance/tls/socket_bio.h"
#include "appliance/tls/tickets.h"

namespace chancery::tls {
namespace {

constexpr long ticket_seconds = 2 * 60 * 60;
// Whoever joins or renews comes back in months, and then for a full handshake: a ticket would be sealed for nobody.
constexpr char endpoint_without_tickets[] = "join";

// The one pointer of ours that has a place in the SSL itself; nobody asks a server's SSL for a password. Application data
// (SSL_set_ex_data) would be a table of its own for each connection, for as long as it lives.
Handshake* handshake_of(const SSL* ssl) {
  return static_cast<Handshake*>(SSL_get_default_passwd_cb_userdata(const_cast<SSL*>(ssl)));
}

// The protocol to speak, or "" when none that was offered is known.
std::string choose(const std::vector<std::string>& offered, const Handshake& handshake, const NativeEndpoint& native) {
  if (offered.empty()) return http_protocol;
  for (const std::string& protocol : offered) {
    if (protocol == http_protocol || handshake.channels->contains(protocol)) return protocol;
    if (protocol == member_protocol && native.member) return protocol;
  }
  return "";
}

// The name a client is known by: the one that the profile allows, else its CN, else its first other name. Decoding a
// whole certificate costs as much as half a handshake, so that is done only where more than the CN is asked for.
std::string name_of_client(X509* leaf, const std::vector<std::string>& allowed, bool* is_allowed) {
  char common[256] = "";
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, common, sizeof common);
  std::string name(common, static_cast<std::size_t>(std::max(size, 0)));
  const auto listed = [&](const std::string& one) {
    return std::find(allowed.begin(), allowed.end(), one) != allowed.end();
  };
  *is_allowed = allowed.empty() || (!name.empty() && listed(name));
  if (*is_allowed && !name.empty()) return name;
  const Certificate certificate = from_native(leaf);
  for (const AlternativeName& other : certificate.names()) {
    if (name.empty()) name = other.value;
    if (!listed(other.value)) continue;
    *is_allowed = true;
    return other.value;
  }
  return name;
}

// Revocation lists of the profile; 0 or X509_V_ERR_….
int revocation_error(const Handshake& handshake, const SecurityProfile& profile, X509_STORE_CTX* store) {
  const auto& rule = handshake.live->client_rule();
  if (profile.crl.empty() || !rule) return X509_V_OK;
  const auto refusal = rule(handshake.endpoint, from_stack(X509_STORE_CTX_get0_chain(store)));
  if (!refusal) return X509_V_OK;
  return *refusal == "revoked" ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_UNABLE_TO_GET_CRL;
}

int judge_client(X509_STORE_CTX* store, Handshake& handshake) {
  const SecurityProfile& profile = handshake.snapshot->endpoints.at(handshake.endpoint).profile;
  bool is_allowed = false;
  handshake.client = name_of_client(X509_STORE_CTX_get0_cert(store), profile.allow, &is_allowed);
  if (const int error = revocation_error(handshake, profile, store); error != X509_V_OK) return error;
  return is_allowed ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION;
}

// Called for each certificate of a client's chain, the leaf last. What an untrusted one calls itself is kept for the log.
int check_client(int good, X509_STORE_CTX* store) {
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Handshake* handshake = handshake_of(ssl);
  const int depth = X509_STORE_CTX_get_error_depth(store);
  if (good == 1 && depth != 0) return 1;
  int error = X509_V_ERR_APPLICATION_VERIFICATION;  // what cannot be read is not allowed
  try {
    if (good == 1) {
      error = judge_client(store, *handshake);
      if (error == X509_V_OK) return 1;
    } else {
      error = X509_STORE_CTX_get_error(store);
      bool is_allowed = false;
      handshake->client = name_of_client(X509_STORE_CTX_get0_cert(store), {}, &is_allowed);
    }
    handshake->client_refusal = verification_fault(error, depth, "client");
  } catch (const std::exception&) {
    // It is refused, without a reason in the log.
  }
  X509_STORE_CTX_set_error(store, error);
  return 0;
}

void without_tickets(SSL* ssl, Handshake& handshake) {
  handshake.resumable = false;
  SSL_set_num_tickets(ssl, 0);
  SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

int take_identity(SSL* ssl, int* alert) {
  Handshake* handshake = handshake_of(ssl);
  handshake->snapshot = handshake->live->get();
  const auto found = handshake->snapshot->native->endpoints.find(handshake->endpoint);
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  if (found == handshake->snapshot->native->endpoints.end()) return SSL_CLIENT_HELLO_ERROR;
  const NativeEndpoint& native = found->second;

  std::vector<std::string> offered;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1) {
    *alert = SSL_AD_DECODE_ERROR;
    offered = parse_alpn({data, size});
  }
  handshake->protocol = choose(offered, *handshake, native);
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  if (handshake->protocol.empty()) return SSL_CLIENT_HELLO_ERROR;

  *alert = SSL_AD_INTERNAL_ERROR;
  const bool member = handshake->protocol == member_protocol;
  if (SSL_set_SSL_CTX(ssl, member ? native.member.get() : native.web.get()) == nullptr) return SSL_CLIENT_HELLO_ERROR;
  SSL_set_min_proto_version(ssl, native.minimum_version);
  const SecurityProfile& profile = handshake->snapshot->endpoints.at(handshake->endpoint).profile;
  // Suites come with the context; groups were copied when the SSL was made.
  if (!profile.groups.empty()) SSL_set1_groups_list(ssl, profile.groups.c_str());
  if (member) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    without_tickets(ssl, *handshake);
  } else if (native.web_verify_mode != SSL_VERIFY_NONE) {
    SSL_set_verify(ssl, native.web_verify_mode, check_client);
    without_tickets(ssl, *handshake);
  } else if (handshake->endpoint == endpoint_without_tickets) {
    without_tickets(ssl, *handshake);
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

int on_client_hello(SSL* ssl, int* alert, void*) {
  try {
    return take_identity(ssl, alert);
  } catch (const std::exception&) {
    return SSL_CLIENT_HELLO_ERROR;
  }
}

int seal_or_open_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                        int sealing) {
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const Handshake* handshake = handshake_of(ssl);
  if (handshake == nullptr || !handshake->resumable) return 0;
  try {
    Live::Tickets& tickets = handshake->live->tickets();
    bool ageing = false;
    const auto key = sealing != 0 ? tickets.to_seal() : tickets.to_open(name, &ageing);
    if (!key) return 0;
    if (sealing != 0) {
      std::copy(key->name.begin(), key->name.end(), name);
      const SecretBytes fresh = random_secret(16);
      std::copy(fresh.begin(), fresh.end(), iv);
    }
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<std::uint8_t*>(key->mac.data()),
                                          key->mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    if (EVP_CipherInit_ex(cipher, aes, nullptr, key->cipher.data(), iv, sealing) != 1) return -1;
    if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
    return ageing ? 2 : 1;
  } catch (const std::exception&) {
    return -1;
  }
}

}  // namespace

int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char*, unsigned, void*) {
  const Handshake* handshake = handshake_of(ssl);
  if (handshake == nullptr) return SSL_TLSEXT_ERR_NOACK;
  *out = reinterpret_cast<const unsigned char*>(handshake->protocol.data());
  *out_size = static_cast<unsigned char>(handshake->protocol.size());
  return SSL_TLSEXT_ERR_OK;
}

ServerContext::ServerContext() : context_(SSL_CTX_new(TLS_server_method())) {
  SSL_CTX* context = context_.get();
  if (context == nullptr) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  apply_defaults(context);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, ticket_seconds);
  SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, seal_or_open_ticket);
}

ossl::SslPtr ServerContext::begin(Handshake& handshake, int descriptor) const {
  ossl::SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  attach_socket(ssl.get(), descriptor);
  SSL_set_default_passwd_cb_userdata(ssl.get(), &handshake);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

void ServerContext::finish(SSL* ssl, Handshake& handshake) {
  SSL_set_default_passwd_cb_userdata(ssl, nullptr);
  handshake.snapshot.reset();
}

}  // namespace chancery::tls
