// JSON records of this floor: read strictly, written canonically, sealed with a MAC.
//
//   Fields fields(document, "manifest", refuse);
//   manifest.number = fields.number("number");
//   fields.expect_no_more();
//
// For sources of backup/ only (it shows nlohmann/json). `refuse` turns a cause into the Failure that the caller's
// reader promises, so that each kind of record has its own code. Bounded: at most 4 MiB of text, nested 8 deep.
// A sealed record has one spelling: opening one compares it byte for byte with what sealing its values would give, so
// that no byte of it can be changed, and the MAC needs no grammar of its own. Thread safety: values.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backup/generations/generation.h"
#include "keystore/fault.h"

namespace chancery::backup {

using Json = nlohmann::json;
using Refuse = std::function<Failure(const std::string& cause)>;

[[nodiscard]] Json parse_json(std::string_view text, const Refuse& refuse);
// Failure("bad-name") where a text in it is not UTF-8.
[[nodiscard]] std::string write_json(const Json& document);

// "mac" is added (HMAC-SHA256 over the document written without it) / checked and taken out. An empty key: not checked.
[[nodiscard]] std::string seal_json(Json document, ByteView mac_key);
[[nodiscard]] Json open_sealed_json(std::string_view text, ByteView mac_key, const Refuse& refuse);

// One object, whose members are taken one by one; anything missing, of another type or left over is refused.
class Fields {
 public:
  Fields(const Json& object, std::string what, Refuse refuse);
  std::string text(const std::string& name);
  std::uint64_t number(const std::string& name);
  Instant instant(const std::string& name);
  std::vector<std::string> texts(const std::string& name);
  const Json& object(const std::string& name);
  const Json& array(const std::string& name);
  void expect_no_more() const;

 private:
  const Json& take(const std::string& name);
  const Json& object_;
  std::string what_;
  Refuse refuse_;
  std::set<std::string> taken_;
};

// The parts that manifest, journal and backup set have in common.
[[nodiscard]] Json to_json(const Cause& cause);
[[nodiscard]] Cause cause_of(const Json& object, const Refuse& refuse);
[[nodiscard]] Json to_json(const std::map<std::string, ManifestFile>& files);
[[nodiscard]] std::map<std::string, ManifestFile> files_of(const Json& object, const Refuse& refuse);

}  // namespace chancery::backup
