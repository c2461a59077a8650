#include "appliance/cli/rollout_view.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/report_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kBarWidth = 24;

void to_terminal(const std::string& text) { static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size())); }

Json members_of(const Json& rollout) {
  const auto found = rollout.find("members");
  return found != rollout.end() && found->is_array() ? *found : Json::array();
}

bool has_it(const Json& member) {
  const std::string state = text_at(member, "state");
  return state == "replaced" || state == "unchanged";
}

std::size_t count_done(const Json& rollout) {
  std::size_t count = 0;
  for (const Json& member : members_of(rollout)) count += has_it(member) ? 1 : 0;
  return count;
}

Colour colour_of(const std::string& state) {
  if (state == "replaced" || state == "unchanged") return Colour::green;
  if (state == "failed" || state == "unreachable" || state == "stuck") return Colour::red;
  return state == "undone" ? Colour::yellow : Colour::plain;
}

std::string message_of(const Json& member) {
  const auto error = member.find("error");
  return error == member.end() ? std::string() : text_at(*error, "message");
}

void print_members(Terminal& terminal, const Json& rollout) {
  Table table({{.title = "MEMBER"},
               {.title = "WAVE"},
               {.title = "STATE"},
               {.title = "GENERATION"},
               {.title = "WHY", .may_shrink = true}});
  for (const Json& member : members_of(rollout)) {
    const std::string state = text_at(member, "state");
    const std::string why = message_of(member);
    table.add({text_at(member, "name"), text_at(member, "wave"), painted(colour_of(state), state),
               text_at(member, "generation"), why.empty() ? text_at(member, "note") : why});
  }
  table.print(terminal);
}

// The member that ended it, and what it said: one that is stuck before one that failed.
Json culprit_of(const Json& rollout) {
  Json found;
  for (const Json& member : members_of(rollout)) {
    if (!member.contains("error")) continue;
    const bool is_stuck = text_at(member, "state") == "stuck";
    if (found.is_null() || (is_stuck && text_at(found, "state") != "stuck")) found = member;
  }
  return found;
}

// Of one that was to be taken back, and is not, or not by all.
Json error_of_undo(const Json& rollout, const Json& culprit) {
  const Json members = members_of(rollout);
  const auto later = std::ranges::count_if(members, [](const Json& m) { return text_at(m, "state") == "replaced"; });
  const std::string left = later == 0 ? ""
                                      : "; " + std::to_string(later) +
                                            (later == 1 ? " other still has" : " others still have") +
                                            " what the rollout gave them";
  const std::string undo = "chancery federation rollout --undo " + text_at(rollout, "id");
  if (text_at(rollout, "outcome") == "stopped") {
    return {{"code", "rollout-stopped"},
            {"message", "going back was ended, as it was asked for" + left},
            {"hint", "the rest goes back with: " + undo}};
  }
  const std::string name = text_at(culprit, "name");
  return {{"code", "rollout-stuck"},
          {"message", name + " could not be taken back: " + message_of(culprit) + left},
          {"hint", "get that member running again, then: chancery federation rollout --resume; or leave it as it is: " +
                       undo + " --without " + name},
          {"needs_person", true}};
}

Json error_of(const Json& rollout) {
  const std::string outcome = text_at(rollout, "outcome");
  const Json culprit = culprit_of(rollout);
  if (rollout.value("undo", false)) return error_of_undo(rollout, culprit);
  const std::string wave = "wave " + text_at(rollout, "wave") + " of " + text_at(rollout, "waves");
  if (outcome == "stopped") {
    return {{"code", "rollout-stopped"},
            {"message", wave + " was taken back, as it was asked for"},
            {"hint", "begin a new one when it is time: chancery federation rollout --plan FILE"}};
  }
  if (outcome == "needs-person") {
    return {{"code", "rollout-stuck"},
            {"message",
             wave + " failed, and " + text_at(culprit, "name") + " could not be taken back: " + message_of(culprit)},
            {"hint", "get that member running again, then: chancery federation rollout --resume"},
            {"needs_person", true}};
  }
  std::string hint = culprit.is_null() ? "" : text_at(culprit["error"], "hint");
  if (hint.empty()) hint = "chancery federation rollout --status shows every member";
  return {{"code", "rollout-failed"},
          {"message", wave + " was taken back: " + text_at(culprit, "name") + ": " + message_of(culprit)},
          {"hint", hint}};
}

Json without_events(Json rollout) {
  rollout.erase("events");
  rollout.erase("preflight");
  return rollout;
}

}  // namespace

RolloutView::RolloutView(Session& session)
    : session_(session),
      has_events_(session.arguments().has("--events")),
      has_bar_(!has_events_ && !session.json() && !session.terminal().quiet() && ::isatty(STDERR_FILENO) != 0) {}

void RolloutView::clear() {
  if (has_bar_) to_terminal("\r\033[K");
}

void RolloutView::draw(const Json& rollout) {
  if (!has_bar_) return;
  const std::size_t all = members_of(rollout).size();
  const std::size_t done = count_done(rollout);
  const std::size_t filled = all == 0 ? 0 : kBarWidth * done / all;
  const std::string state = text_at(rollout, "state");
  const std::string what = state == "going-back" || state == "undoing" ? "going back in wave " : "wave ";
  to_terminal("\r\033[K[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] " +
              std::to_string(done) + "/" + std::to_string(all) + "  " + what + text_at(rollout, "wave") + " of " +
              text_at(rollout, "waves"));
}

void RolloutView::begin(const Json& rollout) { show(rollout); }

void RolloutView::show(const Json& rollout) {
  const auto events = rollout.find("events");
  if (events != rollout.end() && events->is_array() && !events->empty()) {
    clear();
    for (const Json& event : *events) {
      if (has_events_) {
        to_terminal(event.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n");
        continue;
      }
      const std::string name = text_at(event, "event");
      const std::string member = text_at(event, "member");
      // What went well is in the bar.
      if (session_.json() || member.empty() || (has_bar_ && name == "replaced")) continue;
      Text line;
      line << "  " << painted(colour_of(name), name) << "  " << member;
      if (event.contains("error")) line << ": " << text_at(event["error"], "message");
      session_.terminal().note(line);
    }
  }
  draw(rollout);
}

int RolloutView::finish(const Json& rollout, bool was_to_stop) {
  clear();
  Terminal& terminal = session_.terminal();
  const std::string outcome = text_at(rollout, "outcome");
  const bool is_well = outcome == "done" || outcome == "undone" || (outcome == "stopped" && was_to_stop);
  const int exit = is_well ? 0 : (outcome == "needs-person" ? 3 : 1);
  if (session_.json()) {
    Json document = without_events(rollout);
    if (!is_well) document["error"] = error_of(rollout);
    terminal.document(document);
    return exit;
  }
  if (!is_well) {
    const Json error = error_of(rollout);
    terminal.problem("chancery: failed to roll out: " + text_at(error, "message"));
    terminal.problem(Text() << painted(Colour::dim, "hint: ") << text_at(error, "hint"));
  } else if (!terminal.quiet()) {
    if (outcome == "undone") {
      const auto members = members_of(rollout);
      const auto back =
          std::ranges::count_if(members, [](const Json& member) { return text_at(member, "state") == "undone"; });
      terminal.line(Text() << painted(Colour::green, "done") << ": " << std::to_string(back)
                           << (back == 1 ? " member has" : " members have") << " again what they had before");
      print_members(terminal, rollout);
      return exit;
    }
    const std::string count = std::to_string(count_done(rollout));
    terminal.line(Text() << painted(Colour::green, "done") << ": "
                         << (outcome == "done"
                                 ? count + (count == "1" ? " member has" : " members have") + " the new certificate"
                                 : "the present wave was taken back, and the rollout is over"));
  }
  if (!terminal.quiet()) print_members(terminal, rollout);
  return exit;
}

int show_rollout_preflight(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  const bool is_refused = text_at(reply, "outcome") == "refused";
  std::string first;
  std::string hint = "nothing was changed anywhere; mend it, then run the command again";
  std::string code = "refused";
  for (const Json& member : members_of(reply)) {
    if (text_at(member, "verdict") != "refuse") continue;
    const Json error = member.contains("error") ? member["error"] : first_error(member.value("report", Json::object()));
    first = text_at(member, "name") + ": " + text_at(error, "message");
    code = text_at(error, "code");
    if (const std::string own = text_at(error, "hint"); !own.empty()) hint = own;
    break;
  }
  if (session.json()) {
    Json document = reply;
    if (is_refused) document["error"] = {{"code", code}, {"message", first}, {"hint", hint}};
    terminal.document(document);
    return is_refused ? 1 : 0;
  }
  if (is_refused) {
    terminal.problem("chancery: failed to roll out: " + first);
    terminal.problem(Text() << painted(Colour::dim, "hint: ") << hint);
    terminal.problem("");
  } else {
    terminal.line(Text() << painted(Colour::bold, "planned") << ": nothing was changed (--dry-run)");
  }
  const auto say = [&](const Text& line) { is_refused ? terminal.problem(line) : terminal.line(line); };
  for (const Json& member : members_of(reply)) {
    const bool is_bad = text_at(member, "verdict") == "refuse";
    Text line;
    line << painted(is_bad ? Colour::red : Colour::green, is_bad ? "refuses" : "accepts") << "  "
         << text_at(member, "name");
    if (!is_bad) line << "  (wave " << text_at(member, "wave") << ")";
    if (member.value("unchanged", false)) line << "  has it already";
    say(line);
    if (member.contains("error")) say(Text("    ") << text_at(member["error"], "message"));
    for (const Text& finding : finding_lines(member.value("report", Json::object()), terminal.width())) say(finding);
  }
  return is_refused ? 1 : 0;
}

int show_rollout_plan(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json plan = reply.value("plan", Json::object());
  terminal.line(Text() << painted(Colour::bold, "planned") << ": nothing was changed (--dry-run)");
  terminal.line("wave " + text_at(plan, "wave") + " would go back: " + text_at(plan, "goes_back"));
  return 0;
}

int show_rollouts(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json rollouts = reply.value("rollouts", Json::array());
  if (rollouts.empty()) terminal.line("there was no rollout yet");
  for (const Json& rollout : rollouts) {
    terminal.line(Text() << painted(Colour::bold, text_at(rollout, "id")) << "  " << text_at(rollout, "state")
                         << ", wave " << text_at(rollout, "wave") << " of " << text_at(rollout, "waves")
                         << ", begun by " << text_at(rollout, "who"));
    print_members(terminal, rollout);
  }
  return 0;
}

}  // namespace chancery::cli
