// A member proves that it can do with the coming root alone, so that the former one may be retired (C8).
//
//   Report report{.root = coming, .proofs = {{.kind = "member", .who = name, .is_proven = true}}};
//   report_proofs(request, report, clock);       // a secondary, once its own leaves are under that root
//
// POST /proof goes over a full TLS handshake with the authority in which the authority's chain was verified with the
// coming root alone in the store: a cross certificate leads nowhere there. The statement is bound to that very session
// and signed by the member certificate's key, which must be issued under the coming root itself; so neither an earlier
// session, nor a ticket, nor somebody in between, nor a member that still has its former leaf can make one.
//
//   request     {"certificate":hex32,"nonce":base64,"time":unix,"report":TEXT,"signature":base64}
//     TEXT      {"root":hex32,"proofs":[{"kind":"member"|"trust-store","who":…,"proven":bool,"why":…},…]}
//   signed      sized16 "chancery proof 1 member", sized16 exporter ("EXPORTER-chancery-proof-1", 32 bytes),
//               sized16 certificate, sized16 nonce, u64 time, sized16 SHA-256 of TEXT
//   reply       {} (the session's peer is the pinned authority)
//
// What is reported takes the place of what this member reported before. Failures: "untrusted-root" (the authority does
// not present the coming root's chain yet), "relay-suspected", "proof-refused", "clock-skew", "proof-malformed".
#pragma once

#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/storage/store.h"

namespace chancery::federation {

struct AnchorProof {
  std::string kind;  // "member", or "trust-store" for a store that this member knows of
  std::string who;   // the member's name, or the store's path
  bool is_proven = false;
  std::string why;  // where it is not
};
struct Report {
  Certificate root;
  std::vector<AnchorProof> proofs;  // at most 256
};

struct ProofRequest {
  tls::Target authority;
  Sha256 authority_pin{};
  Certificate member;
  PrivateKey member_key;
  std::chrono::milliseconds deadline{5000};
};
void report_proofs(const ProofRequest& request, const Report& report, const Clock& clock);

// A full handshake with the authority that only `root` anchors, and nothing more: what a trust store that holds `root`
// is proven by. Failures of tls/connection.h.
void shake_hands_under(const tls::Target& authority, const Sha256& pin, const Certificate& root,
                       std::chrono::milliseconds deadline = std::chrono::milliseconds{4000});

// The authority's memory of it (register.h, table proofs).
struct KeptProof {
  std::string member;
  AnchorProof proof;
  std::string root_sha256;
  Instant seen{};
};
[[nodiscard]] std::vector<KeptProof> kept_proofs(const storage::Store& store);
void keep_proofs(storage::Store& store, const std::string& member, const std::string& root_sha256,
                 const std::vector<AnchorProof>& proofs, Instant when);

}  // namespace chancery::federation
