// Reads one HTTP/1.1 reply (RFC 9112) as its bytes arrive. A reader of our own and not Poco's: the command line asks two
// things by HTTP and pays for Poco's 10,000 relocations at every start otherwise (docs/measures.md).
//
//   ReplyReader reader("GET", limit, peer);
//   while (!reader.is_complete()) {
//     const std::size_t count = connection.read(buffer, until);
//     if (count == 0) reader.end(); else reader.feed({buffer, count});
//   }
//   Reply reply = reader.take();
//
// Failures: "http-malformed" for whatever is not proper HTTP or ends in the middle, "too-large" for a body over the
// limit. Memory is bounded by the limit and 64 KiB for the head. Interim replies (1xx) are passed over; what comes after
// the reply is ignored. Thread safety: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/http/client.h"
#include "keystore/bytes/bytes.h"

namespace chancery::http {

class ReplyReader {
 public:
  ReplyReader(std::string method, std::size_t limit, std::string peer);

  void feed(ByteView bytes);
  void end();  // the peer has closed: the end of a reply without a length, of any other one a failure
  bool is_complete() const noexcept { return stage_ == Stage::complete; }
  Reply take() { return std::move(reply_); }

 private:
  enum class Stage {
    status_line,
    headers,
    counted_body,
    body_until_close,
    chunk_size,
    chunk,
    chunk_end,
    trailers,
    complete
  };

  void take_line(std::string_view line);
  void take_status(std::string_view line);
  void take_header(std::string_view line);
  void take_chunk_size(std::string_view line);
  void begin_body();
  std::size_t take_body(std::string_view bytes);  // how many of them
  [[noreturn]] void fail(const std::string& cause) const;
  [[noreturn]] void fail_too_large() const;

  const std::string method_;
  const std::size_t limit_;
  const std::string peer_;
  Stage stage_ = Stage::status_line;
  Reply reply_;
  std::string line_;
  std::size_t head_bytes_ = 0;
  std::uint64_t left_ = 0;  // of the counted body or the chunk
};

}  // namespace chancery::http
