#include "appliance/keytool/general_name_text.h"

#include <bit>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/distinguished_name.h"

namespace chancery::keytool {
namespace {

std::string ip_part(ByteView address) {
  std::string text;
  if (address.size() == 4) {
    for (const std::uint8_t byte : address) text += (text.empty() ? "" : ".") + std::to_string(byte);
    return text;
  }
  for (std::size_t at = 0; at + 1 < address.size(); at += 2) {
    static constexpr char digits[] = "0123456789abcdef";
    const unsigned unit = static_cast<unsigned>(address[at]) << 8 | address[at + 1];
    std::string hex;
    for (unsigned left = unit; left != 0 || hex.empty(); left >>= 4) hex.insert(hex.begin(), digits[left & 15]);
    text += (at == 0 ? "" : ":") + hex;
  }
  return text;
}

std::optional<std::string> ip_text(ByteView address) {
  if (address.size() == 4 || address.size() == 16) return "IPAddress: " + ip_part(address);
  if (address.size() == 8) return "IPAddress: " + ip_part(address.first(4)) + "/" + ip_part(address.subspan(4));
  if (address.size() != 32) return std::nullopt;
  int bits = 0;
  for (const std::uint8_t byte : address.subspan(16)) bits += std::popcount(byte);
  return "IPAddress: " + ip_part(address.first(16)) + "/" + std::to_string(bits);
}

}  // namespace

std::optional<std::string> general_name_text(const der::Element& name) {
  const std::string text(text_of(name.content));
  switch (name.tag) {
    case 0xa0: {
      ByteView rest = name.content;
      const auto oid = der::next(rest, der::object_identifier);
      if (!oid) return std::nullopt;
      return "Other-Name: Unrecognized ObjectIdentifier: " + dotted(oid->content);
    }
    case 0x81:
      return "RFC822Name: " + text;
    case 0x82:
      return "DNSName: " + text;
    case 0xa4: {
      ByteView rest = name.content;
      const auto directory = der::next(rest, der::sequence);
      if (!directory) return std::nullopt;
      return name_text(directory->whole);
    }
    case 0x86:
      return "URIName: " + text;
    case 0x87:
      return ip_text(name.content);
    case 0x88:
      return "OIDName: " + dotted(name.content);
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<std::string>> general_name_texts(ByteView content) {
  std::vector<std::string> names;
  while (!content.empty()) {
    const auto one = der::next(content);
    const std::optional<std::string> text = one ? general_name_text(*one) : std::nullopt;
    if (!text) return std::nullopt;
    names.push_back(*text);
  }
  return names;
}

}  // namespace chancery::keytool
