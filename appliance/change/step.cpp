#include "appliance/change/step.h"

#include <algorithm>
#include <array>

#include "keystore/fault.h"

namespace chancery::change {
namespace {

struct Name {
  Step step;
  const char* text;
};
constexpr std::array names{
    Name{Step::preflighted, "preflighted"}, Name{Step::staged, "staged"},       Name{Step::backed_up, "backed-up"},
    Name{Step::prepared, "prepared"},       Name{Step::switched, "switched"},   Name{Step::activated, "activated"},
    Name{Step::probed, "probed"},           Name{Step::committed, "committed"}, Name{Step::rolled_back, "rolled-back"},
};

struct Transition {
  Step from;
  Step to;
};
constexpr std::array transitions{
    Transition{Step::preflighted, Step::staged},      Transition{Step::staged, Step::backed_up},
    Transition{Step::backed_up, Step::prepared},      Transition{Step::prepared, Step::switched},
    Transition{Step::switched, Step::activated},      Transition{Step::activated, Step::probed},
    Transition{Step::probed, Step::committed},

    Transition{Step::preflighted, Step::rolled_back}, Transition{Step::staged, Step::rolled_back},
    Transition{Step::backed_up, Step::rolled_back},   Transition{Step::prepared, Step::rolled_back},
    Transition{Step::switched, Step::rolled_back},    Transition{Step::activated, Step::rolled_back},
    Transition{Step::probed, Step::rolled_back},
};

}  // namespace

const char* to_text(Step step) {
  const auto* found = std::find_if(names.begin(), names.end(), [step](const Name& name) { return name.step == step; });
  return found == names.end() ? "unknown" : found->text;
}

Step step_from_text(const std::string& text) {
  for (const Name& name : names) {
    if (text == name.text) return name.step;
  }
  throw Failure({.code = "journal-invalid",
                 .subject = "change.json",
                 .cause = "names a step that does not exist: " + text,
                 .hint = "see with `chancery status` what is in force; when it is what you want, remove this file",
                 .needs_person = true});
}

bool is_declared(Step from, Step to) {
  return std::any_of(transitions.begin(), transitions.end(),
                     [&](const Transition& transition) { return transition.from == from && transition.to == to; });
}

Step advance(Step from, Step to) {
  if (is_declared(from, to)) return to;
  throw Failure({.code = "undeclared-transition",
                 .subject = "",
                 .cause = std::string("a change cannot go from ") + to_text(from) + " to " + to_text(to),
                 .hint = "this is a defect worth reporting; nothing was changed by this step"});
}

}  // namespace chancery::change
