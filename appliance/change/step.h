// The steps of every change, and the declared table of transitions. Anything undeclared cannot happen: `advance` throws
// Failure("undeclared-transition").
//
//   Preflighted -> Staged -> BackedUp -> Prepared -> Switched -> Activated -> Probed -> Committed
//   and from every step but Committed: -> RolledBack
#pragma once

#include <string>
#include <vector>

namespace chancery::change {

enum class Step { preflighted, staged, backed_up, prepared, switched, activated, probed, committed, rolled_back };

[[nodiscard]] const char* to_text(Step step);                // "backed-up"
[[nodiscard]] Step step_from_text(const std::string& text);  // Failure("journal-invalid")
[[nodiscard]] bool is_declared(Step from, Step to);
[[nodiscard]] Step advance(Step from, Step to);

}  // namespace chancery::change
