// What a ClientHello (RFC 8446, section 4.1.2) offers, read from bytes that are only peeked at, before there is an SSL:
// so that a connection can be handed to another program untouched. Also reads the ALPN extension by itself.
//
//   ClientHello hello = peek_client_hello(bytes);
//   if (hello.state == ClientHello::State::complete && offers(hello, "chancery-collector/1")) …
//
// Grammar: records `u8 type=22, u16 version, u16 size, bytes`, whose contents make up one handshake message `u8 type=1,
// u24 size, u16 version, 32 random, u8-sized session id, u16-sized ciphers, u8-sized compressions, u16-sized
// extensions`; an extension is `u16 type, u16-sized data`; ALPN (16) is `u16-sized list of u8-sized names`. Bounded: 16
// KiB. Does not judge anything beyond that; OpenSSL does when the handshake runs. Thread safety: values.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::tls {

inline constexpr std::size_t client_hello_limit = 16 * 1024;

struct ClientHello {
  enum class State { incomplete, complete, not_tls } state = State::incomplete;
  std::vector<std::string> alpn;
};

[[nodiscard]] ClientHello peek_client_hello(ByteView bytes);
[[nodiscard]] bool offers(const ClientHello& hello, const std::string& protocol);

// The data of an ALPN extension; Failure("truncated", "trailing-bytes") for anything malformed.
[[nodiscard]] std::vector<std::string> parse_alpn(ByteView extension);

}  // namespace chancery::tls
