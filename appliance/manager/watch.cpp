#include "appliance/manager/watch.h"

#include <spdlog/spdlog.h>

#include "appliance/manager/doctor.h"

namespace chancery::manager {

void Watch::look() {
  try {
    resolve();
  } catch (const Failure& failure) {
    spdlog::error("a change in doubt could not be resolved: {} (hint: {})", failure.what(), failure.hint());
  } catch (const std::exception& error) {
    spdlog::error("a change in doubt could not be resolved: {}", error.what());
  }
  try {
    examine_and_tell();
  } catch (const std::exception& error) {
    spdlog::error("the state could not be looked at: {}", error.what());
  }
}

void Watch::resolve() {
  Bench bench(state_path_, clock_);
  if (!bench.state.status("change.json")) return;
  // Somebody at work holds the lock, and then nothing is in doubt.
  const auto writer = bench.try_begin_change("chancery-manager");
  if (writer && writer->resolved) spdlog::warn("a change in doubt: {}", writer->resolved->explanation);
}

void Watch::examine_and_tell() {
  Examination examination;
  examine(examination, state_path_, clock_);
  std::map<std::string, std::string> now;
  for (const Check& check : examination.checks()) {
    if (check.grade == Grade::ok) continue;
    // Days left and addresses may change in the text; what is said once a check has begun to fail is enough.
    if (!now.emplace(check.check, check.message).second || told_.contains(check.check)) continue;
    const auto level = check.grade == Grade::critical ? spdlog::level::err : spdlog::level::warn;
    spdlog::log(level, "{}: {} (hint: {})", check.check, check.message, check.hint);
  }
  for (const auto& [check, message] : told_) {
    if (!now.contains(check)) spdlog::info("{}: is well again", check);
  }
  told_ = std::move(now);
  tell_programs(examination.checks());
}

void Watch::tell_programs(const std::vector<Check>& checks) {
  try {
    Bench bench(state_path_, clock_);
    notice_.write(bench, checks);
    notice_failed_ = false;
  } catch (const Failure& failure) {
    if (!notice_failed_) spdlog::warn("programs cannot be told how this appliance is: {}", failure.what());
    notice_failed_ = true;
  }
}

}  // namespace chancery::manager
