// The head of the one HTTP request that a NiFi-mode client sends (RFC 9112): POST / with a body of known length. A reader
// of our own, because the command line does without Poco (http/reply_reader.h says why).
//
//   const Head head = read_head(text);          // up to and with the empty line
//   if (head.refusal != 0) …answer it so…       // 400, 404, 405, 411, 413
//
// Every connection carries one request. Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace chancery::nifi {

struct Head {
  int refusal = 0;         // the status to refuse it with; 0: it is fine
  std::size_t length = 0;  // of the body, at most body_limit
  std::size_t size = 0;    // of the head itself
  bool expects_continue = false;
};

[[nodiscard]] Head read_head(std::string_view received);

// Status line, headers and body.
[[nodiscard]] std::string write_answer(int status, const std::string& json);

}  // namespace chancery::nifi
