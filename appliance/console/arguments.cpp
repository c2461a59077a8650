#include <charconv>
#include <nlohmann/json.hpp>

#include "appliance/console/form.h"
#include "keystore/fault.h"

namespace chancery::console {

namespace {

using nlohmann::json;

Failure bad_argument(std::string_view name, const std::string& cause) {
  return Failure({.code = "bad-argument",
                  .subject = std::string(name),
                  .cause = cause,
                  .hint = "/api/v1/openapi.json says what this address takes"});
}

const ArgumentType* find(const std::vector<ArgumentType>& types, std::string_view part) {
  for (const ArgumentType& type : types) {
    if (type.part() == part) return &type;
  }
  return nullptr;
}

bool is_attached(const ArgumentType& type) {
  return type.type == "file" || type.type == "files" || type.type == "secret";
}

// A text of the path, the query or a form's plain part as what the argument is.
void put_text(json& arguments, const ArgumentType& type, std::string_view text) {
  json& slot = arguments[std::string(type.name)];
  if (type.type == "text") {
    slot = text;
  } else if (type.type == "int") {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      throw bad_argument(type.name, "is not a whole number");
    slot = number;
  } else if (type.type == "bool") {
    if (text != "true" && text != "false") throw bad_argument(type.name, "is neither true nor false");
    slot = text == "true";
  } else if (type.type == "list") {
    slot.push_back(text);
  } else {
    json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object() && !value.is_array()) throw bad_argument(type.name, "is not JSON");
    slot = std::move(value);
  }
}

// "files.certificate": {"files": {"certificate": …}}
json& slot_of(json& arguments, const ArgumentType& type, std::string_view part) {
  return type.name.starts_with("files.") ? arguments["files"][std::string(part)] : arguments[std::string(type.name)];
}

void attach(json& arguments, const ArgumentType& type, const Part& part, std::vector<SecretBytes>& attachments) {
  if (type.type == "secret" && part.bytes.empty()) return;  // a field left empty
  json reference{{"attachment", attachments.size()}};
  if (type.type != "secret") reference["name"] = part.file_name.empty() ? part.name : part.file_name;
  attachments.push_back(secret_copy(part.bytes));
  json& slot = slot_of(arguments, type, part.name);
  if (type.type == "files") {
    slot.push_back(std::move(reference));
  } else {
    slot = std::move(reference);
  }
}

void put_parts(json& arguments, const std::vector<ArgumentType>& types, const VerbRoute& route, const Form& form,
               std::vector<SecretBytes>& attachments) {
  for (const Part& part : form.parts()) {
    if (route.needs_password && part.name == "password") continue;
    const ArgumentType* type = find(types, part.name);
    if (type == nullptr && part.is_file) type = find(types, "*");
    if (type == nullptr) throw bad_argument(part.name, "is not taken here");
    if (is_attached(*type)) {
      attach(arguments, *type, part, attachments);
    } else {
      put_text(arguments, *type, text_of(part.bytes));
    }
  }
}

void put_json(json& arguments, const std::vector<ArgumentType>& types, const Form& form) {
  const std::string_view text = form.body();
  if (text.empty()) return;
  json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) throw bad_argument("the body", "is not a JSON object");
  for (auto& [name, value] : document.items()) {
    const ArgumentType* type = find(types, name);
    if (type == nullptr) throw bad_argument(name, "is not taken here");
    if (is_attached(*type)) throw bad_argument(name, "is a file or a secret, which only a form can bring");
    arguments[name] = std::move(value);
  }
}

}  // namespace

json arguments_for(const VerbRoute& route, const std::map<std::string, std::string>& path,
                   const std::map<std::string, std::string>& query, const Form* form,
                   std::vector<SecretBytes>& attachments) {
  const std::vector<ArgumentType> types = arguments_of(route);
  json arguments = json::object();
  if (form != nullptr && form->is_json()) put_json(arguments, types, *form);
  if (form != nullptr) put_parts(arguments, types, route, *form, attachments);
  for (const auto& [name, value] : query) {
    const ArgumentType* type = find(types, name);
    if (type == nullptr || is_attached(*type)) throw bad_argument(name, "is not taken here");
    put_text(arguments, *type, value);
  }
  // Last: what the path says is what it is about.
  for (const auto& [name, value] : path) {
    const ArgumentType* type = find(types, name);
    if (type != nullptr) put_text(arguments, *type, value);
  }
  return arguments;
}

}  // namespace chancery::console
