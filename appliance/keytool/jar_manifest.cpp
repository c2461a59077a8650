#include "appliance/keytool/jar_manifest.h"

#include <algorithm>

#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

constexpr std::string_view name_key = "Name: ";

struct Line {
  ByteView text;  // without its end
  ByteView whole;
};

// Lines end by CR LF, LF or CR; the last may have no end.
Line next_line(ByteView& rest) {
  const auto end = std::find_if(rest.begin(), rest.end(), [](std::uint8_t c) { return c == '\n' || c == '\r'; });
  const auto text = static_cast<std::size_t>(end - rest.begin());
  std::size_t whole = text;
  if (whole < rest.size()) whole += rest[whole] == '\r' && whole + 1 < rest.size() && rest[whole + 1] == '\n' ? 2 : 1;
  const Line line{rest.first(text), rest.first(whole)};
  rest = rest.subspan(whole);
  return line;
}

// Up to and with the first empty line.
struct HeaderLine {
  std::string text;        // with those that it goes on in
  std::size_t number = 0;  // of the last of them in the file
};
struct Part {
  std::vector<HeaderLine> lines;
  ByteView whole;
  ByteView alone;
};

[[noreturn]] void fail_at(const std::string& what, std::size_t line) {
  fail_as("java.io.IOException", what + " (line " + std::to_string(line) + ")");
}

Part next_part(ByteView& rest, std::size_t& number, bool is_main) {
  const ByteView begin = rest;
  Part part;
  std::size_t alone = 0;
  while (!rest.empty()) {
    const Line line = next_line(rest);
    ++number;
    if (line.text.empty()) break;
    alone += line.whole.size();
    const std::string_view text = text_of(line.text);
    if (text.front() != ' ') {
      part.lines.push_back({std::string(text), number});
    } else if (part.lines.empty()) {
      fail_at(is_main ? "misplaced continuation line" : "invalid manifest format", number);
    } else {
      part.lines.back().text += text.substr(1);
      part.lines.back().number = number;
    }
  }
  part.whole = begin.first(begin.size() - rest.size());
  part.alone = begin.first(alone);
  return part;
}

std::pair<std::string, std::string> attribute_of(const HeaderLine& line) {
  const std::string& text = line.text;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 >= text.size() || text[colon + 1] != ' ') {
    fail_at("invalid header field", line.number);
  }
  return {text.substr(0, colon), text.substr(colon + 2)};
}

std::optional<std::uint8_t> sextet(char c) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = alphabet.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<std::uint8_t>(at));
}

// As Java's MIME decoder: what is outside the alphabet is passed over.
Bytes from_mime_base64(std::string_view text) {
  Bytes out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const auto value = sextet(c);
    if (!value) continue;
    bits = (bits << 6U) | *value;
    if ((count += 6) < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> count));
  }
  return out;
}

}  // namespace

std::optional<std::string> JarManifest::Section::value(std::string_view key) const {
  for (const auto& [each, text] : attributes) {
    if (equal_ignoring_case(each, key)) return text;
  }
  return std::nullopt;
}

JarManifest::JarManifest(ByteView bytes) : bytes_(bytes) {
  ByteView rest = bytes;
  std::size_t line = 0;
  for (bool is_main = true; is_main || !rest.empty(); is_main = false) {
    const Part part = next_part(rest, line, is_main);
    Section* section = &main_;
    std::size_t from = 0;
    if (!is_main) {
      if (part.lines.empty()) continue;
      const HeaderLine& first = part.lines.front();
      if (!equal_ignoring_case(std::string_view(first.text).substr(0, name_key.size()), name_key)) {
        fail_at("invalid manifest format", first.number);
      }
      const std::string name = first.text.substr(name_key.size());
      const auto [place, is_new] = places_.emplace(name, sections_.size());
      if (is_new) sections_.emplace_back().name = name;
      section = &sections_[place->second];
      from = 1;
    }
    for (std::size_t at = from; at < part.lines.size(); ++at) {
      section->attributes.push_back(attribute_of(part.lines[at]));
    }
    section->parts.push_back(part.whole);
    section->parts_alone.push_back(part.alone);
  }
}

const JarManifest::Section* JarManifest::find(const std::string& name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &sections_[found->second];
}

std::vector<JarDigest> digests_in(const JarManifest::Section& section, std::string_view ending) {
  std::vector<JarDigest> out;
  for (const auto& [key, value] : section.attributes) {
    if (key.size() <= ending.size()) continue;
    const std::size_t split = key.size() - ending.size();
    if (equal_ignoring_case(std::string_view(key).substr(split), ending)) {
      out.push_back({key.substr(0, split), from_mime_base64(value)});
    }
  }
  return out;
}

}  // namespace chancery::keytool
