#include "appliance/federation/json_text.h"

#include <array>
#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::federation {
namespace {

// Neither a control character, nor one that JSON escapes, nor the beginning of something longer.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t unit = 0x20; unit < 0x80; ++unit) table.at(unit) = unit != '"' && unit != '\\';
  return table;
}();

bool is_plain(char unit) { return plain[static_cast<unsigned char>(unit)]; }

// Rare ones; whoever knows all the rules writes them.
std::string escaped(std::string_view text) {
  try {
    const std::string quoted = nlohmann::json(text).dump();
    return quoted.substr(1, quoted.size() - 2);
  } catch (const nlohmann::json::exception&) {
    throw Failure({.code = "not-text",
                   .subject = "a message",
                   .cause = "a text in it is not UTF-8",
                   .hint = "look for a name with odd characters in the settings of this appliance"});
  }
}

}  // namespace

JsonText& JsonText::text(std::string_view text) {
  out_ += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begun = at;
    while (at < text.size() && is_plain(text[at])) ++at;
    out_.append(text, begun, at - begun);
    if (at == text.size()) break;
    if (static_cast<unsigned char>(text[at]) >= 0x80) {
      out_ += escaped(text.substr(at));
      break;
    }
    switch (text[at]) {
      case '\n':
        out_ += "\\n";
        break;
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      default:
        out_ += escaped(text.substr(at, 1));
    }
    ++at;
  }
  out_ += '"';
  return *this;
}

JsonText& JsonText::texts(const std::vector<std::string>& all) {
  const char* before = "[";
  for (const std::string& each : all) {
    out_ += before;
    text(each);
    before = ",";
  }
  if (all.empty()) out_ += '[';
  out_ += ']';
  return *this;
}

}  // namespace chancery::federation
