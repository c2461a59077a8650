// The Customer Key's life after founding: rotated on the primary, taken over by everybody else.
//
// A generation has it (membership/customer_keys.h); beside it stands the authority's own copy in authority/, which is what
// joiners and members are given, because chancery-authority may not read the generation's. The generation leads.
#pragma once

#include "appliance/manager/bench.h"

namespace chancery::manager {

// Primary: makes the authority's copy equal to what is in force; cheap where it is. To be called with the writer's lock.
void hand_out_customer_keys(Bench& bench);
[[nodiscard]] bool is_handed_out(Bench& bench);

// Secondary: fetches the keys from the authority and puts them in force, where their number is above ours. Failures of
// federation/key_transfer.h.
[[nodiscard]] bool needs_customer_keys(Bench& bench, std::uint64_t number);
[[nodiscard]] nlohmann::json follow_customer_keys(Bench& bench, const Call& call);

}  // namespace chancery::manager
