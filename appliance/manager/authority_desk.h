// The authority of this appliance and its admission of new members, opened for one request (primary and single).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

// What a dry run says of the authority's files: its register, and its issuing certificate where names are new to it.
// A register on a server is named as such.
[[nodiscard]] nlohmann::json authority_files(const Bench& bench, const std::vector<std::string>& new_names);
[[nodiscard]] nlohmann::json register_change(const Bench& bench);

class AuthorityDesk {
 public:
  // Failure("not-a-primary") on a secondary.
  explicit AuthorityDesk(Bench& bench);

  authority::Authority authority;
  federation::Admission admission;
};

}  // namespace chancery::manager
