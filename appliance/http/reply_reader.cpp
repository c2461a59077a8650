#include "appliance/http/reply_reader.h"

#include <algorithm>
#include <charconv>

#include "keystore/fault.h"

namespace chancery::http {
namespace {

constexpr std::size_t head_limit = 64 * 1024;
constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

// All of `text` as a number, or false.
bool parse(std::string_view text, int base, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(letter) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7f; });
}

}  // namespace

ReplyReader::ReplyReader(std::string method, std::size_t limit, std::string peer)
    : method_(std::move(method)), limit_(limit), peer_(std::move(peer)) {}

void ReplyReader::fail(const std::string& cause) const {
  throw Failure({.code = "http-malformed",
                 .subject = peer_,
                 .cause = "the answer is not proper HTTP: " + cause,
                 .hint = "check that this is the right port of the right program, and its version"});
}

void ReplyReader::fail_too_large() const {
  throw Failure({.code = "too-large",
                 .subject = peer_,
                 .cause = "the answer is larger than " + std::to_string(limit_) + " bytes",
                 .hint = "check that this is the right program at the other end"});
}

void ReplyReader::feed(ByteView bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty() && !is_complete()) {
    if (stage_ == Stage::counted_body || stage_ == Stage::body_until_close || stage_ == Stage::chunk) {
      rest.remove_prefix(take_body(rest));
      continue;
    }
    const auto newline = rest.find('\n');
    const std::size_t size = newline == std::string_view::npos ? rest.size() : newline + 1;
    head_bytes_ += size;
    if (head_bytes_ > head_limit) fail("its head is larger than 64 KiB");
    line_.append(rest.substr(0, size));
    rest.remove_prefix(size);
    if (newline == std::string_view::npos) return;
    std::string line;
    line.swap(line_);
    line.pop_back();
    if (!line.empty() && line.back() == '\r') line.pop_back();
    take_line(line);
  }
}

void ReplyReader::end() {
  if (stage_ == Stage::status_line && line_.empty()) fail("the peer closed without an answer");
  if (stage_ != Stage::body_until_close && stage_ != Stage::complete) fail("it ends in the middle");
  stage_ = Stage::complete;
}

void ReplyReader::take_line(std::string_view line) {
  switch (stage_) {
    case Stage::status_line:
      take_status(line);
      break;
    case Stage::headers:
      if (line.empty()) {
        begin_body();
      } else {
        take_header(line);
      }
      break;
    case Stage::chunk_size:
      take_chunk_size(line);
      break;
    case Stage::chunk_end:
      if (!line.empty()) fail("a chunk is longer than it says");
      stage_ = Stage::chunk_size;
      break;
    default:  // trailers: read and forgotten
      if (line.empty()) stage_ = Stage::complete;
      break;
  }
}

// HTTP/1.1 200 OK
void ReplyReader::take_status(std::string_view line) {
  std::uint64_t status = 0;
  const bool good = line.size() >= 12 && line.starts_with("HTTP/1.") && (line[7] == '0' || line[7] == '1') &&
                    line[8] == ' ' && parse(line.substr(9, 3), 10, status) && status >= 100 &&
                    (line.size() == 12 || line[12] == ' ');
  if (!good) fail("it does not begin with a status");
  reply_.status = static_cast<int>(status);
  stage_ = Stage::headers;
}

void ReplyReader::take_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) fail("a header has no proper name");
  const std::string name = lower(line.substr(0, colon));
  const std::string value(trimmed(line.substr(colon + 1)));
  if (has_control(value)) fail("a header has control characters");
  const auto found = reply_.headers.find(name);
  // Two different lengths are how one reply is smuggled behind another.
  const bool frames = name == "content-length" || name == "transfer-encoding";
  if (frames && found != reply_.headers.end() && found->second != value) fail("it has two lengths");
  reply_.headers[name] = value;
}

void ReplyReader::begin_body() {
  if (reply_.status < 200) {
    reply_ = {};
    stage_ = Stage::status_line;
    return;
  }
  const auto coding = reply_.headers.find("transfer-encoding");
  const auto length = reply_.headers.find("content-length");
  if (method_ == "HEAD" || reply_.status == 204 || reply_.status == 304) {
    stage_ = Stage::complete;
  } else if (coding != reply_.headers.end()) {
    if (length != reply_.headers.end()) fail("it has two lengths");
    if (lower(coding->second) != "chunked") fail("its transfer coding is not known");
    stage_ = Stage::chunk_size;
  } else if (length != reply_.headers.end()) {
    if (!parse(length->second, 10, left_)) fail("its length is not a number");
    if (left_ > limit_) fail_too_large();
    stage_ = left_ == 0 ? Stage::complete : Stage::counted_body;
  } else {
    stage_ = Stage::body_until_close;
  }
}

// The size in hexadecimal; what follows a semicolon is an extension nobody uses.
void ReplyReader::take_chunk_size(std::string_view line) {
  if (!parse(trimmed(line.substr(0, line.find(';'))), 16, left_)) fail("a chunk has no proper size");
  if (left_ > limit_ - reply_.body.size()) fail_too_large();
  head_bytes_ = 0;  // bounded by the number of chunks, each of at least one byte
  stage_ = left_ == 0 ? Stage::trailers : Stage::chunk;
}

std::size_t ReplyReader::take_body(std::string_view bytes) {
  const bool is_counted = stage_ != Stage::body_until_close;
  const std::size_t size =
      is_counted ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())) : bytes.size();
  if (size > limit_ - reply_.body.size()) fail_too_large();
  reply_.body.append(bytes.substr(0, size));
  if (!is_counted) return size;
  left_ -= size;
  if (left_ == 0) stage_ = stage_ == Stage::chunk ? Stage::chunk_end : Stage::complete;
  return size;
}

}  // namespace chancery::http
