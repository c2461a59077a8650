// NiFi mode's client: asks a CA of the tls-toolkit's protocol (Chancery's or the toolkit's own) for a certificate.
//
//   Enrolled done = enrol({.authority = {.host = "ca.example.com", .port = 9443}, .distinguished_name = "CN=node1…",
//                          .own_names = own_names(), .directory = "/opt/nifi/tls"}, token, system_now);
//
// In this order (X8), and nothing is written before the end: the CN of the name is one of this host's; no key is there
// yet (X6: else nothing is asked, `already` is true); the peer's chain is one self-signed certificate whose CN is the
// CA's host name, before a byte of the request leaves; the reply's HMAC is over the key of this very TLS peer, so that
// nobody stands between; the certificate is for our key and our name, no CA, in force, and signed by that CA. Then all
// of it appears at once (whole_folder.h), 0600: keystore.jks (nifi-key: key, certificate, CA), truststore.jks
// (nifi-cert: the CA), nifi-cert.pem (the CA) and config.json with the toolkit's member names and both passwords, which
// are random. The token is not kept.
//
// What the protocol itself leaves open: the peer that is asked gets an HMAC under the token before it has proven
// anything, so a weak token could be guessed from it. Hence 16 bytes at least.
//
// Failures: "host-mismatch" (CN and this host), "bad-name", "token-too-short", "already-exists", "name-mismatch" (the
// peer), "untrusted-root" (its chain is another), "relay-suspected", "token-refused", "enrolment-refused",
// "reply-invalid", and those of http/client.h. Thread safety: safe.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "appliance/tls/connection.h"
#include "keystore/bytes/secret.h"

namespace chancery::nifi {

struct EnrolmentRequest {
  tls::Target authority;               // `host` is also the CN that is demanded
  std::string distinguished_name;      // "CN=node1.example.com, OU=NIFI"
  std::vector<std::string> names;      // further SANs
  std::vector<std::string> own_names;  // what this host is called
  std::string directory;
  std::chrono::milliseconds deadline{30'000};
};

struct Enrolled {
  bool already = false;
  Certificate certificate;
  Certificate authority;
};

[[nodiscard]] Enrolled enrol(const EnrolmentRequest& request, const SecretBytes& token, const Clock& clock);

}  // namespace chancery::nifi
