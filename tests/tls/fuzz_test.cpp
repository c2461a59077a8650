#include <gtest/gtest.h>

#include "keystore/bytes/cursor.h"
#include "tests/fuzz/bombard.h"
#include "tests/tls/fuzz/targets.h"

namespace chancery::tls {
namespace {

// A ClientHello of TLS 1.2 as RFC 5246, section 7.4.1.2, writes it, with ALPN.
Bytes hello(const std::vector<std::string>& protocols) {
  Writer names;
  for (const std::string& protocol : protocols) {
    names.u8(static_cast<std::uint8_t>(protocol.size())).block(view_of(protocol));
  }
  Writer list;
  list.sized16(view_of(names.bytes()));
  Writer extensions;
  extensions.u16(0x002b).sized16(Bytes{2, 3, 4}).u16(16).sized16(view_of(list.bytes()));
  Writer body;
  body.u16(0x0303).block(Bytes(32, 9)).u8(0).sized16(Bytes{0x13, 1}).u8(1).u8(0).sized16(view_of(extensions.bytes()));
  Writer record;
  const std::size_t size = body.bytes().size();
  record.u8(22).u16(0x0301).u16(static_cast<std::uint16_t>(size + 4)).u8(1).u8(0);
  record.u16(static_cast<std::uint16_t>(size)).block(view_of(body.bytes()));
  return {record.bytes().begin(), record.bytes().end()};
}

TEST(TlsFuzz, ClientHello) {
  fuzz::bombard("client_hello", fuzz::client_hello,
                {hello({"http/1.1"}),
                 hello({"chancery-member/1", "h2", "http/1.1"}),
                 bytes_of("GET / HTTP/1.1\r\n\r\n"),
                 {0, 9, 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}});
}

TEST(TlsFuzz, HttpReply) {
  fuzz::bombard("http_reply", fuzz::http_reply,
                {bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: a\r\n\r\nhello"),
                 bytes_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5;x=y\r\nhello\r\n1f\r\n0123456789012345678901234567890\r\n0\r\nA: b\r\n\r\n"),
                 bytes_of("HTTP/1.0 200 OK\r\n\r\nuntil the end"), bytes_of("HTTP/1.1 204 No\r\nX: y\r\n\r\n"),
                 bytes_of("HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nConnection: close\r\n\r\n")});
}

}  // namespace
}  // namespace chancery::tls
