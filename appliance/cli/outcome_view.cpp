#include "appliance/cli/outcome_view.h"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

void print_findings(Terminal& terminal, const Json& report, bool on_stderr) {
  for (const Text& line : finding_lines(report, terminal.width())) {
    if (on_stderr) {
      terminal.problem(line);
    } else {
      terminal.line(line);
    }
  }
}

int show_refusal(Session& session, const Json& reply, const Json& report) {
  Terminal& terminal = session.terminal();
  const Json error = first_error(report);
  std::string message = text_at(error, "message");
  if (const std::string subject = text_at(error, "subject"); !subject.empty()) message = subject + ": " + message;
  std::string hint = text_at(error, "hint");
  if (hint.empty()) hint = "`chancery cert check` explains all findings; nothing was changed";
  if (session.json()) {
    Json document = {{"error", {{"code", text_at(error, "code")}, {"message", message}, {"hint", hint}}},
                     {"outcome", "refused"},
                     {"report", report}};
    for (const char* name : {"generation", "blockers", "rehearsal"}) {
      if (reply.contains(name)) document[name] = reply[name];
    }
    terminal.document(document);
    return 1;
  }
  terminal.problem("chancery: failed to " + std::string(session.command().doing) + ": " + message);
  terminal.problem(Text() << painted(Colour::dim, "hint: ") << hint);
  Text verdict = verdict_line(report);
  verdict << "; nothing was changed";
  terminal.problem("");
  terminal.problem(verdict);
  print_findings(terminal, report, true);
  return 1;
}

// As chmod and ls speak of it.
std::string mode_of(const Json& file) {
  const auto mode = file.find("mode");
  if (mode == file.end() || !mode->is_number_unsigned()) return "";
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), mode->get<unsigned>() & 07777U, 8);
  return "0" + std::string(digits.data(), end.ptr);
}

void print_plan(Terminal& terminal, const Json& plan) {
  for (const auto& [key, value] : plan.items()) {
    if (value.is_array() && !value.empty() && value.front().is_object()) {
      std::vector<std::string> names;
      std::vector<Column> columns;
      for (const auto& [name, ignored] : value.front().items()) {
        names.push_back(name);
        columns.push_back({.title = name, .may_shrink = true});
      }
      terminal.line(Text() << painted(Colour::bold, key));
      Table table(std::move(columns));
      for (const Json& row : value) {
        std::vector<Text> cells;
        for (const std::string& name : names) cells.emplace_back(name == "mode" ? mode_of(row) : text_at(row, name));
        table.add(std::move(cells));
      }
      table.print(terminal);
      continue;
    }
    if (value.is_array() && !value.empty()) {
      terminal.line(Text() << painted(Colour::bold, key));
      for (const Json& each : value) terminal.line("  " + (each.is_string() ? each.get<std::string>() : each.dump()));
      continue;
    }
    const std::string text = text_at(plan, key);
    if (!text.empty() && key != "report" && key != "findings") terminal.line(Text(key) << ": " << text);
  }
}

void print_done(Terminal& terminal, const Json& reply, const std::string& done) {
  Text line;
  line << painted(Colour::green, "done") << ": " << done;
  if (reply.contains("generation")) line << " (generation " << text_at(reply, "generation") << ")";
  terminal.line(line);
  if (const auto proofs = reply.find("proofs"); proofs != reply.end() && proofs->is_array()) {
    for (const Json& proof : *proofs) {
      const bool ok = proof.value("ok", false);
      terminal.line(Text("  ") << painted(ok ? Colour::green : Colour::red, ok ? "proven" : "FAILED") << "  "
                               << text_at(proof, "endpoint"));
    }
  }
  if (const std::string seen = text_at(reply, "watched"); !seen.empty()) {
    terminal.line(Text("  ") << painted(Colour::green, "proven") << "  " << seen);
  }
  if (const std::string set = text_at(reply, "backup_set"); !set.empty()) {
    terminal.line("  to go back: chancery backup restore " + set);
  }
}

}  // namespace

int show_outcome(Session& session, const Json& reply, const std::string& done) {
  Terminal& terminal = session.terminal();
  const std::string outcome = text_at(reply, "outcome");
  const Json report = reply.contains("report") && reply["report"].is_object() ? reply["report"] : Json::object();
  if (outcome == "refused") return show_refusal(session, reply, report);
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  if (outcome == "planned") {
    terminal.line(Text() << painted(Colour::bold, "planned") << ": nothing was changed (--dry-run)");
    if (reply.contains("plan") && reply["plan"].is_object()) print_plan(terminal, reply["plan"]);
    if (reply.contains("rehearsal") && was_anybody_asked(reply["rehearsal"])) {
      terminal.line(Text() << painted(Colour::bold, "rehearsal"));
      for (const Text& line : rehearsal_lines(reply["rehearsal"], terminal.width())) terminal.line(line);
    }
    print_findings(terminal, report, false);
    return 0;
  }
  if (terminal.quiet()) return 0;
  if (outcome == "unchanged") {
    const std::string message = text_at(reply, "message");
    terminal.line("unchanged: " + (message.empty() ? "everything is as asked already" : message));
  } else {
    print_done(terminal, reply, done);
  }
  print_findings(terminal, report, false);
  if (const auto warnings = reply.find("warnings"); warnings != reply.end() && warnings->is_array()) {
    for (const Json& warning : *warnings) {
      terminal.note(Text() << painted(Colour::yellow, "warning: ")
                           << (warning.is_string() ? warning.get<std::string>() : warning.dump()));
    }
  }
  return 0;
}

int show_failure(Terminal& terminal, const Failure& failure, std::string_view doing) {
  terminal.mark_failed();
  const bool is_usage = failure.code() == "usage";
  const int exit = is_usage ? 2 : failure.needs_person() ? 3 : 1;
  std::string message = failure.cause();
  if (!failure.subject().empty() && message.find(failure.subject()) == std::string::npos) {
    message = failure.subject() + ": " + message;
  }
  if (terminal.json()) {
    Json error = {{"code", failure.code()}, {"message", message}, {"hint", failure.hint()}};
    if (!failure.subject().empty()) error["subject"] = failure.subject();
    if (failure.needs_person()) error["needs_person"] = true;
    terminal.document({{"error", std::move(error)}});
    return exit;
  }
  if (is_usage || doing.empty()) {
    terminal.problem("chancery: " + message);
  } else {
    terminal.problem("chancery: failed to " + std::string(doing) + ": " + message);
  }
  terminal.problem(Text() << painted(Colour::dim, "hint: ") << failure.hint());
  return exit;
}

}  // namespace chancery::cli
