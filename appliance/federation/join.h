// Joining a federation (architecture.md, "Join"): the token, what the joiner does, what the authority does.
//
//   primary:    SecretBytes token = admission.make_token({.role = Role::secondary, .names = {…}, .ttl = 10min});
//   secondary:  Joined joined = join(request, token);      // talks to the authority, checks everything, writes nothing
//               … the manager puts `joined` in force through the transaction.
//
// Token: "chancery-join-1." + base64url(id 16 | Ed25519 seed 32 | SHA-256 of the authority's TLS public key 32). The
// authority keeps only the public half, role, names, expiry, and the digest of the CSR keys that first used it. Both
// sides sign the same transcript (transcript.h): label of the speaker's role, the TLS exporter of this very session,
// digest of the CSRs, role, names, nonce. All refusals over the wire are one identical answer; the reason goes to the
// authority's log and register. Failure codes on the joiner: relay-suspected (another key answered than the token pins:
// somebody sits in between), join-refused, token-malformed, token-expired, clock-skew (more than an hour, with the
// difference), reply-invalid.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "appliance/authority/authority.h"
#include "appliance/membership/customer_keys.h"
#include "appliance/settings/appliance.h"
#include "appliance/tls/connection.h"

namespace chancery {
class Failure;
}

namespace chancery::federation {

struct JoinIdentity {
  std::string identity;  // "member", "console", "engine", "engine-collector"
  PrivateKey key;        // made by the joiner, never leaves it
};

struct JoinRequest {
  tls::Target primary;  // HOST:PORT of the join endpoint
  Role role = Role::secondary;
  std::vector<std::string> names;  // must equal the token's, 1:1; the first is the member's name
  std::vector<JoinIdentity> identities;
  std::chrono::milliseconds deadline{15000};
};

struct Joined {
  std::string federation;
  std::map<std::string, std::vector<Certificate>> chains;  // by identity: leaf, issuing
  Certificate root;
  SecretBytes customer_key;
  std::string portal_host;  // where the heartbeat goes
  int portal_port = 0;
  std::string portal_name;
};

[[nodiscard]] Joined join(const JoinRequest& request, const SecretBytes& token, const Clock& clock);

// What a join would meet, without one: reaches the authority, shakes hands, and compares its key with the token's pin.
// Nothing is sent over the connection, so the token is not used, and whether it is still good (open, not expired, for
// these names) stays unknown. Failures as of join().
struct AuthoritySeen {
  Certificate certificate;
  std::string protocol;
  std::string pin;  // hex SHA-256 of its public key, as the token has it
};
[[nodiscard]] AuthoritySeen look_at_authority(const tls::Target& primary, const SecretBytes& token,
                                              std::chrono::milliseconds deadline = std::chrono::milliseconds{15000});

struct TokenOrder {
  Role role = Role::secondary;
  std::vector<std::string> names;  // external, internal, SANs
  std::chrono::seconds time_to_live{600};
};

struct TokenSummary {
  std::string id;  // hex
  std::string role;
  std::vector<std::string> names;
  Instant created{};
  Instant expires{};
  std::string state;  // "open", "used", "expired", "revoked"
};

struct Member {
  std::string name;
  std::string role;
  std::string state;  // "joined"
  Instant joined{};
  std::optional<Instant> last_seen;
  std::vector<Certificate> certificates;
};

// What the primary tells every joiner about itself, besides certificates.
struct PrimaryFacts {
  std::string federation;
  std::string portal_host;
  int portal_port = 0;
  std::string portal_name;
  friend bool operator==(const PrimaryFacts&, const PrimaryFacts&) = default;
};

// The primary's side: tokens, roster, and the answer to POST /join. One SQLite file (STATE/authority/authority.db),
// WAL; the CLI and chancery-authority may both have it open. Thread safe.
class Admission {
 public:
  Admission(authority::Authority& authority, PrivateKey tls_key, SecretBytes customer_key, PrimaryFacts facts,
            Clock clock);
  ~Admission();

  // Names that are new to the issuing CA need the root's key: Failures of authority/root_key.h, and no token.
  [[nodiscard]] SecretBytes make_token(const TokenOrder& order, const authority::RootAccess& access = {});
  // The names as the token would bear them; throws whatever make_token would refuse, and writes nothing.
  [[nodiscard]] std::vector<std::string> check_order(const TokenOrder& order) const;
  [[nodiscard]] std::vector<TokenSummary> tokens() const;
  void revoke_token(const std::string& id);
  [[nodiscard]] TokenSummary token(const std::string& id) const;  // Failure("unknown-token")
  [[nodiscard]] std::vector<Member> members() const;
  [[nodiscard]] std::optional<Member> member(const std::string& name) const;
  void seen(const std::string& member_name, Instant when);
  void enter_primary(const Member& self);
  // Revokes whatever the member was issued and the tokens it joined with, and forgets it; how many certificates that
  // were. Doing it again does nothing. Failure("unknown-member") for who never was one, "own-member" for the primary.
  int remove(const std::string& member_name);
  // The certificates that remove() would revoke, with the same failures.
  [[nodiscard]] std::vector<Certificate> removable(const std::string& member_name) const;

  struct WireAnswer {
    int status;
    std::string body;
  };
  // `body` as received, `session` for the exporter, `peer` for rate limits and the log.
  [[nodiscard]] WireAnswer answer(const std::string& body, const tls::Connection& session, const std::string& peer);
  // The same for POST /renew (renewal.h).
  [[nodiscard]] WireAnswer answer_renewal(const std::string& body, const tls::Connection& session,
                                          const std::string& peer);
  // The same for POST /proof (anchor_proof.h), and the body of GET /bulletin (bulletin.h).
  [[nodiscard]] WireAnswer answer_proof(const std::string& body, const tls::Connection& session,
                                        const std::string& peer);
  [[nodiscard]] std::string news();
  // The same for POST /customer-key (key_transfer.h). What was given to the constructor is number 0, with none before it.
  [[nodiscard]] WireAnswer answer_customer_key(const std::string& body, const tls::Connection& session,
                                               const std::string& peer);
  void know_customer_keys(CustomerKeys keys);

  // What a joiner or member is told when the authority cannot do it at present: 503, and whom else to ask where another
  // primary issues ("not-the-issuer"); `code` for everything else.
  [[nodiscard]] static WireAnswer unavailable(const Failure& failure, const char* code, Instant now);

  struct State;  // admission_state.h

 private:
  std::unique_ptr<State> state_;
};

}  // namespace chancery::federation
