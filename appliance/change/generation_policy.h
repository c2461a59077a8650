// Policy as a generation holds it: its endpoints, profiles and consumers, parsed.
//
//   for (const Consumer& consumer : consumers_of(generation)) …
//
// Failure("bad-setting") for a file that does not parse. Not checked: that profiles and identities named exist.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "backup/generations/generations.h"

namespace chancery::change {

[[nodiscard]] std::vector<Endpoint> endpoints_of(const backup::Generation& generation);
[[nodiscard]] std::vector<Consumer> consumers_of(const backup::Generation& generation);
// As `edits` will leave them; files that are edited are not read, so that what was damaged by hand can be replaced.
[[nodiscard]] std::vector<Endpoint> endpoints_after(const backup::Generation& generation, const backup::Edits& edits);
[[nodiscard]] std::vector<Consumer> consumers_after(const backup::Generation& generation, const backup::Edits& edits);
// Those that read one of `identities`.
[[nodiscard]] std::vector<Consumer> consumers_of(const backup::Generation& generation,
                                                 const std::vector<std::string>& identities);
// Failure("unknown-profile").
[[nodiscard]] SecurityProfile profile_of(const backup::Generation& generation, const std::string& name);

}  // namespace chancery::change
