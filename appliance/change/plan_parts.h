// What the plans share. Internal to appliance/change.
#pragma once

#include <string>
#include <vector>

#include "appliance/change/plan.h"
#include "keystore/fault.h"

namespace chancery::change {

// "identities/portal/key.pem" -> "portal"; "trust/engine/ca-bundle.crt" -> "trust/engine"; "defaults/portal/…" ->
// "defaults/portal"; "profiles/default.toml" -> "profiles".
[[nodiscard]] std::string component_of(const std::string& path);
// The other way: "portal" -> "identities/portal/", "trust/engine" -> "trust/engine/".
[[nodiscard]] std::string prefix_of_component(const std::string& component);

// What belongs to the federation and its keys, to which going back would lock others out: customer key, federation/,
// the federation's anchors and those retired, keys that wait for their certificates; and the list of anchors in stores of
// others, which stay as they are.
[[nodiscard]] bool never_goes_back(const std::string& path);

// The names the certificate of an identity must answer to (P12); none for member and authority-tls, which are known by
// their URI and their pin.
[[nodiscard]] std::vector<preflight::RequiredName> names_of_identity(const Appliance& appliance,
                                                                     const std::string& identity);

// Judges an identity that was in force before: what makes it unusable or is revoked or retired by now refuses;
// everything else (mere expiry) only warns.
[[nodiscard]] preflight::Report judge_former(const preflight::Identity& identity, const std::string& name,
                                             const Appliance& appliance, const preflight::Knowledge& knowledge,
                                             Instant now);
void merge(preflight::Report& into, preflight::Report&& from);

// The parts of an identity from its files' bytes; `where` names them in Failure("identity-damaged").
[[nodiscard]] preflight::Identity parse_identity(const std::string& where, ByteView certificate, ByteView key,
                                                 ByteView intermediate);
// As put_identity, with the keystore password given ("" makes one) and the keystore always written anew.
void put_identity_files(backup::Edits& edits, const Appliance& appliance, const std::string& identity,
                        const preflight::Identity& material, SecretBytes password);

}  // namespace chancery::change
