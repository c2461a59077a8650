#include "appliance/manager/call.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr std::size_t file_limit = 64;  // files of one kind in one request

Failure wrong_type(const std::string& name, const char* expected) {
  return bad_argument(name, std::string("is not ") + expected,
                      "give it as docs/state.md and certificate_manager.h describe the verb");
}

}  // namespace

Failure bad_argument(const std::string& name, const std::string& cause, const std::string& hint) {
  return Failure({.code = "bad-argument", .subject = name, .cause = cause, .hint = hint});
}

Call::Call(const json& arguments, const std::vector<SecretBytes>& attachments, std::string who)
    : arguments_(arguments), attachments_(attachments), who_(std::move(who)) {
  if (!arguments.is_object()) throw wrong_type("arguments", "a JSON object");
}

double Call::milliseconds() const {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun_).count();
}

const json* Call::find(const std::string& name) const {
  const auto found = arguments_.find(name);
  return found == arguments_.end() || found->is_null() ? nullptr : &*found;
}

std::string Call::text(const std::string& name) const {
  const json* value = find(name);
  if (value == nullptr) throw bad_argument(name, "is missing", "name the " + name);
  if (!value->is_string()) throw wrong_type(name, "a text");
  return value->get<std::string>();
}

std::string Call::text_or(const std::string& name, const std::string& otherwise) const {
  if (find(name) == nullptr) return otherwise;
  std::string value = text(name);
  return value.empty() ? otherwise : value;
}

std::vector<std::string> Call::list(const std::string& name) const {
  const json* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_array()) throw wrong_type(name, "a list of texts");
  std::vector<std::string> out;
  for (const json& entry : *value) {
    if (!entry.is_string()) throw wrong_type(name, "a list of texts");
    out.push_back(entry.get<std::string>());
  }
  return out;
}

bool Call::flag(const std::string& name, bool otherwise) const {
  const json* value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) throw wrong_type(name, "true or false");
  return value->get<bool>();
}

std::optional<std::int64_t> Call::number(const std::string& name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) throw wrong_type(name, "a whole number");
  return value->get<std::int64_t>();
}

const json* Call::object(const std::string& name) const {
  const json* value = find(name);
  if (value != nullptr && !value->is_object()) throw wrong_type(name, "an object");
  return value;
}

json Call::array(const std::string& name) const {
  const json* value = find(name);
  if (value == nullptr) return json::array();
  if (!value->is_array()) throw wrong_type(name, "a list");
  return *value;
}

const SecretBytes& Call::attachment(const json& reference, const std::string& name) const {
  if (!reference.is_object() || !reference.contains("attachment")) throw wrong_type(name, "an attachment");
  const json& index = reference["attachment"];
  if (!index.is_number_unsigned() || index.get<std::size_t>() >= attachments_.size()) {
    throw bad_argument(name, "names an attachment that the request does not have",
                       "attach the file and name its index");
  }
  return attachments_[index.get<std::size_t>()];
}

preflight::SourceFile Call::source_file(const json& reference, const std::string& name) const {
  const SecretBytes& bytes = attachment(reference, name);
  std::string label = name;
  if (reference.contains("name") && reference["name"].is_string()) label = reference["name"].get<std::string>();
  return {.name = std::move(label), .bytes = bytes};
}

std::vector<preflight::SourceFile> Call::source_files(const json& references, const std::string& name) const {
  if (references.is_object()) return {source_file(references, name)};
  if (!references.is_array()) throw wrong_type(name, "a list of files");
  if (references.size() > file_limit) {
    throw bad_argument(name, "names more than " + std::to_string(file_limit) + " files",
                       "put the certificates into one file");
  }
  std::vector<preflight::SourceFile> out;
  for (const json& reference : references) out.push_back(source_file(reference, name));
  return out;
}

std::vector<preflight::SourceFile> Call::files(const std::string& kind) const {
  const json* all = object("files");
  if (all == nullptr || !all->contains(kind) || (*all)[kind].is_null()) return {};
  return source_files((*all)[kind], kind);
}

std::vector<preflight::SourceFile> Call::file_list(const std::string& name) const {
  const json* references = find(name);
  return references == nullptr ? std::vector<preflight::SourceFile>{} : source_files(*references, name);
}

preflight::SourceFile Call::file(const std::string& name) const {
  if (const json* reference = find(name)) return source_file(*reference, name);
  std::vector<preflight::SourceFile> found = files(name);
  if (found.size() != 1) throw bad_argument(name, "is missing", "name one file");
  return std::move(found.front());
}

std::optional<SecretBytes> Call::secret(const std::string& name) const {
  const json* reference = find(name);
  if (reference == nullptr) return std::nullopt;
  return attachment(*reference, name);
}

void Call::expect_only(const std::string& known) const {
  std::istringstream words(known);
  const std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
  for (const auto& [name, value] : arguments_.items()) {
    if (value.is_null() || std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw bad_argument(name, "this command takes no such argument",
                       names.empty() ? "leave it out" : "it takes: " + known);
  }
}

}  // namespace chancery::manager
