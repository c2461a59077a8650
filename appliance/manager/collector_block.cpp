// A collector is refused everywhere, or let in again. The portal knows them all and keeps who is blocked; it is asked from
// here so that the audit tells who wanted it.
#include <nlohmann/json.hpp>

#include "appliance/manager/collector_list.h"
#include "appliance/manager/program_question.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

json ask_portal(const Bench& bench, const json& question) {
  return ask_program(
      bench.state.path(), "portal", question,
      "the portal of the primary (or of a single appliance) knows all collectors: ask there, and start it where it is "
      "stopped");
}

json ask_to_block(const Bench& bench, const std::string& id, bool is_blocked, bool is_dry) {
  return ask_portal(bench, {{"verb", "collector-block"}, {"id", id}, {"blocked", is_blocked}, {"dry_run", is_dry}});
}

}  // namespace

json collector_list(Bench& bench, Call&) { return ask_portal(bench, {{"verb", "collector-list"}}); }

json collector_block(Bench& bench, Call& call) {
  const bool is_blocked = call.flag("blocked");
  // The beginning of an id becomes the whole one: the record names whom it was about for good.
  const json planned = ask_to_block(bench, call.text("id"), is_blocked, true);
  if (call.flag("dry_run") || planned.at("outcome") == "unchanged") return planned;
  const std::string id = planned.at("id").get<std::string>();
  if (bench.deed) bench.deed->arguments = json{{"id", id}, {"blocked", is_blocked}}.dump();
  const Bench::Writer writer = bench.begin_change(call.who() + ", collector block");
  return ask_to_block(bench, id, is_blocked, false);
}

}  // namespace chancery::manager
