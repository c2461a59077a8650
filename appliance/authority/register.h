// The register of the authority (STATE/authority/authority.db): every certificate that was ever issued, and for
// federation/ the tokens and the members. It says which root and which issuing CA are in force; root.pem and
// issuing.pem are copies for people.
//
//   certificates        id, serial, sha256, der, kind ("root", "issuing", "server", "client", "member"), names (one a
//                       line), issued_for, issued_at, not_after
//   in_force            which root and which issuing CA sign now
//   founding            the federation's id
//   tokens              id, public key, role, names, created, expires, revoked, used_digest (of the CSR keys), used_at
//   token_certificates  what a token's one join was given, by identity
//   members             name, role, state, joined, last_seen
//   member_certificates der by member and identity
//
// Times are Unix seconds. Thread safety: that of storage::Database.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/storage/database.h"
#include "keystore/x509/certificate.h"

namespace chancery::authority {

[[nodiscard]] storage::Database open_register(const Folder& folder, const FileAttributes& attributes = {.mode = 0600});

struct RegisterEntry {
  std::string kind;
  std::string issued_for;
  Instant issued_at{};
};
void enter(storage::Database& store, const Certificate& certificate, const RegisterEntry& entry);

// A root or issuing certificate that takes the place of the one in force.
void put_in_force(storage::Database& store, const Certificate& certificate, const RegisterEntry& entry);

// The certificate in force of a kind ("root", "issuing") with its row's number; nullopt when there is none.
struct Registered {
  std::int64_t id;
  Certificate certificate;
};
[[nodiscard]] std::optional<Registered> in_force(const storage::Database& store, const std::string& kind);
[[nodiscard]] std::int64_t in_force_id(const storage::Database& store, const std::string& kind);  // 0: none

inline std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }
inline Instant instant_of(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

}  // namespace chancery::authority
