// Outside services: their reload command, and the lines that their configuration must hold.

#include <algorithm>
#include <cctype>

#include "appliance/change/command_line.h"
#include "appliance/change/programs.h"
#include "appliance/change/run_command.h"
#include "keystore/fault.h"

namespace chancery::change {
namespace {

constexpr std::chrono::seconds reload_patience{30};
constexpr std::size_t configuration_limit = 4 * 1024 * 1024;

Failure reload_failed(const Consumer& consumer, const std::string& cause) {
  return Failure({.code = "reload-failed",
                  .subject = "consumer " + consumer.name,
                  .cause = "its reload command (" + consumer.reload + ") " + cause,
                  .hint = "run that command by hand and see the service's own log; correct it with "
                          "chancery consumer set " +
                          consumer.name + " --reload"});
}

class OutsideConsumers final : public Consumers {
 public:
  void reload(const Consumer& consumer) override {
    const std::vector<std::string> words = split_command(consumer.reload);
    if (words.empty()) return;  // one that watches its files by itself
    const CommandEnd end = run_command(words, reload_patience);
    if (!end.ok) throw reload_failed(consumer, end.how);
  }
};

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool holds_line(std::string_view text, const std::string& line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (trimmed(text.substr(0, end)) == line) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

// XML without comments and without blanks around tags, so that an element is found however it is laid out.
std::string condensed_xml(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("<!--")) {
      const std::size_t end = text.find("-->");
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 3);
      continue;
    }
    const char c = text.front();
    text.remove_prefix(1);
    const bool is_blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (is_blank && (out.empty() || out.back() == '>' || out.back() == ' ')) continue;
    if (c == '<' && !out.empty() && out.back() == ' ') out.pop_back();
    out += is_blank ? ' ' : c;
  }
  return out;
}

}  // namespace

std::unique_ptr<Consumers> outside_consumers() { return std::make_unique<OutsideConsumers>(); }

std::vector<std::string> missing_lines(const Consumer& consumer) {
  std::vector<std::string> missing;
  for (const std::string& required : consumer.requires_lines) {
    const std::size_t colon = required.find(':');
    const std::string file = required.substr(0, colon);
    const std::string line = trimmed(std::string_view(required).substr(colon + 1));
    bool found = false;
    try {
      const Bytes bytes = read_file(file, configuration_limit);
      const bool is_element = line.starts_with('<') && line.ends_with('>');
      found = is_element ? condensed_xml(text_of(bytes)).find(condensed_xml(line)) != std::string::npos
                         : holds_line(text_of(bytes), line);
    } catch (const Failure&) {
      // A file that cannot be read does not hold the line.
    }
    if (!found) missing.push_back(required);
  }
  return missing;
}

}  // namespace chancery::change
