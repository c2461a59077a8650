#include "tests/rollout/fuzz/targets.h"

#include <cstdlib>

#include "appliance/rollout/plan.h"

namespace chancery::fuzz {

void rollout_plan(ByteView input) {
  try {
    const auto plan = rollout::read_plan_text(text_of(input), "plan", [](const std::string& path) {
      return preflight::SourceFile{.name = path, .bytes = {}};
    });
    for (const rollout::PlanEntry& entry : plan) {
      if (entry.certificate.empty()) std::abort();
    }
  } catch (const Failure& failure) {
    if (failure.hint().empty()) std::abort();
  }
}

void rollout_archive(ByteView input) {
  try {
    for (const auto& [path, file] : rollout::read_plan_archive(input, "plan.zip")) {
      if (path.starts_with('/') || path.find("..") == 0 || path != file.name) std::abort();
    }
  } catch (const Failure& failure) {
    if (failure.hint().empty()) std::abort();
  }
}

}  // namespace chancery::fuzz
