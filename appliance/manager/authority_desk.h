// The authority of this appliance and its admission of new members, opened for one request (primary and single).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

class AuthorityDesk {
 public:
  // Failure("not-a-primary") on a secondary.
  explicit AuthorityDesk(Bench& bench);

  authority::Authority authority;
  federation::Admission admission;
};

}  // namespace chancery::manager
