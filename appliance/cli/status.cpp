// chancery status and chancery doctor.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

std::string endpoint_text(const Json& program) {
  std::string text;
  for (const Json& each : program.value("endpoints", Json::array())) {
    text += (text.empty() ? "" : ", ") + text_at(each, "endpoint") + ":" + text_at(each, "port");
  }
  return text;
}

Text in_doubt_text(const Json& change) {
  const std::string what = text_at(change, "reason") + " by " + text_at(change, "who") + " (generation " +
                           text_at(change, "from") + " to " + text_at(change, "to") + ", " + text_at(change, "step") +
                           ")";
  if (change.value("at_work", false)) return painted(Colour::yellow, "going on right now: " + what);
  return painted(Colour::red, "IN DOUBT: " + what);
}

// The first line: all is well, or what is not.
Text verdict(const Json& reply, std::size_t running, std::size_t silent, std::size_t programs) {
  Text line;
  const Json appliance = reply.value("appliance", Json::object());
  const std::string who = text_at(appliance, "name") + " (" + text_at(appliance, "role") + ")";
  const Json in_doubt = reply.value("in_doubt", Json());
  if (in_doubt.is_object() && !in_doubt.value("at_work", false)) {
    return line << painted(Colour::red, "A CHANGE IS IN DOUBT") << " on " << who;
  }
  if (silent > 0) return line << painted(Colour::red, std::to_string(silent) + " PROGRAM(S) SILENT") << " on " << who;
  const std::string counts = std::to_string(running) + " of " + std::to_string(programs) + " programs run";
  return line << painted(running == programs ? Colour::green : Colour::yellow, counts) << " on " << who;
}

int run_status(Session& session) {
  const Json reply = session.ask(Ask("status"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  std::size_t running = 0;
  std::size_t silent = 0;
  const Json programs = reply.value("programs", Json::array());
  Table table({{.title = "PROGRAM"},
               {.title = "STATE"},
               {.title = "GENERATION", .align_right = true},
               {.title = "ENDPOINTS", .may_shrink = true}});
  for (const Json& each : programs) {
    const bool runs = each.value("running", false);
    const bool answers = each.value("answering", false);
    running += runs ? 1 : 0;
    silent += runs && !answers ? 1 : 0;
    Text state = !runs     ? Text(painted(Colour::yellow, "stopped"))
                 : answers ? Text(painted(Colour::green, "running"))
                           : Text(painted(Colour::red, "SILENT"));
    table.add({text_at(each, "program"), state, text_at(each, "generation"), endpoint_text(each)});
  }
  terminal.line(verdict(reply, running, silent, programs.size()));
  Sheet sheet;
  sheet.add("in force", "generation " + text_at(reply, "generation"));
  if (const Json change = reply.value("in_doubt", Json()); change.is_object())
    sheet.add("change", in_doubt_text(change));
  if (const Json last = reply.value("last_resolution", Json()); last.is_object()) {
    sheet.add("resolved", relative(text_at(last, "when"), session.now()) + ": " + text_at(last, "explanation"));
  }
  if (reply.value("drift", 0) > 0) {
    sheet.add("by hand", painted(Colour::yellow, text_at(reply, "drift") + " files differ from what was put in force"));
  }
  const Json federation = reply.value("federation", Json::object());
  std::string membership = text_at(federation, "state");
  if (const std::string portal = text_at(federation, "portal"); !portal.empty()) membership += ", portal " + portal;
  sheet.add("federation", membership);
  const bool managed = reply.value("manager", Json::object()).value("running", false);
  sheet.add("manager", managed ? "running" : "not running: commands do its work themselves");
  sheet.print(terminal, 2);
  terminal.line();
  table.print(terminal);
  if (reply.value("in_doubt", Json()).is_object() || reply.value("drift", 0) > 0 || silent > 0) {
    terminal.hint("`chancery doctor` explains it and names the way out");
  }
  return 0;
}

// A grade as number (0..3) or word.
int grade_of(const Json& check) {
  const std::string status = text_at(check, "status");
  if (status == "ok" || status == "0") return 0;
  if (status == "warning" || status == "1") return 1;
  return status == "critical" || status == "2" ? 2 : 3;
}

constexpr const char* kGrades[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
constexpr Colour kGradeColours[] = {Colour::green, Colour::yellow, Colour::red, Colour::red};

// Monitoring systems show the first line: the grade, and the worst of what was found.
Text summary(const Json& reply, int status) {
  std::string worst;
  std::size_t count = 0;
  for (const Json& check : reply.value("checks", Json::array())) {
    if (grade_of(check) == 0) continue;
    ++count;
    if (worst.empty() && grade_of(check) == status) worst = text_at(check, "check") + ": " + text_at(check, "message");
  }
  Text line;
  line << painted(kGradeColours[status], kGrades[status]) << ": ";
  if (count == 0) return line << "everything is in order";
  line << worst;
  if (count > 1) line << " (and " << std::to_string(count - 1) << " more)";
  return line;
}

// Whoever collects it reads dates and grades from it: what is wrong is no failure of this command.
int run_metrics(Session& session) {
  const Json reply = session.ask(Ask("metrics"));
  if (session.json()) {
    session.terminal().document(reply);
  } else {
    std::istringstream lines(text_at(reply, "text"));
    for (std::string line; std::getline(lines, line);) session.terminal().line(line);
  }
  return 0;
}

int run_doctor(Session& session) {
  if (session.arguments().has("--metrics")) return run_metrics(session);
  const Json reply = session.ask(Ask("doctor"));
  const int status = std::min(std::max(reply.value("status", 3), 0), 3);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return status;
  }
  terminal.line(summary(reply, status).cut_to(terminal.width()));
  if (terminal.quiet()) return status;
  for (const int wanted : {3, 2, 1, 0}) {
    for (const Json& check : reply.value("checks", Json::array())) {
      if (grade_of(check) != wanted) continue;
      std::string label = kGrades[wanted];
      label.resize(10, ' ');
      const std::string margin(10, ' ');
      bool first = true;
      const std::string text = text_at(check, "check") + ": " + text_at(check, "message");
      for (const std::string& part : wrapped(text, terminal.width() - 10)) {
        terminal.line(first ? Text() << painted(kGradeColours[wanted], label) << part : Text(margin + part));
        first = false;
      }
      if (const std::string hint = text_at(check, "hint"); !hint.empty()) {
        for (const std::string& part : wrapped("hint: " + hint, terminal.width() - 10)) {
          terminal.line(Text(margin) << painted(Colour::dim, part));
        }
      }
    }
  }
  return status;
}

constexpr Example kStatusExamples[] = {{"chancery status", "what runs, which generation is in force, what is in doubt"},
                                       {"chancery --json status", "the same for scripts"}};
constexpr Option kDoctorOptions[] = {
    {.name = "--metrics",
     .value = "",
     .help = "grades and dates as figures, in the text format of Prometheus; exits 0"}};
constexpr Example kDoctorExamples[] = {
    {"chancery doctor", "everything that is or will be a problem, with the way out"},
    {"chancery doctor --quiet", "one line and an exit code, for monitoring"},
    {"chancery doctor --metrics > /var/lib/node_exporter/chancery.prom", "for a collector of text files"}};

constexpr Command kStatusCommands[] = {
    {.path = "status",
     .doing = "show the status",
     .summary = "what runs, what is in force, what is in doubt",
     .description = "Asks every running program; needs no manager and changes nothing.",
     .positionals = {},
     .options = {},
     .examples = kStatusExamples,
     .run = run_status},
    {.path = "doctor",
     .doing = "examine the appliance",
     .summary = "what is wrong, or soon will be, and what to do",
     .description =
         "Looks at permissions, edits by hand, expiry, changes in doubt, programs and what they serve. Exits as "
         "monitoring plugins do: 0 fine, 1 warning, 2 critical, 3 unknown.",
     .positionals = {},
     .options = kDoctorOptions,
     .examples = kDoctorExamples,
     .run = run_doctor},
};

}  // namespace

std::span<const Command> status_commands() { return kStatusCommands; }

}  // namespace chancery::cli
