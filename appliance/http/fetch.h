// One small file from a web address: what a CRL distribution point serves. Plain HTTP or HTTPS.
//
//   Bytes crl = http::fetch("http://pki.example.com/root.crl", {.trust_pem = bundle, .limit = 4 << 20});
//
// GET, no redirections (a CA's list stands where its certificates say), within one deadline for all of it, and never
// more than `limit` bytes. HTTPS is verified by name and chain under `trust_pem`. What plain HTTP brings is anybody's
// word: the caller checks what it is. Failures: "bad-url", those of tls/connection.h, "http-malformed", "too-large",
// "http-status" for every answer but 200.
#pragma once

#include <chrono>
#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery::http {

struct Url {
  bool is_secure = false;
  std::string host;
  int port = 0;
  std::string path = "/";  // with the query
};
// "http://HOST[:PORT][/PATH]", "https://…"; no user, no fragment.
[[nodiscard]] Url parse_url(const std::string& text);

struct FetchOptions {
  Bytes trust_pem = {};
  std::chrono::milliseconds deadline{10000};
  std::size_t limit = std::size_t{4} * 1024 * 1024;
};
[[nodiscard]] Bytes fetch(const std::string& url, const FetchOptions& options);

}  // namespace chancery::http
