// What this appliance knows for preflight: anchors and intermediates of the generation in force and of the operating
// system, and which anchors are retired.
//
//   const preflight::Knowledge knowledge = know(bench);
//
// Anchors: the client trust of engine and portal, the federation's roots, roots an administrator gave us
// (trust/appliance/known.pem), the operating system's bundle. Intermediates: those given by an administrator and those
// of every identity and default. Revoked: what the
// federation's own list (trust/federation/crl.pem) has. Not known here: lists of other CAs, and which collectors are
// pinned to which root (pinned_collectors.h).
#pragma once

#include "appliance/manager/bench.h"
#include "appliance/preflight/preflight.h"

namespace chancery::manager {

[[nodiscard]] preflight::Knowledge know(Bench& bench);

// All certificates of a PEM file in the generation; none where the file is absent.
[[nodiscard]] std::vector<Certificate> certificates_in(const backup::Generation& generation, const std::string& path);
[[nodiscard]] std::string pem_of(const std::vector<Certificate>& certificates);

// P12: the names that the certificate of these identities must answer to.
[[nodiscard]] std::vector<preflight::RequiredName> required_names(const Appliance& appliance,
                                                                  const std::vector<std::string>& identities);

// Identities that customers may replace: all of the role but member and authority-tls.
[[nodiscard]] std::vector<std::string> replaceable_identities(Role role);
// Failure("bad-identity") that lists the valid ones.
void expect_replaceable(const Appliance& appliance, const std::string& identity);
// Failure("bad-identity") for a name that this role does not have at all.
void expect_identity(const Appliance& appliance, const std::string& identity);

}  // namespace chancery::manager
