#include "appliance/federation/strict_json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {

using nlohmann::json;

void refuse_message(const MessageKind& kind, const std::string& cause) {
  throw Failure({.code = kind.code, .subject = kind.subject, .cause = cause, .hint = kind.hint});
}

json parse_strictly(std::string_view text, const MessageKind& kind) {
  std::vector<std::set<std::string>> open_objects;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kind.deepest) refuse_message(kind, "it is nested too deeply");
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
      refuse_message(kind, "a member stands twice in it");
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception&) {
    // The library's message would quote the input.
    refuse_message(kind, "it is not JSON");
  }
}

Members::Members(const json& object, const MessageKind& kind) : object_(object), kind_(kind) {
  if (!object.is_object()) refuse_message(kind_, "an object is missing");
}

const json& Members::any(const char* name) {
  const auto found = object_.find(name);
  if (found == object_.end()) refuse_message(kind_, std::string(name) + " is missing");
  ++taken_;
  return *found;
}

std::string Members::text(const char* name, std::size_t limit) { return text_in(any(name), name, limit); }

std::vector<std::string> Members::texts(const char* name, std::size_t most, std::size_t limit) {
  std::vector<std::string> found;
  for (const json& value : array(name, most)) found.push_back(text_in(value, name, limit));
  return found;
}

Bytes Members::binary(const char* name, std::size_t limit) { return binary_in(any(name), name, limit); }

Bytes Members::hex(const char* name, std::size_t size) {
  Bytes bytes;
  try {
    bytes = from_hex(text(name, size * 2));
  } catch (const Failure& failure) {
    if (failure.code() == kind_.code) throw;
    refuse_message(kind_, std::string(name) + " is not hex");
  }
  if (bytes.size() != size) refuse_message(kind_, std::string(name) + " is not of " + std::to_string(size) + " bytes");
  return bytes;
}

std::int64_t Members::number(const char* name) {
  const json& value = any(name);
  if (!value.is_number_integer() || value > json(std::int64_t{1} << 40) || value < json(0)) {
    refuse_message(kind_, std::string(name) + " is not a number in its range");
  }
  return value.get<std::int64_t>();
}

bool Members::flag(const char* name) {
  const json& value = any(name);
  if (!value.is_boolean()) refuse_message(kind_, std::string(name) + " is neither true nor false");
  return value.get<bool>();
}

const json& Members::array(const char* name, std::size_t most) {
  const json& value = any(name);
  if (!value.is_array() || value.size() > most) {
    refuse_message(kind_, std::string(name) + " is not a list of its size");
  }
  return value;
}

void Members::expect_no_more() const {
  if (taken_ != object_.size()) refuse_message(kind_, "it has members that nobody knows");
}

std::string Members::text_in(const json& value, const char* name, std::size_t limit) const {
  if (!value.is_string()) refuse_message(kind_, std::string(name) + " is not a text");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > limit) refuse_message(kind_, std::string(name) + " is too long");
  return text;
}

Bytes Members::binary_in(const json& value, const char* name, std::size_t limit) const {
  const std::string text = text_in(value, name, limit * 2);
  try {
    return from_base64(text);
  } catch (const Failure&) {
    refuse_message(kind_, std::string(name) + " is not base64");
  }
}

}  // namespace chancery::federation
