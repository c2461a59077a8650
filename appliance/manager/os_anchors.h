// Certificates that Chancery put into the operating system's trust: are they still there, and what brings them back.
#pragma once

#include <string>
#include <vector>

#include "appliance/change/plan.h"
#include "appliance/manager/bench.h"
#include "appliance/trust/managed_anchors.h"

namespace chancery::manager {

struct OsAnchorState {
  trust::ManagedAnchor anchor;
  std::string file_sha256;  // of the file that is there now; "" for none
  bool is_file_right = false;
  bool is_in_bundle = false;
  bool is_well() const { return is_file_right && is_in_bundle; }
};
[[nodiscard]] std::vector<OsAnchorState> os_anchor_states(Bench& bench);

// Writes the file, also where it is right: update-ca-certificates runs after it and puts the rest in order.
[[nodiscard]] change::ForeignEdit edit_that_restores(const OsAnchorState& state);

}  // namespace chancery::manager
