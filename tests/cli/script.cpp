#include "tests/cli/script.h"

#include <fstream>
#include <stdexcept>

namespace chancery::test {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  std::size_t at = 0;
  std::size_t in = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      retry = in;
    } else if (at < pattern.size() && pattern[at] == text[in]) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++retry;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

bool lines_match(const std::vector<std::string>& expected, std::size_t at, const std::vector<std::string>& actual,
                 std::size_t in) {
  if (at == expected.size()) return in == actual.size();
  if (expected[at] == "...") {
    for (std::size_t next = in; next <= actual.size(); ++next) {
      if (lines_match(expected, at + 1, actual, next)) return true;
    }
    return false;
  }
  return in < actual.size() && matches(expected[at], actual[in]) && lines_match(expected, at + 1, actual, in + 1);
}

}  // namespace

std::string compare(const std::vector<std::string>& expected, const std::string& actual) {
  if (lines_match(expected, 0, lines_of(actual), 0)) return {};
  std::string text = "expected:\n";
  for (const std::string& line : expected) text += "  " + line + "\n";
  text += "got:\n";
  for (const std::string& line : lines_of(actual)) text += "  " + line + "\n";
  return text;
}

std::vector<ScriptStep> read_script(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<ScriptStep> steps;
  std::string line;
  int number = 0;
  while (std::getline(file, line)) {
    ++number;
    if (line.starts_with("> ") || line.starts_with("$ ")) {
      steps.push_back(
          {.line = number, .is_set_up = line[0] == '>', .command = line.substr(2), .out = {}, .error = {}, .exit = 0});
      continue;
    }
    // Comments and empty lines end the output of a command; an empty line of output is written as "|".
    if (line.empty() || line.starts_with("#") || steps.empty()) continue;
    ScriptStep& step = steps.back();
    if (line.size() >= 3 && line.front() == '[' && line.back() == ']' && line.size() <= 5) {
      step.exit = std::stoi(line.substr(1));
    } else if (line.starts_with("! ")) {
      step.error.push_back(line.substr(2) == "|" ? "" : line.substr(2));
    } else {
      step.out.push_back(line == "|" ? "" : line);
    }
  }
  return steps;
}

}  // namespace chancery::test
