// What the federation's authority says at this moment: its bulletin and its revocation lists.
//
//   const federation::News news = news_of_authority(bench);
//
// A secondary asks its primary (federation/bulletin.h, its failures); a primary reads its own register. Failure
// ("not-joined") outside a federation. Thread safety: one thread.
#pragma once

#include "appliance/federation/bulletin.h"
#include "appliance/manager/bench.h"
#include "appliance/manager/federation_facts.h"

namespace chancery::manager {

[[nodiscard]] federation::News news_of_authority(Bench& bench);

[[nodiscard]] Failure not_joined(const Bench& bench);
// Where the authority is, and the SHA-256 of its key. Failure("federation-damaged").
[[nodiscard]] tls::Target authority_target(const FederationFacts& facts);
[[nodiscard]] Sha256 authority_pin(const FederationFacts& facts);

}  // namespace chancery::manager
