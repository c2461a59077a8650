// Alerts are the portal's (portal/alerts): it is asked what stands, and to send a test.
#include <nlohmann/json.hpp>

#include "appliance/manager/program_question.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* where_alerts_are =
    "the portal of the primary (or of a single appliance) alerts for the whole federation: ask there, and start it "
    "where it is stopped";

}  // namespace

json alert_list(Bench& bench, Call&) {
  return ask_program(bench.state.path(), "portal", {{"verb", "alert-list"}}, where_alerts_are);
}

json alert_test(Bench& bench, Call& call) {
  json question{{"verb", "alert-test"}};
  if (const std::string channel = call.text_or("channel", ""); !channel.empty()) {
    if (channel != "mail" && channel != "webhook") {
      throw bad_argument("channel", "there is no channel " + channel.substr(0, 40), "it is mail or webhook");
    }
    question["channel"] = channel;
  }
  return ask_program(bench.state.path(), "portal", question, where_alerts_are);
}

}  // namespace chancery::manager
