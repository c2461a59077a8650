// The wording of the lines that every connection leaves in the logs, on both sides, so that all programs say it alike.
//
//   server:  #17 request from 127.0.0.1:43112 on portal
//            #17 identified 127.0.0.1:43112 on portal by its certificate as sensor-7
//            #17 accepted 127.0.0.1:43112 on portal [TLSv1.3] curl/7.88.1
//            #18 accepted 127.0.0.1:43113 on portal [TCP/IP UNPROTECTED] chancery-collector/1
//   client:  #3 connecting to engine.example.com:443 by TCP/IP|TLS
//            #3 connected to engine.example.com:443, chancery-engine 0.1.0 [TLSv1.3 VERIFIED]
//
// Whatever a peer has sent goes through printable(): no line breaks, no escape sequences, at most 200 bytes.
// Thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/tls/connection.h"

namespace chancery::tls {

[[nodiscard]] std::uint64_t next_connection_number();
// Control and non-ASCII bytes as \xNN; longer text is cut with "...".
[[nodiscard]] std::string printable(std::string_view text);

[[nodiscard]] std::string request_line(std::uint64_t number, const std::string& peer, const std::string& endpoint);
// `client`: name and version as it calls itself ("chancery-collector 0.1.0"); may be empty.
[[nodiscard]] std::string accepted_line(std::uint64_t number, const Connection& connection, const std::string& endpoint,
                                        std::string_view client);
// `name`: what the client is known by, from a certificate that was verified.
[[nodiscard]] std::string identified_line(std::uint64_t number, const std::string& peer, const std::string& endpoint,
                                          std::string_view name);
[[nodiscard]] std::string refused_line(std::uint64_t number, const std::string& peer, const std::string& endpoint,
                                       std::string_view why);
[[nodiscard]] std::string attempt_line(std::uint64_t number, const Target& target, bool tls = true);
// `server`: name and version as it calls itself; may be empty.
[[nodiscard]] std::string connected_line(std::uint64_t number, const Target& target, const Connection& connection,
                                         std::string_view server);

}  // namespace chancery::tls
