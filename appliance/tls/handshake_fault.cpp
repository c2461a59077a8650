#include "appliance/tls/handshake_fault.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "keystore/openssl/handles.h"

namespace chancery::tls {
namespace {

struct Explanation {
  int reason;
  const char* cause;
  const char* hint;
};

// Alerts come as SSL_AD_REASON_OFFSET + number (RFC 8446, section 6).
constexpr Explanation explanations[] = {
    {SSL_AD_REASON_OFFSET + 116, "it asks for a client certificate and got none",
     "present a client certificate that this endpoint trusts"},
    {SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_CA, "it does not trust the certificate presented to it",
     "have the certificate's root added to what that side trusts, or present another one"},
    {SSL_AD_REASON_OFFSET + SSL_AD_BAD_CERTIFICATE, "it refused the certificate presented to it",
     "look at the other side's log: it says why"},
    {SSL_AD_REASON_OFFSET + SSL_AD_CERTIFICATE_EXPIRED, "it says that the certificate presented to it has expired",
     "renew the certificate, and check both clocks"},
    {SSL_AD_REASON_OFFSET + SSL_AD_UNSUPPORTED_CERTIFICATE, "it cannot use the certificate presented to it for this",
     "present a certificate whose extended key usage fits (client or server)"},
    {SSL_AD_REASON_OFFSET + SSL_AD_CERTIFICATE_UNKNOWN, "it refused the certificate presented to it",
     "look at the other side's log: it says why"},
    {SSL_AD_REASON_OFFSET + SSL_AD_ACCESS_DENIED, "it denies access to this certificate",
     "check which names that endpoint's profile allows"},
    {SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION, "the two sides have no TLS version in common",
     "allow TLS 1.2 or 1.3 on both sides"},
    {SSL_AD_REASON_OFFSET + SSL_AD_HANDSHAKE_FAILURE, "the two sides have no cipher suite or group in common",
     "compare the security profiles of both sides"},
    {SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME, "it does not know the name that was asked for",
     "check the name: this server has no certificate for it"},
    {SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL, "it does not speak the protocol that was asked for (ALPN)",
     "check that this is the right port of the right program, and its version"},
    {SSL_R_HTTP_REQUEST, "plain HTTP arrived where TLS was expected", "use https:// with this port"},
    {SSL_R_HTTPS_PROXY_REQUEST, "a proxy request arrived where TLS was expected", "use this port without a proxy"},
    {SSL_R_WRONG_VERSION_NUMBER, "what arrived is not TLS", "check the port: another service may answer there"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the two sides have no TLS version in common", "allow TLS 1.2 or 1.3 on both sides"},
    {SSL_R_VERSION_TOO_LOW, "the two sides have no TLS version in common", "allow TLS 1.2 or 1.3 on both sides"},
    {SSL_R_NO_SHARED_CIPHER, "the two sides have no cipher suite in common",
     "compare the security profiles of both sides"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it presented no client certificate where one is required",
     "give the client a certificate that this endpoint trusts"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, "its certificate is not trusted here",
     "add the root of its certificate to what this side trusts"},
};

}  // namespace

Fault handshake_fault(const std::string& peer) {
  int reason = 0;
  if (unsigned long code = ERR_peek_last_error(); ERR_GET_LIB(code) == ERR_LIB_SSL) reason = ERR_GET_REASON(code);
  const std::string text = ossl::drain_errors();
  for (const Explanation& known : explanations) {
    if (known.reason == reason) {
      return {.code = "tls-handshake", .subject = peer, .cause = known.cause, .hint = known.hint};
    }
  }
  return {.code = "tls-handshake",
          .subject = peer,
          .cause = "the TLS handshake failed: " + text,
          .hint = "see what the peer speaks with `chancery probe " + peer + "`"};
}

Fault verification_fault(int error, int depth, const std::string& peer) {
  const std::string which = depth == 0 ? "its certificate" : "certificate " + std::to_string(depth) + " of its chain";
  const std::string text = X509_verify_cert_error_string(error);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {"expired", peer, which + " has expired", "renew it on that side, and check this machine's clock"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {"not-yet-valid", peer, which + " is not valid yet", "check the clocks of both machines"};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return {"untrusted-root", peer, "its certificate chain does not end in a trusted certificate (" + text + ")",
              "add the root of its certificate to what this side trusts; if it sends no intermediate, mend that there"};
    case X509_V_ERR_INVALID_PURPOSE:
      return {"eku-mismatch", peer, which + " may not be used for this",
              "use a certificate whose extended key usage fits (server or client)"};
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return {"path-length", peer, which + " is below more CA certificates than its issuer allows",
              "have the certificate issued by a CA that may issue it"};
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return {"not-a-ca", peer, which + " signed another one but is no CA certificate",
              "have the certificate issued by a CA"};
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
      return {"name-constraint", peer, which + " bears a name that its CA may not certify",
              "have the certificate issued by a CA whose name constraints allow the name"};
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return {"key-weak", peer, which + " has a key that is too small", "use RSA of 2048 bits or more, or ECDSA P-256"};
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return {"signature-weak", peer, which + " is signed with a broken digest", "have it issued anew with SHA-256"};
    case X509_V_ERR_CERT_REVOKED:
      return {"revoked", peer, which + " has been revoked", "replace it on that side"};
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return {"not-allowed", peer, "the name in its certificate is not on the list of allowed names",
              "add the name to `allow` of this endpoint's profile, or use another certificate"};
    default:
      return {"tls-handshake", peer, which + " was refused: " + text, "see `chancery probe` for what the peer sends"};
  }
}

}  // namespace chancery::tls
