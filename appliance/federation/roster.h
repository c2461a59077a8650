// Tokens and members as they stand in the authority's register (authority/register.h has the tables). Plain storing and
// finding; admission.cpp has the rules. Calls that belong together go into one store.write(). Thread safety: the
// store's.
#pragma once

#include <map>
#include <optional>

#include "appliance/federation/join.h"
#include "appliance/storage/database.h"

namespace chancery::federation {

struct TokenRecord {
  Bytes id;
  Bytes public_key_der;  // Ed25519; the private half is in the token only
  std::string role;
  std::vector<std::string> names;
  Instant created{};
  Instant expires{};
  std::optional<Instant> revoked = {};
  std::optional<Bytes> used_digest = {};  // of the CSR keys that it was used with
};

void enter_token(storage::Store& store, const TokenRecord& token);
[[nodiscard]] std::optional<TokenRecord> find_token(const storage::Store& store, const Bytes& id);
[[nodiscard]] std::vector<TokenRecord> all_tokens(const storage::Store& store);
void revoke(storage::Store& store, const Bytes& id, Instant when);
// Marks an open token as used; the caller has checked in the same transaction that it is open.
void bind_token(storage::Store& store, const Bytes& id, ByteView digest, Instant when);

// What the join with this token was given, by identity.
void enter_given(storage::Store& store, const Bytes& token, const std::string& identity, ByteView leaf_sha256);
void forget_given(storage::Store& store, const Bytes& token);
[[nodiscard]] std::map<std::string, Certificate> given(const storage::Store& store, const Bytes& token);

void revoke_tokens_of(storage::Store& store, const std::string& member, Instant when);
void forget_member(storage::Store& store, const std::string& name);

// One who joins again takes the place of the earlier entry.
void enter_member(storage::Store& store, const Member& member);
// The same, its certificates given as DER.
void enter_member(storage::Store& store, const Member& member, const std::vector<Bytes>& certificates);
[[nodiscard]] std::optional<Member> find_member(const storage::Store& store, const std::string& name);
// Its new certificates take the places of those of the same identities; certificates of which the register does not
// know the identity stay.
void renew_member(storage::Store& store, const Member& member, const std::map<std::string, Certificate>& leaves);
[[nodiscard]] std::vector<Member> all_members(const storage::Store& store);
// In the same order; these two read no certificate.
struct ListedMember {
  std::string name;
  std::optional<Instant> last_seen;
};
[[nodiscard]] std::vector<ListedMember> listed_members(const storage::Store& store);
[[nodiscard]] std::vector<std::string> member_names(const storage::Store& store);
void member_seen(storage::Store& store, const std::string& name, Instant when);

}  // namespace chancery::federation
