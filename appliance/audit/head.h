// The end of an appliance's audit, signed: what it shows to its peers, so that nobody can cut the end off or write the
// whole anew without one of them holding the proof.
//
//   const SignedHead head = sign_head(keys, key, {.appliance = name, .number = 841, .hash = …, .time = …});
//   if (!head.is_genuine()) …              // its own signature and the succession of its keys
//
// The key is an Ed25519 key of the audit alone (STATE/secrets/audit.key): the member identity's key changes with each
// renewal. A peer pins the first key it is shown over mutual TLS; a later key counts because the one before has signed it
// ("succession"), and the head brings the whole succession along, at most 32 keys.
//
//   key's endorsement = sign(previous key, "chancery-audit-key-1" ‖ sized16 previous SPKI ‖ sized16 SPKI)
//   signature         = sign(newest key, "chancery-audit-head-1" ‖ sized16 appliance ‖ u64 number ‖ hash ‖ i64 time ‖
//                            sized16 newest SPKI)
//
// Not checked: who showed it, and whether the log holds what it says. Values; thread safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"
#include "keystore/x509/private_key.h"

namespace chancery::audit {

struct Head {
  std::string appliance;
  std::int64_t number = 0;
  Sha256 hash{};
  Instant time{};
  friend bool operator==(const Head&, const Head&) = default;
};

struct AuditKey {
  Bytes public_key;   // SubjectPublicKeyInfo
  Bytes endorsement;  // by the key before; empty for the first
  friend bool operator==(const AuditKey&, const AuditKey&) = default;
};

struct SignedHead {
  Head head;
  std::vector<AuditKey> keys;  // oldest first
  Bytes signature;

  [[nodiscard]] bool is_genuine() const;
};

inline constexpr std::size_t most_keys = 32;

[[nodiscard]] SignedHead sign_head(const std::vector<AuditKey>& keys, const PrivateKey& newest, Head head);
[[nodiscard]] AuditKey endorse(const PrivateKey& present, const PrivateKey& next);
[[nodiscard]] bool is_succession(const std::vector<AuditKey>& keys);  // false also for none and for more than most_keys

[[nodiscard]] nlohmann::json to_json(const SignedHead& head);
// Untrusted: nullopt for anything that is not one. Not checked: the signatures.
[[nodiscard]] std::optional<SignedHead> signed_head_from(const nlohmann::json& document);

// STATE/run/manager/audit-head.json, where the writer of the audit leaves the newest head for the programs that talk to
// peers. nullopt: there is none, or it cannot be read.
inline constexpr const char* published_head_path = "run/manager/audit-head.json";
[[nodiscard]] std::optional<SignedHead> published_head(const Folder& state);

}  // namespace chancery::audit
