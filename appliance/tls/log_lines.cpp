#include "appliance/tls/log_lines.h"

#include <atomic>

namespace chancery::tls {
namespace {

constexpr std::size_t printable_limit = 200;

std::string number_of(std::uint64_t number) { return "#" + std::to_string(number) + " "; }
std::string with_blank(std::string_view text) { return text.empty() ? "" : " " + printable(text); }

}  // namespace

std::uint64_t next_connection_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char character : text) {
    if (out.size() >= printable_limit) return out + "...";
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7f) {
      out += character;
      continue;
    }
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string request_line(std::uint64_t number, const std::string& peer, const std::string& endpoint) {
  return number_of(number) + "request from " + peer + " on " + endpoint;
}

std::string accepted_line(std::uint64_t number, const Connection& connection, const std::string& endpoint,
                          std::string_view client) {
  return number_of(number) + "accepted " + connection.peer_address() + " on " + endpoint + " [" +
         connection.protocol() + (connection.is_plain() ? " UNPROTECTED]" : "]") + with_blank(client);
}

std::string identified_line(std::uint64_t number, const std::string& peer, const std::string& endpoint,
                            std::string_view name) {
  return number_of(number) + "identified " + peer + " on " + endpoint + " by its certificate as" + with_blank(name);
}

std::string refused_line(std::uint64_t number, const std::string& peer, const std::string& endpoint,
                         std::string_view why) {
  return number_of(number) + "refused " + peer + " on " + endpoint + ":" + with_blank(why);
}

std::string attempt_line(std::uint64_t number, const Target& target, bool tls) {
  return number_of(number) + "connecting to " + printable(target.host) + ":" + std::to_string(target.port) + " by " +
         (tls ? "TCP/IP|TLS" : "TCP/IP");
}

std::string connected_line(std::uint64_t number, const Target& target, const Connection& connection,
                           std::string_view server) {
  return number_of(number) + "connected to " + printable(target.host) + ":" + std::to_string(target.port) +
         (server.empty() ? "" : ",") + with_blank(server) + " [" + connection.protocol() +
         (connection.is_plain()        ? " UNPROTECTED]"
          : connection.peer_verified() ? " VERIFIED]"
                                       : "]");
}

}  // namespace chancery::tls
