// Names in NiFi mode: distinguished names as people write them for the toolkit ("CN=node1.example.com, OU=NIFI"), and
// which of a request's names its CA certifies.
//
// The protocol protects no names (wire.h): whoever has the token may ask for any. What is kept out is what no node needs
// and what fools readers. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "keystore/x509/request.h"

namespace chancery::nifi {

struct Subject {
  Bytes der;                // a Name
  std::string common_name;  // exactly one, and a DNS name or address
};

// In Java's order, so that Java prints it as it was written. Failure("bad-name").
[[nodiscard]] Subject read_subject(std::string_view text);
[[nodiscard]] Subject subject_for(const std::string& host);  // CN=<host>, OU=NIFI

// A DNS name or an address, lower case, no wildcard; Failure("bad-name").
[[nodiscard]] AlternativeName host_name(const std::string& text);
[[nodiscard]] bool same_host(const std::string& left, const std::string& right);

// The CN and then `names`, each once.
[[nodiscard]] std::vector<AlternativeName> all_names(const std::string& common_name,
                                                     const std::vector<AlternativeName>& names);

// Signed with SHA-256, all_names as SAN: what the toolkit's client asks with.
[[nodiscard]] CertificateRequest make_request(const PrivateKey& key, const Subject& subject,
                                              const std::vector<AlternativeName>& names);

// What is certified of a request: its subject as it stands and all_names; no other extension is looked at. Failure
// ("bad-name") for a subject of more than 16 parts, parts other than CN, OU, O, L, ST, C and DC, values that are long or
// not printable, more than 100 names, wildcards, and names that are neither DNS names nor addresses.
struct Certified {
  Subject subject;
  std::vector<AlternativeName> names;
};
[[nodiscard]] Certified certified_names(const CertificateRequest& request);

// This machine's names: the host name and what it is called in full.
[[nodiscard]] std::vector<std::string> own_names();

}  // namespace chancery::nifi
