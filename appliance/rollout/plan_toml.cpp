#include "appliance/rollout/plan_toml.h"

#include "appliance/rollout/plan.h"

// toml++ 3.2 answers some bad input with an assertion and goes on where it is compiled out: appliance/settings has met
// it. Both files that compile the parser must mean the same by it, since the linker keeps one of them.
namespace {
[[noreturn]] void refuse_toml() {
  throw chancery::rollout::plan_invalid("", "it is not TOML", "look for stray brackets and quotes");
}
}  // namespace
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : refuse_toml())
#include <toml++/toml.h>

#include <sstream>

namespace chancery::rollout {

std::string json_of_toml(std::string_view text, const std::string& name) {
  try {
    std::ostringstream out;
    out << toml::json_formatter(toml::parse(text, name));
    return out.str();
  } catch (const toml::parse_error& error) {
    throw plan_invalid(name + ", line " + std::to_string(error.source().begin.line),
                       "it is not TOML: " + std::string(error.description()),
                       "correct this line; text values stand in double quotes");
  } catch (const Failure& refused) {
    throw plan_invalid(name, "it is not TOML", "look for stray brackets and quotes");
  }
}

}  // namespace chancery::rollout
