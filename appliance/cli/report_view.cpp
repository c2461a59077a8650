#include "appliance/cli/report_view.h"

#include <nlohmann/json.hpp>

#include "appliance/cli/human_time.h"
#include "appliance/cli/session.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

const Json& list_at(const Json& object, const char* name) {
  static const Json none = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

std::size_t count_of(const Json& report, const std::string& severity) {
  std::size_t count = 0;
  for (const Json& finding : list_at(report, "findings")) count += text_at(finding, "severity") == severity ? 1 : 0;
  return count;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

Colour colour_of(const std::string& severity) {
  if (severity == "error") return Colour::red;
  return severity == "warning" ? Colour::yellow : Colour::dim;
}

constexpr std::size_t kMargin = 9;  // "warning" and two blanks

}  // namespace

Text verdict_line(const Json& report) {
  const std::string verdict = text_at(report, "verdict");
  const std::size_t errors = count_of(report, "error");
  const std::size_t warnings = count_of(report, "warning");
  const std::size_t notes = count_of(report, "info");
  std::string counts;
  for (const auto& [count, what] : {std::pair{errors, "error"}, {warnings, "warning"}, {notes, "note"}}) {
    if (count > 0) counts += (counts.empty() ? "" : ", ") + counted(count, what);
  }
  Text line;
  if (verdict == "refuse") {
    line << painted(Colour::red, "REFUSED");
  } else if (verdict == "warn") {
    line << painted(Colour::yellow, "ACCEPTED WITH WARNINGS");
  } else {
    line << painted(Colour::green, "ACCEPTED");
  }
  line << ": " << (counts.empty() ? "nothing to complain about" : counts);
  return line;
}

std::vector<Text> finding_lines(const Json& report, std::size_t width) {
  std::vector<Text> lines;
  const std::string margin(kMargin, ' ');
  for (const Json& finding : list_at(report, "findings")) {
    const std::string severity = text_at(finding, "severity");
    std::string label = severity == "info" ? "note" : severity;
    label.resize(kMargin, ' ');
    const std::string code = text_at(finding, "code");
    const std::string subject = text_at(finding, "subject");
    Text head;
    head << painted(colour_of(severity), label) << painted(Colour::bold, code);
    const bool fits = head.width() + 2 + Text(subject).width() <= width;
    if (fits && !subject.empty()) head << "  " << subject;
    lines.push_back(std::move(head));
    if (!fits) {
      for (const std::string& part : folded(escaped(subject), width - kMargin)) lines.emplace_back(margin + part);
    }
    for (const std::string& part : wrapped(text_at(finding, "message"), width - kMargin))
      lines.emplace_back(margin + part);
    if (const std::string hint = text_at(finding, "hint"); !hint.empty()) {
      const std::vector<std::string> parts = wrapped("hint: " + hint, width - kMargin);
      for (const std::string& part : parts) lines.push_back(Text(margin) << painted(Colour::dim, part));
    }
  }
  return lines;
}

std::vector<Text> chain_lines(const Json& chain, Instant now, std::size_t width) {
  std::vector<Text> lines;
  if (!chain.is_array() || chain.empty()) return lines;
  std::size_t depth = 0;
  for (const Json& certificate : chain) {
    Text line(depth == 0 ? "chain    " : std::string(kMargin + 3 * (depth - 1), ' ') + "└─ ");
    line << painted(depth == 0 ? Colour::bold : Colour::plain, text_at(certificate, "subject")) << "  (";
    line << ending(text_at(certificate, "not_after"), now);
    const bool is_root = certificate.value("self_issued", false);
    line << (is_root ? ", root)" : ")");
    lines.push_back(line.cut_to(width));
    ++depth;
  }
  return lines;
}

Json first_error(const Json& report) {
  for (const Json& finding : list_at(report, "findings")) {
    if (text_at(finding, "severity") == "error") return finding;
  }
  return nullptr;
}

std::string called(const Json& certificate) {
  std::string subject = text_at(certificate, "subject");
  if (const std::size_t at = subject.find("CN="); at != std::string::npos && (at == 0 || subject[at - 1] == ',')) {
    std::string name;
    for (std::size_t next = at + 3; next < subject.size() && subject[next] != ',' && subject[next] != '+'; ++next) {
      if (subject[next] == '\\' && next + 1 < subject.size()) ++next;
      name += subject[next];
    }
    return name;
  }
  if (!subject.empty()) return subject;
  if (certificate.is_object() && certificate.contains("sans") && certificate["sans"].is_array() &&
      !certificate["sans"].empty()) {
    return text_at(certificate, "sans");
  }
  return "serial " + text_at(certificate, "serial");
}

}  // namespace chancery::cli
