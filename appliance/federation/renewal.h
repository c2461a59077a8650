// Renewing what the authority issued: when, and how a member asks for it.
//
//   if (now >= renew_at(leaf)) …
//   Renewed renewed = renew(request, clock);      // talks to the authority, checks everything, writes nothing
//
// POST /renew goes to the authority whose key the join pinned, over TLS 1.3. The member signs a transcript bound to this
// very session (transcript.h) with the key of its member certificate: what client authentication in the handshake would
// prove, and it works after that certificate has ended, too. Names, role and usages come from the register, new keys
// from the member. A retry with the same keys within a day is given the same certificates. Failures: relay-suspected,
// renew-refused (revoked, removed, unknown), renew-too-late (over for more than `renewable_after_end`), clock-skew,
// reply-invalid, and those of tls/connection.h where nobody answers.
#pragma once

#include "appliance/federation/join.h"

namespace chancery::federation {

// Two thirds of a certificate's life; nothing is renewed before.
[[nodiscard]] Instant renewable_from(const Certificate& leaf);
// The same and up to a twentieth of its life more, by its fingerprint: certificates that were made at one time, by a
// script or for many members, are not all renewed at one time.
[[nodiscard]] Instant renew_at(const Certificate& leaf);

// How long a member may still renew with its key after its certificate has ended.
inline constexpr std::chrono::days renewable_after_end{90};

struct RenewalRequest {
  tls::Target authority;
  Sha256 authority_pin{};
  std::string federation;
  Certificate member;  // the present certificate, and its key
  PrivateKey member_key;
  std::vector<Certificate> roots;  // anchor what is answered: those in force, several in the middle of a rotation
  std::vector<JoinIdentity> identities;
  std::chrono::milliseconds deadline{10000};
};

struct Renewed {
  std::map<std::string, std::vector<Certificate>>
      chains;  // by identity: leaf, issuing, in a rotation the cross certificate
};

[[nodiscard]] Renewed renew(const RenewalRequest& request, const Clock& clock);

// Shakes hands with the authority and asks it nothing. Failures as of renew().
[[nodiscard]] AuthoritySeen look_at_authority(const tls::Target& authority, const Sha256& pin,
                                              std::chrono::milliseconds deadline = std::chrono::milliseconds{10000});

}  // namespace chancery::federation
