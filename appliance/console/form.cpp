#include "appliance/console/form.h"

#include <algorithm>

#include "keystore/fault.h"

namespace chancery::console {

namespace {

constexpr std::size_t most_parts = 1000;  // a rollout to 200 members has four files for each
constexpr std::size_t longest_head = 2048;
constexpr std::size_t longest_boundary = 200;

Failure bad_form(const std::string& cause) {
  return Failure({.code = "bad-request",
                  .subject = "the form",
                  .cause = cause,
                  .hint = "send application/json, or multipart/form-data as curl -F does"});
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// The value of `name="…"` in a header line; browsers write a quote in it as %22.
std::string parameter(std::string_view line, std::string_view name) {
  const std::string wanted = std::string(name) + "=";
  for (std::size_t at = line.find(';'); at != std::string_view::npos; at = line.find(';', at + 1)) {
    const std::size_t begin = line.find_first_not_of("; \t", at);
    if (begin == std::string_view::npos) break;
    if (!line.substr(begin).starts_with(wanted)) continue;
    std::string_view value = line.substr(begin + wanted.size());
    if (!value.starts_with('"')) return std::string(value.substr(0, value.find_first_of("; \t")));
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find('"')));
  }
  return "";
}

bool has_parameter(std::string_view line, std::string_view name) {
  return line.find("; " + std::string(name) + "=") != std::string_view::npos ||
         line.find(";" + std::string(name) + "=") != std::string_view::npos;
}

Part part_from(std::string_view head, ByteView bytes) {
  Part part{.name = "", .file_name = "", .is_file = false, .bytes = bytes};
  for (std::size_t begin = 0; begin < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", begin), head.size());
    const std::string_view line = head.substr(begin, end - begin);
    if (lower(line.substr(0, 20)) == "content-disposition:") {
      part.name = parameter(line, "name");
      part.is_file = has_parameter(line, "filename");
      part.file_name = parameter(line, "filename");
    }
    begin = end + 2;
  }
  if (part.name.empty() || part.name.size() > 100) throw bad_form("a part of it has no name");
  // Only a label for people: never a path.
  part.file_name = part.file_name.substr(part.file_name.find_last_of("/\\") + 1).substr(0, 200);
  return part;
}

}  // namespace

Form::Form(const std::string& content_type, std::string& body) : body_(body) {
  const std::string kind = lower(std::string_view(content_type).substr(0, content_type.find(';')));
  if (kind == "application/json") {
    is_json_ = true;
  } else if (kind == "multipart/form-data") {
    const std::string boundary = parameter(content_type, "boundary");
    if (boundary.empty() || boundary.size() > longest_boundary) throw bad_form("it does not say where its parts end");
    read_parts(boundary);
  } else if (!body.empty()) {
    throw Failure({.code = "unsupported-media-type",
                   .subject = "the body",
                   .cause = "it is neither JSON nor a form",
                   .hint = "send application/json, or multipart/form-data as curl -F does"});
  }
}

Form::~Form() { wipe(body_.data(), body_.size()); }

Form form_of(const http::Call& call) {
  const auto type = call.headers.find("content-type");
  // The exchange's own call, which is gone with it.
  return Form(type == call.headers.end() ? "" : type->second, const_cast<http::Call&>(call).body);
}

void Form::read_parts(const std::string& boundary) {
  const std::string_view body = body_;
  const std::string opening = "--" + boundary;
  const std::string delimiter = "\r\n" + opening;
  if (!body.starts_with(opening)) throw bad_form("it does not begin with its first part");
  std::size_t at = opening.size();
  while (body.substr(at, 2) == "\r\n") {
    at += 2;
    const std::size_t head_end = body.substr(at, longest_head).find("\r\n\r\n");
    if (head_end == std::string_view::npos) throw bad_form("a part of it has no head");
    const std::string_view head = body.substr(at, head_end);
    at += head_end + 4;
    const std::size_t end = body.find(delimiter, at);
    if (end == std::string_view::npos) throw bad_form("it ends in the middle of a part");
    if (parts_.size() >= most_parts) throw bad_form("it has more than " + std::to_string(most_parts) + " parts");
    parts_.push_back(part_from(head, view_of(body.substr(at, end - at))));
    at = end + delimiter.size();
  }
  if (body.substr(at, 2) != "--") throw bad_form("it has no end");
}

ByteView Form::secret(std::string_view name) const {
  const auto found = std::ranges::find(parts_, name, &Part::name);
  return found == parts_.end() ? ByteView() : found->bytes;
}

Sha256 Form::digest() const {
  if (parts_.empty()) return sha256(view_of(body_));
  std::string whole;
  for (const Part& part : parts_) {
    // Each by its length or digest: no text of one can pass for the beginning of the next.
    whole += std::to_string(part.name.size()) + ":" + part.name + (part.is_file ? "file" : "") +
             std::to_string(part.file_name.size()) + ":" + part.file_name + sha256_hex(part.bytes);
  }
  return sha256(view_of(whole));
}

std::string Form::text(std::string_view name) const { return std::string(text_of(secret(name))); }

}  // namespace chancery::console
