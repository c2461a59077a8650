// The register of the authority (STATE/authority/authority.db): every certificate that was ever issued, and for
// federation/ the tokens and the members. Root and issuing certificates in force are the newest of their kind here;
// root.pem and issuing.pem are copies for people.
//
//   certificates        id, serial, sha256, der, kind ("root", "issuing", "server", "client", "member"), names (one a
//                       line), issued_for, issued_at, not_after
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

// The newest certificate of a kind with its row's number; nullopt when there is none.
struct Registered {
  std::int64_t id;
  Certificate certificate;
};
[[nodiscard]] std::optional<Registered> newest(const storage::Database& store, const std::string& kind);
[[nodiscard]] std::int64_t newest_id(const storage::Database& store, const std::string& kind);  // 0: none

inline std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }
inline Instant instant_of(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

}  // namespace chancery::authority
