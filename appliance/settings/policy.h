// Policy of a generation: endpoints, security profiles and consumers, each a small TOML file in the generation.
// Unknown keys and wrong values are Failure("bad-setting") with file, line and the nearest right key.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery {

struct Endpoint {
  std::string name;
  std::string host = "0.0.0.0";
  int port = 0;
  bool enabled = true;
  std::string profile = "default";
  std::string identity;
};

enum class SecurityLevel { none, tls_no_peer_auth, tls_peer_auth };
enum class ClientCertificates { off, request, require };

struct SecurityProfile {
  std::string name;
  SecurityLevel required_level = SecurityLevel::tls_no_peer_auth;
  std::string minimum_protocol = "TLSv1.2";  // or "TLSv1.3"
  std::string ciphers;                       // OpenSSL lists; empty: the built-in AEAD list with forward secrecy
  std::string groups;
  ClientCertificates client_certificates = ClientCertificates::off;
  std::string trusted;  // "a.pem;b.pem", paths relative to the generation
  std::string crl;
  int crl_interval_minutes = 60;
  std::vector<std::string> allow;
};

struct ProbeAddress {
  std::string host;
  int port = 0;
  std::string starttls;  // "", "smtp", "ldap", "postgres"
};

// A service of somebody else that reads `current/identities/<identity>/…`.
struct Consumer {
  std::string name;
  std::string identity;
  std::string reload;  // command line, split like a shell would, run without one
  std::vector<ProbeAddress> probe;
  std::vector<std::string> requires_lines;  // "FILE:LINE"
};

[[nodiscard]] Endpoint parse_endpoint(const std::string& name, ByteView toml);
[[nodiscard]] SecurityProfile parse_profile(const std::string& name, ByteView toml);
[[nodiscard]] Consumer parse_consumer(const std::string& name, ByteView toml);
[[nodiscard]] std::string to_toml(const Endpoint& endpoint);
[[nodiscard]] std::string to_toml(const SecurityProfile& profile);
[[nodiscard]] std::string to_toml(const Consumer& consumer);
[[nodiscard]] std::string endpoint_program(
    const std::string& endpoint_name);  // "portal-collector" -> "portal"; "join" -> "authority"
// "127.0.0.1:443", "[::1]:443"; Failure("bad-address").
[[nodiscard]] ProbeAddress parse_address(std::string_view text, int default_port = 0);

}  // namespace chancery
