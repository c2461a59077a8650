#include "backup/generations/strict_json.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "backup/generations/plain_path.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"

namespace chancery::backup {
namespace {

constexpr std::size_t kMaximumText = 4u << 20;
constexpr int kMaximumDepth = 8;
constexpr std::size_t kMaximumFiles = 10'000;

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

mode_t mode_of(const std::string& text, const Refuse& refuse) {
  if (text.size() != 4 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; })) {
    throw refuse("a mode is not four octal digits");
  }
  return static_cast<mode_t>(std::stoul(text, nullptr, 8));
}

}  // namespace

Json parse_json(std::string_view text, const Refuse& refuse) {
  if (text.size() > kMaximumText) {
    throw refuse("it is larger than 4 MiB");
  }
  // Depth is judged while parsing: a document of brackets alone costs 50 times its size once it is a tree.
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaximumDepth) {
      throw refuse("it is nested too deeply");
    }
    return true;
  };
  try {
    Json document = Json::parse(text, shallow);
    if (!document.is_object()) {
      throw refuse("it is not a JSON object");
    }
    return document;
  } catch (const Json::exception&) {
    throw refuse("it is not valid JSON");
  }
}

std::string write_json(const Json& document) {
  try {
    return document.dump(1) + "\n";
  } catch (const Json::exception&) {
    throw Failure({.code = "bad-name",
                   .subject = "",
                   .cause = "a file name, or the reason of the change, is not UTF-8",
                   .hint = "rename the file with plain letters and try again"});
  }
}

std::string seal_json(Json document, ByteView mac_key) {
  document.erase("mac");
  document["mac"] = to_hex(hmac_sha256(mac_key, view_of(write_json(document))));
  return write_json(document);
}

Json open_sealed_json(std::string_view text, ByteView mac_key, const Refuse& refuse) {
  Json document = parse_json(text, refuse);
  if (!mac_key.empty() && !secret_equal(view_of(seal_json(document, mac_key)), view_of(text))) {
    throw refuse("its MAC is not of this appliance, or it was edited");
  }
  document.erase("mac");
  return document;
}

Fields::Fields(const Json& object, std::string what, Refuse refuse)
    : object_(object), what_(std::move(what)), refuse_(std::move(refuse)) {
  if (!object_.is_object()) {
    throw refuse_(what_ + " is not an object");
  }
}

const Json& Fields::take(const std::string& name) {
  const auto found = object_.find(name);
  if (found == object_.end()) {
    throw refuse_(what_ + " has no \"" + name + "\"");
  }
  taken_.insert(name);
  return *found;
}

std::string Fields::text(const std::string& name) {
  const Json& value = take(name);
  if (!value.is_string()) {
    throw refuse_("\"" + name + "\" of " + what_ + " is not a text");
  }
  return value.get<std::string>();
}

std::uint64_t Fields::number(const std::string& name) {
  const Json& value = take(name);
  if (!value.is_number_unsigned()) {
    throw refuse_("\"" + name + "\" of " + what_ + " is not a number");
  }
  return value.get<std::uint64_t>();
}

Instant Fields::instant(const std::string& name) {
  const std::string value = text(name);
  try {
    return from_rfc3339(value);
  } catch (const Failure&) {
    throw refuse_("\"" + name + "\" of " + what_ + " is not a time");
  }
}

std::vector<std::string> Fields::texts(const std::string& name) {
  std::vector<std::string> values;
  for (const Json& value : array(name)) {
    if (!value.is_string()) {
      throw refuse_("\"" + name + "\" of " + what_ + " is not a list of texts");
    }
    values.push_back(value.get<std::string>());
  }
  return values;
}

const Json& Fields::object(const std::string& name) {
  const Json& value = take(name);
  if (!value.is_object()) {
    throw refuse_("\"" + name + "\" of " + what_ + " is not an object");
  }
  return value;
}

const Json& Fields::array(const std::string& name) {
  const Json& value = take(name);
  if (!value.is_array()) {
    throw refuse_("\"" + name + "\" of " + what_ + " is not a list");
  }
  return value;
}

void Fields::expect_no_more() const {
  for (const auto& [name, value] : object_.items()) {
    if (!taken_.contains(name)) {
      throw refuse_(what_ + " has an unknown \"" + name.substr(0, 64) + "\"");
    }
  }
}

Json to_json(const Cause& cause) {
  return {{"reason", cause.reason}, {"who", cause.who}, {"when", to_rfc3339(cause.when)}};
}

Cause cause_of(const Json& object, const Refuse& refuse) {
  Fields fields(object, "cause", refuse);
  Cause cause{.reason = fields.text("reason"), .who = fields.text("who"), .when = fields.instant("when")};
  fields.expect_no_more();
  return cause;
}

Json to_json(const std::map<std::string, ManifestFile>& files) {
  Json object = Json::object();
  for (const auto& [path, file] : files) {
    object[path] = {{"sha256", file.sha256},
                    {"size", file.size},
                    {"mode", octal(file.attributes.mode)},
                    {"owner", file.attributes.owner.value_or(0)},
                    {"group", file.attributes.group.value_or(0)}};
  }
  return object;
}

std::map<std::string, ManifestFile> files_of(const Json& object, const Refuse& refuse) {
  if (object.size() > kMaximumFiles) {
    throw refuse("it names more than 10000 files");
  }
  std::map<std::string, ManifestFile> files;
  for (const auto& [path, record] : object.items()) {
    if (!is_plain_path(path)) {
      throw refuse("it names a file that cannot be one of a generation");
    }
    Fields fields(record, "file", refuse);
    ManifestFile file{.sha256 = fields.text("sha256"), .size = fields.number("size"), .attributes = {}};
    file.attributes.mode = mode_of(fields.text("mode"), refuse);
    const std::uint64_t owner = fields.number("owner");
    const std::uint64_t group = fields.number("group");
    fields.expect_no_more();
    // (uid_t)-1 means "leave as it is" to chown and is nobody's number.
    constexpr std::uint64_t nobody = std::numeric_limits<uid_t>::max();
    if (!is_sha256(file.sha256) || owner >= nobody || group >= nobody) {
      throw refuse("the record of \"" + path + "\" is damaged");
    }
    file.attributes.owner = static_cast<uid_t>(owner);
    file.attributes.group = static_cast<gid_t>(group);
    files.emplace(path, std::move(file));
  }
  return files;
}

}  // namespace chancery::backup
