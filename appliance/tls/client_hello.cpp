#include "appliance/tls/client_hello.h"

#include <algorithm>

#include "keystore/bytes/cursor.h"
#include "keystore/fault.h"

namespace chancery::tls {
namespace {

constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello_message = 1;
constexpr std::uint16_t alpn_extension = 16;
constexpr std::size_t record_header = 5;
constexpr std::size_t message_header = 4;

ByteView sized8(Reader& in) { return in.block(in.u8()); }

std::vector<std::string> read_extensions(ByteView message) {
  Reader in(message, "ClientHello");
  in.block(2 + 32);
  sized8(in);
  in.sized16();
  sized8(in);
  if (in.at_end()) return {};
  Reader extensions(in.sized16(), "extensions");
  in.expect_end();
  while (!extensions.at_end()) {
    const std::uint16_t type = extensions.u16();
    const ByteView data = extensions.sized16();
    if (type == alpn_extension) return parse_alpn(data);
  }
  return {};
}

}  // namespace

std::vector<std::string> parse_alpn(ByteView extension) {
  Reader in(extension, "ALPN extension");
  Reader names(in.sized16(), "ALPN list");
  in.expect_end();
  std::vector<std::string> out;
  while (!names.at_end()) {
    const ByteView name = sized8(names);
    out.emplace_back(text_of(name));
  }
  return out;
}

ClientHello peek_client_hello(ByteView bytes) {
  ClientHello hello;
  Bytes message;  // the handshake message without record headers; never longer than `bytes`
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes[at] != handshake_record) return {.state = ClientHello::State::not_tls, .alpn = {}};
    if (bytes.size() - at < record_header) return hello;
    if (bytes[at + 1] != 3) return {.state = ClientHello::State::not_tls, .alpn = {}};
    const std::size_t size = static_cast<std::size_t>(bytes[at + 3]) << 8 | bytes[at + 4];
    at += record_header;
    const std::size_t there = std::min(size, bytes.size() - at);
    message.insert(message.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at + there));
    at += there;
    if (message.empty()) continue;
    if (message[0] != client_hello_message) return {.state = ClientHello::State::not_tls, .alpn = {}};
    if (message.size() < message_header) continue;
    const std::size_t wanted =
        static_cast<std::size_t>(message[1]) << 16 | static_cast<std::size_t>(message[2]) << 8 | message[3];
    if (wanted > client_hello_limit) return {.state = ClientHello::State::not_tls, .alpn = {}};
    if (message.size() - message_header < wanted) continue;
    try {
      hello.alpn = read_extensions(ByteView(message).subspan(message_header, wanted));
      hello.state = ClientHello::State::complete;
    } catch (const Failure&) {
      hello.state = ClientHello::State::not_tls;
    }
    return hello;
  }
  return hello;
}

bool offers(const ClientHello& hello, const std::string& protocol) {
  return std::find(hello.alpn.begin(), hello.alpn.end(), protocol) != hello.alpn.end();
}

}  // namespace chancery::tls
