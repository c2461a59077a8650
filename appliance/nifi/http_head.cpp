#include "appliance/nifi/http_head.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "appliance/nifi/wire.h"

namespace chancery::nifi {
namespace {

std::string lower(std::string_view text) {
  std::string made(text);
  for (char& unit : made) {
    if (unit >= 'A' && unit <= 'Z') unit = static_cast<char>(unit - 'A' + 'a');
  }
  return made;
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char unit) { return unit == ' ' || unit == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char unit) {
    return unit > ' ' && unit < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(unit) == std::string_view::npos;
  });
}

// 400 for what is no request line, 405 and 404 for what nobody here answers.
int judge_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 400;
  if (line.substr(0, first) != "POST") return 405;
  return line.substr(first + 1, last - first - 1) == "/" ? 0 : 404;
}

struct Headers {
  std::optional<std::size_t> length;
  bool is_chunked = false;
  bool expects_continue = false;
  bool is_broken = false;
};

void take_header(Headers& headers, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    headers.is_broken = true;
    return;
  }
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "transfer-encoding") headers.is_chunked = true;
  if (name == "expect") headers.expects_continue = lower(value) == "100-continue";
  if (name != "content-length") return;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  const bool is_number = error == std::errc() && end == value.data() + value.size();
  const bool is_huge = error == std::errc::result_out_of_range && end == value.data() + value.size();
  if (is_huge) length = body_limit + 1;
  // Two lengths that differ are how requests are smuggled past somebody.
  const bool differs = headers.length && *headers.length != length;
  headers.is_broken = headers.is_broken || (!is_number && !is_huge) || differs;
  headers.length = length;
}

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

}  // namespace

Head read_head(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return {.refusal = 400};
  std::string_view rest = received.substr(0, end + 2);
  const std::size_t first = rest.find("\r\n");
  const int verdict = judge_request_line(rest.substr(0, first));
  if (verdict != 0) return {.refusal = verdict};
  rest.remove_prefix(first + 2);
  Headers headers;
  while (!rest.empty()) {
    const std::size_t stop = rest.find("\r\n");
    take_header(headers, rest.substr(0, stop));
    rest.remove_prefix(stop + 2);
  }
  if (headers.is_broken) return {.refusal = 400};
  if (headers.is_chunked || !headers.length) return {.refusal = 411};
  if (*headers.length > body_limit) return {.refusal = 413};
  return {.length = *headers.length, .size = end + 4, .expects_continue = headers.expects_continue};
}

std::string write_answer(int status, const std::string& json) {
  return "HTTP/1.1 " + std::to_string(status) + " " + reason(status) +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(json.size()) +
         "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" + json;
}

}  // namespace chancery::nifi
