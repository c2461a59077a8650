#include "appliance/wire/discovery_packet.h"

#include <charconv>

#include "keystore/bytes/secret.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::wire {

namespace {

constexpr std::string_view ask = "chancery-discovery/1 ask ";
constexpr std::string_view here = "chancery-discovery/1 here ";
constexpr std::size_t nonce_bytes = 8;
constexpr std::size_t nonce_digits = nonce_bytes * 2;

bool is_nonce(std::string_view text) {
  return text.size() == nonce_digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string fresh_discovery_nonce() { return to_hex(random_secret(nonce_bytes)); }

std::string write_discovery(const DiscoveryPacket& packet) {
  std::string text(packet.is_question ? ask : here);
  text += packet.nonce.empty() ? "-" : packet.nonce;
  if (!packet.is_question) text += " " + std::to_string(packet.port);
  if (packet.is_question) text.resize(discovery_limit, ' ');
  return text;
}

std::optional<DiscoveryPacket> read_discovery(std::string_view datagram) {
  if (datagram.size() > discovery_limit) return std::nullopt;
  DiscoveryPacket packet;
  if (datagram.starts_with(ask)) {
    // The padding is part of it: a short question could make a longer answer.
    if (datagram.size() != discovery_limit) return std::nullopt;
    packet.is_question = true;
    packet.nonce = datagram.substr(ask.size(), nonce_digits);
    const bool is_padded = datagram.substr(ask.size() + nonce_digits).find_first_not_of(' ') == std::string_view::npos;
    return is_nonce(packet.nonce) && is_padded ? std::optional(packet) : std::nullopt;
  }
  if (!datagram.starts_with(here)) return std::nullopt;
  std::string_view rest = datagram.substr(here.size());
  const std::size_t end = rest.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view nonce = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (nonce != "-") packet.nonce = nonce;
  const auto [last, error] = std::from_chars(rest.data(), rest.data() + rest.size(), packet.port);
  const bool is_port =
      error == std::errc() && last == rest.data() + rest.size() && packet.port > 0 && packet.port < 65536;
  return is_port && (nonce == "-" || is_nonce(nonce)) ? std::optional(packet) : std::nullopt;
}

}  // namespace chancery::wire
