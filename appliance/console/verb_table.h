// The API's table: which path and method asks the certificate manager for which verb. Everything that `chancery` does
// through the manager is one row here, and a row is all that a new verb needs: routes (verb_routes.h) and the OpenAPI
// document (openapi.h) are made of it.
//
// `arguments`: "name:type" words. Types: text, int, bool, list (of texts), array, object (JSON), file, files (multipart
// parts with a file name), secret (a multipart part; never JSON). "files.certificate:files" is the part "certificate".
// "files.*:files" takes file parts of any other name. Parameters of the path are arguments of the same names.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace chancery::console {

enum class Reply {
  json,
  secret_text,  // attachment 0 is a text that is shown once: the member "token"
  download,     // attachment 0 is a file that is handed out
  text,         // the member "text" alone, as programs read it that want no JSON
};

struct VerbRoute {
  std::string_view method;
  std::string_view path;  // below /api/v1, "/backups/{id}/restore"
  std::string_view verb;
  std::string_view scope;  // what a token needs
  std::string_view arguments;
  std::string_view summary;
  Reply reply = Reply::json;
  // The administrator's password once more, in the part "password": what leaves the appliance holds keys.
  bool needs_password = false;
  std::string_view file_name = {};  // of a download
};

[[nodiscard]] std::span<const VerbRoute> verb_table();
[[nodiscard]] std::span<const std::string_view> scopes();

struct ArgumentType {
  std::string_view name;  // "files.certificate"
  std::string_view type;
  // The name of its form part: without "files.".
  std::string_view part() const { return name.starts_with("files.") ? name.substr(6) : name; }
};
[[nodiscard]] std::vector<ArgumentType> arguments_of(const VerbRoute& route);

}  // namespace chancery::console
