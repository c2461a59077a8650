// chancery customer-key …: what admits collectors, made anew.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

int run_rotate(Session& session) {
  const Arguments& arguments = session.arguments();
  const bool ends = arguments.has("--end-overlap");
  if (ends && arguments.has("--overlap")) {
    throw usage("--end-overlap and --overlap contradict each other",
                "--end-overlap makes no new key: it only ends the time in which former ones admit");
  }
  Ask ask("customer-key-rotate");
  ask.put_flag("end_overlap", ends).put_flag("dry_run", arguments.has("--dry-run"));
  if (!ends) ask.put("overlap_seconds", seconds_from(arguments.value("--overlap", "7d"), "--overlap"));
  const Json reply = session.ask(std::move(ask));
  const int code = show_outcome(session, reply,
                                ends ? "former Customer Keys admit nobody any more" : "a new Customer Key is in force");
  if (session.json() || session.terminal().quiet() || text_at(reply, "outcome") != "done") return code;
  if (!ends) {
    session.terminal().hint(
        "members and connected collectors get it by themselves (chancery customer-key status); installers that were "
        "made "
        "before admit until the overlap ends: make new ones");
  }
  return code;
}

std::string standing_of(const Json& status, const std::string& id, Instant now) {
  if (id.empty()) return "not told";
  if (id == text_at(status, "id")) return "in force";
  for (const Json& each : status.value("former", Json::array())) {
    if (text_at(each, "id") != id) continue;
    return each.value("admits", false) ? "former, admits until " + dated(text_at(each, "admits_until"), now)
                                       : "former, admits nobody";
  }
  return "unknown here";
}

int run_status(Session& session) {
  const Json status = session.ask(Ask("customer-key-status"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(status);
    return 0;
  }
  Table keys({{.title = "KEY"}, {.title = "STATE", .may_shrink = true}, {.title = "COLLECTORS"}});
  const auto count_of = [&](const std::string& id) {
    for (const Json& each : status.value("collectors", Json::array())) {
      if (text_at(each, "id") == id) return text_at(each, "count");
    }
    return std::string(status.contains("collectors") ? "0" : "-");
  };
  const std::string current = text_at(status, "id");
  keys.add({current, "in force", count_of(current)});
  for (const Json& each : status.value("former", Json::array())) {
    const std::string id = text_at(each, "id");
    keys.add({id, standing_of(status, id, session.now()), count_of(id)});
  }
  keys.print(terminal);
  Table members({{.title = "MEMBER", .may_shrink = true}, {.title = "HAS"}, {.title = "WHICH IS", .may_shrink = true}});
  for (const Json& each : status.value("members", Json::array())) {
    const std::string id = text_at(each, "id");
    members.add({text_at(each, "name"), id.empty() ? "-" : id, standing_of(status, id, session.now())});
  }
  if (!members.is_empty()) {
    terminal.line();
    members.print(terminal);
  }
  return 0;
}

constexpr Option kRotateOptions[] = {
    {.name = "--overlap", .value = "TIME", .help = "how long the former key still admits collectors (7d)"},
    {.name = "--end-overlap", .value = "", .help = "make no new key: former ones admit nobody from now on"},
    {.name = "--dry-run", .value = "", .help = "print the plan; change nothing"}};
constexpr Example kRotateExamples[] = {
    {"chancery customer-key rotate --overlap 7d", "installers in people's hands work for another week"},
    {"chancery customer-key rotate --overlap 0s", "a key was stolen: it admits nobody from now on"},
    {"chancery customer-key rotate --end-overlap", "all installers are exchanged"}};
constexpr Example kStatusExamples[] = {{"chancery customer-key status", "who has which key"}};

constexpr Command kCustomerKeyCommands[] = {
    {.path = "customer-key rotate",
     .doing = "rotate the Customer Key",
     .summary = "make a new Customer Key, with overlap",
     .description =
         "On the primary. Members fetch it within seconds; collectors that are known go on with their own keys and are "
         "given it over their verified connection, also long after the overlap. Only who is new must prove a Customer "
         "Key: the new one, or during the overlap the former.",
     .positionals = {},
     .options = kRotateOptions,
     .examples = kRotateExamples,
     .run = run_rotate},
    {.path = "customer-key status",
     .doing = "tell about the Customer Key",
     .summary = "which keys there are, and who has which",
     .description =
         "Keys are named by 16 digits that tell nothing of them. On the primary with members and collectors, "
         "as their engines last told.",
     .positionals = {},
     .options = {},
     .examples = kStatusExamples,
     .run = run_status},
};

}  // namespace

std::span<const Command> customer_key_commands() { return kCustomerKeyCommands; }

}  // namespace chancery::cli
