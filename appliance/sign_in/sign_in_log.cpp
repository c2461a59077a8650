#include "appliance/sign_in/sign_in_log.h"

#include <nlohmann/json.hpp>

#include "appliance/control/message.h"
#include "appliance/sign_in/administrator.h"

namespace chancery {
namespace {

using nlohmann::json;

constexpr std::chrono::minutes idle{15};
constexpr std::chrono::seconds patience{2};
constexpr std::size_t most_seen = 1024;

std::string text_of(const json& event) { return event.dump(-1, ' ', false, json::error_handler_t::replace); }

json event_of(const audit::Burst& burst, const char* outcome) {
  // Kinds beyond those that are kept apart come added up.
  json event = burst.what.empty() ? json{{"user", "several"}, {"code", "many"}, {"address", "several"}}
                                  : json::parse(burst.what);
  event["outcome"] = outcome;
  event["count"] = burst.count;
  event["first"] = burst.first.time_since_epoch().count();
  event["last"] = burst.last.time_since_epoch().count();
  return event;
}

}  // namespace

SignInLog::SignInLog(std::string program, const std::string& state_path, Clock clock)
    : program_(std::move(program)), socket_(state_path + "/run/manager/control.sock"), clock_(std::move(clock)) {}

void SignInLog::succeeded(const std::string& user, const std::string& address, const std::string& by) {
  const Instant now = clock_();
  const std::string event = text_of({{"user", user}, {"address", address}, {"by", by}});
  {
    const std::lock_guard lock(mutex_);
    if (seen_.size() >= most_seen && !seen_.contains(event)) {
      std::erase_if(seen_, [now](const auto& entry) { return now - entry.second >= idle; });
      // Full of fresh ones: one that is forgotten is reported once more, which says too much rather than too little.
      if (seen_.size() >= most_seen) seen_.erase(seen_.begin());
    }
    Instant& last = seen_[event];
    const bool is_known = now - last < idle && now >= last;
    last = now;
    if (is_known) return;
  }
  successes_.note(event, now);
}

void SignInLog::failed(const std::string& address, const std::string& user, const std::string& code) {
  const std::string named = user == administrator_name ? user : "";
  refusals_.note(text_of({{"user", named}, {"address", address}, {"code", code}}), clock_());
}

void SignInLog::report() noexcept {
  const Instant now = clock_();
  send(successes_, successes_.due(now), "done");
  send(refusals_, refusals_.due(now), "refused");
}

void SignInLog::report_all() noexcept {
  send(successes_, successes_.all(), "done");
  send(refusals_, refusals_.all(), "refused");
}

void SignInLog::send(audit::Bursts& from, const std::vector<audit::Burst>& bursts, const char* outcome) noexcept {
  if (bursts.empty()) return;
  try {
    json events = json::array();
    for (const audit::Burst& burst : bursts) events.push_back(event_of(burst, outcome));
    const json request{{"verb", "audit-report"}, {"arguments", {{"program", program_}, {"events", std::move(events)}}}};
    static_cast<void>(control::ask(socket_, {.json = text_of(request), .attachments = {}}, patience));
  } catch (const std::exception&) {
    // The manager is away or busy: they wait, added to what comes meanwhile.
    for (const audit::Burst& burst : bursts) from.put_back(burst);
  }
}

}  // namespace chancery
