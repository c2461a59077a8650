#include "appliance/console/events.h"

#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::console {

namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds interval{200};

}  // namespace

void EventHub::look() {
  bool runs = true;
  try {
    const control::Message reply =
        manager_.ask("progress", {{"after", seen_}}, {}, "", std::chrono::milliseconds(5000));
    const json document = json::parse(reply.json);
    if (document.contains("error")) return;
    const std::string epoch = document.at("epoch").get<std::string>();
    // Another epoch: the manager was started anew, and what was before is not told.
    const bool is_new = epoch != epoch_;
    if (!is_new) {
      for (const json& event : document.at("events")) stream_.tell("progress", event.dump());
    }
    if (is_new && !epoch_.empty()) stream_.tell("hello", R"({"manager":true})");
    epoch_ = epoch;
    seen_ = document.at("last").get<std::int64_t>();
  } catch (const Failure&) {
    runs = false;
  } catch (const json::exception&) {
    runs = false;
  }
  const bool is_news = manager_runs_.has_value() && *manager_runs_ != runs;
  manager_runs_ = runs;
  stream_.greet_with(runs ? R"({"manager":true})" : R"({"manager":false})");
  if (is_news) stream_.tell("manager", runs ? R"({"running":true})" : R"({"running":false})");
}

void EventHub::run(serving::Program& program) {
  stream_.greet_with(R"({"manager":true})");
  // Now and then also while nobody listens, so that who begins to listen is told of nothing old.
  for (unsigned tick = 0; program.pause(interval); ++tick) {
    if (stream_.is_heard() || tick % 5 == 0) look();
  }
  stream_.close();
}

}  // namespace chancery::console
