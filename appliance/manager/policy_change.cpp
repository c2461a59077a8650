#include "appliance/manager/policy_change.h"

#include "appliance/change/plan.h"
#include "appliance/manager/rehearsal_parts.h"

namespace chancery::manager {

Rehearsed rehearse_profile(Bench& bench, const SecurityProfile& after, std::chrono::milliseconds deadline) {
  backup::Edits edits;
  change::put_file(edits, bench.appliance, "profiles/" + after.name + ".toml", view_of(to_toml(after)));
  return rehearse_edits(bench, edits, {}, deadline).value_or(Rehearsed{});
}

}  // namespace chancery::manager
