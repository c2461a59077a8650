#include "appliance/tls/security_profile.h"

#include <openssl/err.h>

#include <sstream>

#include "keystore/openssl/handles.h"

namespace chancery::tls {
namespace {

constexpr char built_in_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char built_in_suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char built_in_groups[] = "X25519:P-256:P-384";

Failure bad_profile(const std::string& subject, const std::string& what, const std::string& value) {
  ERR_clear_error();
  return Failure({.code = "bad-profile",
                  .subject = subject,
                  .cause = what + " \"" + value + "\" is not known or leaves nothing",
                  .hint =
                      "use names of `openssl ciphers -v` and `openssl ecparam -list_curves`, or leave the key out for "
                      "the built-in list"});
}

// TLS 1.3 suites are named TLS_…, everything else is for the older list.
void split_ciphers(const std::string& ciphers, std::string& older, std::string& suites) {
  std::istringstream in(ciphers);
  for (std::string name; std::getline(in, name, ':');) {
    std::string& list = name.starts_with("TLS_") ? suites : older;
    if (!list.empty()) list += ':';
    list += name;
  }
}

// "eNULL", "aNULL" and "@SECLEVEL=0" are lists to OpenSSL, and no protection to anybody.
void expect_protection(ssl_ctx_st* context, int level_before, const std::string& ciphers, const std::string& subject) {
  std::string cause;
  if (SSL_CTX_get_security_level(context) < level_before) {
    cause = "ciphers \"" + ciphers + "\" lowers OpenSSL's security level, which admits weak keys and signatures";
  }
  const STACK_OF(SSL_CIPHER)* list = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(list); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(list, i);
    const bool is_clear = SSL_CIPHER_get_cipher_nid(cipher) == NID_undef;
    if (!is_clear && SSL_CIPHER_get_auth_nid(cipher) != NID_auth_null) continue;
    cause = "ciphers \"" + ciphers + "\" holds " + SSL_CIPHER_get_name(cipher) + ", which " +
            (is_clear ? "encrypts nothing" : "proves no server");
    break;
  }
  if (cause.empty()) return;
  throw Failure({.code = "bad-profile",
                 .subject = subject,
                 .cause = cause,
                 .hint = "name suites with encryption and a certificate (`openssl ciphers -v 'HIGH:!aNULL'`), or leave "
                         "the key out for the built-in list"});
}

}  // namespace

void apply_defaults(ssl_ctx_st* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  apply_lists(context, {}, "built-in lists");
}

int protocol_version(const std::string& name, const std::string& subject) {
  if (name.empty() || name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  throw bad_profile(subject, "minimum-protocol", name);
}

void apply_lists(ssl_ctx_st* context, const ProtocolLists& lists, const std::string& subject) {
  std::string older;
  std::string suites;
  split_ciphers(lists.ciphers, older, suites);
  if (older.empty()) older = built_in_ciphers;
  if (suites.empty()) suites = built_in_suites;
  const std::string groups = lists.groups.empty() ? built_in_groups : lists.groups;
  if (SSL_CTX_set_min_proto_version(context, protocol_version(lists.minimum_protocol, subject)) != 1) {
    throw bad_profile(subject, "minimum-protocol", lists.minimum_protocol);
  }
  const int level = SSL_CTX_get_security_level(context);
  if (SSL_CTX_set_cipher_list(context, older.c_str()) != 1) throw bad_profile(subject, "ciphers", older);
  if (SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) throw bad_profile(subject, "ciphers", suites);
  if (SSL_CTX_set1_groups_list(context, groups.c_str()) != 1) throw bad_profile(subject, "groups", groups);
  expect_protection(context, level, lists.ciphers, subject);
}

void expect_lists(const ProtocolLists& lists, const std::string& subject) {
  const ossl::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw ossl::openssl_failure("out-of-memory", "TLS", "free some memory and try again");
  apply_lists(context.get(), lists, subject);
}

}  // namespace chancery::tls
