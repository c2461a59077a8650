// The register of the authority (STATE/authority/authority.db): every certificate that was ever issued, and for
// federation/ the tokens and the members. It says which root and which issuing CA are in force; root.pem and
// issuing.pem are copies for people.
//
//   certificates        id, serial, sha256, der, kind ("root", "issuing", "server", "client", "member"), names (one a
//                       line), issued_for, issued_at, not_after; of members' also member, identity, key_sha256; revoked
//   revocation_lists    by standing of its issuer ("issuing", "former-issuing"): the CRL as last signed, its number, and
//                       when the next is to be made (0: now)
//   in_force            which root and which issuing CA sign now ("root", "issuing"); in a rotation also "next-root",
//                       "next-issuing", "cross", "former-root", "former-issuing"
//   rotation            number and phase of the last step of a rotation, and when it was
//   retired_anchors     roots that were retired, and their issuing CAs
//   proofs              what each member told of the root that comes (proofs.h): itself and its trust stores
//   lost                who was forgotten when a root was retired, by number of that step
//   issuer              which primary issues, and whether this place of the register counts (issuance.h)
//   founding            the federation's id
//   tokens              id, public key, role, names, created, expires, revoked, used_digest (of the CSR keys), used_at
//   token_certificates  what a token's one join was given, by identity
//   members             name, role, state, joined, last_seen
//   member_certificates der by member and identity
//
// Times are Unix seconds. Thread safety: that of storage::Store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "keystore/files/folder.h"
#include "keystore/x509/certificate.h"

namespace chancery::authority {

[[nodiscard]] const storage::Schema& register_schema();
inline constexpr int rotations_version = 4;  // the first that knows of rotations
// The file of it. Where an appliance keeps its register: register_place.h.
[[nodiscard]] std::unique_ptr<storage::Store> open_register(const Folder& folder,
                                                            const FileAttributes& attributes = {.mode = 0600});

struct RegisterEntry {
  std::string kind;
  std::string issued_for;
  Instant issued_at{};
  std::string member = {};    // whose it is; "" for CAs and for what was signed by hand
  std::string identity = {};  // "portal"
};
void enter(storage::Store& store, const Certificate& certificate, const RegisterEntry& entry);

// The same of a certificate that was put together here and need not be decoded for that.
struct EncodedCertificate {
  ByteView der;
  Sha256 sha256{};
  Bytes serial;
  std::vector<AlternativeName> names;  // as they stand in it
  Instant not_after{};
  Sha256 key_sha256{};  // of its SubjectPublicKeyInfo
};
void enter(storage::Store& store, const EncodedCertificate& certificate, const RegisterEntry& entry);

// A root or issuing certificate that takes the place of the one in force.
void put_in_force(storage::Store& store, const Certificate& certificate, const RegisterEntry& entry);

// The certificate in force of a kind ("root", "issuing") with its row's number; nullopt when there is none.
struct Registered {
  std::int64_t id;
  Certificate certificate;
};
[[nodiscard]] std::optional<Registered> in_force(const storage::Store& store, const std::string& kind);
[[nodiscard]] std::int64_t in_force_id(const storage::Store& store, const std::string& kind);  // 0: none

// A row of the register.
struct Issued {
  Certificate certificate;
  std::string kind;
  Instant issued_at{};
  std::string member;    // "" where it is nobody's
  std::string identity;  // "" where it is not known
  std::optional<Instant> revoked;
};
[[nodiscard]] std::optional<Issued> find_issued(const storage::Store& store, ByteView sha256);
// Oldest first; those of `since` and later.
[[nodiscard]] std::vector<Issued> issued_to(const storage::Store& store, const std::string& member,
                                            Instant since = Instant{});

// Takes back whatever the member was issued, and says how many that were. The list of revocations is stale from now on.
int revoke_all(storage::Store& store, const std::string& member, Instant when);

inline std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }
inline Instant instant_of(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

}  // namespace chancery::authority
