// Reading a JSON message of another appliance: one reader for all of them, so that all are as strict.
//
//   constexpr MessageKind kind{.code = "proof-malformed", .subject = "proof of an anchor", .hint = "…", .deepest = 3};
//   const json document = parse_strictly(body, kind);
//   Members members(document, kind);
//   const std::string who = members.text("who", 253);
//   members.expect_no_more();
//
// Refused with the kind's Failure: what is no JSON, nests deeper than `deepest`, names a member twice in one object (two
// readers could take different ones), has a member of another type, or longer, or outside its range. Not checked here:
// how large the whole is; see to that before. No message quotes what was read. Thread safety: values.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::federation {

struct MessageKind {
  const char* code;
  const char* subject;
  const char* hint;
  int deepest;  // objects and lists within each other
};

[[noreturn]] void refuse_message(const MessageKind& kind, const std::string& cause);
[[nodiscard]] nlohmann::json parse_strictly(std::string_view text, const MessageKind& kind);

// The members of one object, each taken once, by name. Refers to the object and the kind.
class Members {
 public:
  Members(const nlohmann::json& object, const MessageKind& kind);

  const nlohmann::json& any(const char* name);
  std::string text(const char* name, std::size_t limit);
  std::vector<std::string> texts(const char* name, std::size_t most, std::size_t limit);
  Bytes binary(const char* name, std::size_t limit);  // from base64
  Bytes hex(const char* name, std::size_t size);      // of exactly this many bytes
  std::int64_t number(const char* name);              // 0 to 2^40
  bool flag(const char* name);
  const nlohmann::json& array(const char* name, std::size_t most);
  // Whatever was not taken is too much.
  void expect_no_more() const;

  // A value of a list, or of an object whose names are data.
  std::string text_in(const nlohmann::json& value, const char* name, std::size_t limit) const;
  Bytes binary_in(const nlohmann::json& value, const char* name, std::size_t limit) const;

 private:
  const nlohmann::json& object_;
  const MessageKind& kind_;
  std::size_t taken_ = 0;
};

}  // namespace chancery::federation
