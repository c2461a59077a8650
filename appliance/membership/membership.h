// What a generation says about this appliance's place in the federation, and the client contexts that members use
// towards each other: the server is verified by the appliance's own client trust, the client by its member identity.
//
//   if (auto membership = read_membership(generation)) …
//   tls::ClientContext context = member_context(generation, generation.read("trust/engine/ca-bundle.crt"), true);
#pragma once

#include <optional>
#include <string>

#include "appliance/tls/client_context.h"
#include "backup/generations/generation.h"

namespace chancery {

inline constexpr const char* member_protocol = "chancery-member/1";

struct Membership {
  std::string federation;
  std::string name;
  std::string role;
  std::string portal_host;  // where heartbeats go
  int portal_port = 0;
  std::string portal_name;     // what the portal's certificate must answer to
  std::string authority_host;  // joins, renewals; always serves what the federation issued
  int authority_port = 0;
};

// nullopt: not in a federation (a secondary before it joins). Failure("federation-invalid") when the file is damaged.
[[nodiscard]] std::optional<Membership> read_membership(const backup::Generation& generation);

// Trust: the certificates of `trust_pem`, less what the federation's revocation list of the generation has: a member that
// was removed is refused as a server, too. A list that cannot be read leaves nobody. Presents identities/member.
// `verify` false: P23.
[[nodiscard]] tls::ClientContext member_context(const backup::Generation& generation, Bytes trust_pem, bool verify);

// "chancery://<federation>/member/<role>/<name>" of a member certificate, taken apart; nullopt when there is none.
struct MemberName {
  std::string federation;
  std::string role;
  std::string name;
};
[[nodiscard]] std::optional<MemberName> member_name(const Certificate& leaf);

}  // namespace chancery
