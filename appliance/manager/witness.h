// One record in the audit for every change (appliance/audit), whoever asked for it and however it ended.
//
//   bench.deed = …; is what witnessed() does:
//   return witnessed(bench, {.who = call.who(), .verb = "cert-replace", .arguments = …}, [&] { return verb(bench, call); });
//
// An intent is written once the writer's lock is held and before anything is changed; it becomes the record when the work
// returns or throws, still under the lock. Where the process is killed in between, the next one who takes the lock
// writes the record, by what the resolution of the change in doubt says: exactly one record, by the change's id.
// A change is refused (the Failure of the store) when its intent cannot be written; once it is committed, a record that
// cannot be written is a warning in the reply, and the intent stays for the next one.
// What changes nothing ("unchanged") leaves no record, a dry run is not witnessed. A plan that goes through finish()
// (bench.h) unwitnessed is witnessed there. Thread safety: one thread, that of the bench.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "appliance/audit/trail.h"
#include "appliance/manager/bench.h"
#include "keystore/fault.h"

namespace chancery::manager {

[[nodiscard]] nlohmann::json witnessed(Bench& bench, Deed deed, const std::function<nlohmann::json()>& work);

// For Bench, under the writer's lock.
void begin_deed(Bench& bench);  // writes the intent of bench.deed
// Concludes what was left by processes that died. What cannot be written now waits for the next one.
void settle_deeds(Bench& bench, const std::optional<change::Resolution>& resolved) noexcept;

// A record of something that is no change: an export, a denied request, a sign-in.
void record_event(Bench& bench, audit::Record record);

}  // namespace chancery::manager
