#include "appliance/console/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/console/verb_table.h"

namespace chancery::console {

namespace {

using nlohmann::json;

json schema_of(std::string_view type) {
  if (type == "int") return {{"type", "integer"}};
  if (type == "bool") return {{"type", "boolean"}};
  if (type == "list") return {{"type", "array"}, {"items", {{"type", "string"}}}};
  if (type == "array") return {{"type", "array"}};
  if (type == "object") return {{"type", "object"}};
  const json bytes{{"type", "string"}, {"contentMediaType", "application/octet-stream"}};
  if (type == "file") return bytes;
  if (type == "files") return {{"type", "array"}, {"items", bytes}};
  if (type == "secret") return {{"type", "string"}, {"format", "password"}};
  return {{"type", "string"}};
}

bool is_in_path(const VerbRoute& route, std::string_view name) {
  return route.path.find("{" + std::string(name) + "}") != std::string_view::npos;
}

json problem_answer(const char* what) {
  return {{"description", what},
          {"content", {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

json answers_of(const VerbRoute& route) {
  const char* type = route.reply == Reply::download ? "application/octet-stream"
                     : route.reply == Reply::text   ? "text/plain"
                                                    : "application/json";
  json answers{{"200", {{"description", "Done"}, {"content", {{type, json::object()}}}}},
               {"401", problem_answer("Nobody is signed in")},
               {"403", problem_answer("Not allowed: scope, CSRF token or origin")},
               {"429", problem_answer("Too many requests")},
               {"503", problem_answer("chancery-manager does not run")}};
  if (route.method != "GET") {
    answers["413"] = problem_answer("The body is larger than 8 MiB");
    answers["422"] = problem_answer("Refused: the old state is in force, and the report says why");
  }
  return answers;
}

json body_of(const VerbRoute& route) {
  json fields = json::object();
  json plain = json::object();
  for (const ArgumentType& argument : arguments_of(route)) {
    if (is_in_path(route, argument.name)) continue;
    const std::string part(argument.part() == "*" ? "(any other name)" : argument.part());
    fields[part] = schema_of(argument.type);
    const bool is_attached = argument.type == "file" || argument.type == "files" || argument.type == "secret";
    if (!is_attached) plain[part] = schema_of(argument.type);
  }
  if (route.needs_password) fields["password"] = schema_of("secret");
  json content{{"multipart/form-data", {{"schema", {{"type", "object"}, {"properties", std::move(fields)}}}}}};
  content["application/json"] = {{"schema", {{"type", "object"}, {"properties", std::move(plain)}}}};
  return {{"content", std::move(content)}};
}

json parameters_of(const VerbRoute& route) {
  json parameters = json::array();
  for (const ArgumentType& argument : arguments_of(route)) {
    const bool in_path = is_in_path(route, argument.name);
    if (!in_path && route.method != "GET") continue;
    parameters.push_back({{"name", argument.name},
                          {"in", in_path ? "path" : "query"},
                          {"required", in_path},
                          {"schema", schema_of(argument.type)}});
  }
  if (route.method != "GET") {
    parameters.push_back({{"name", "Idempotency-Key"}, {"in", "header"}, {"schema", {{"type", "string"}}}});
  }
  return parameters;
}

json operation_of(const VerbRoute& route) {
  json operation{
      {"operationId", route.verb},      {"summary", route.summary},
      {"tags", {route.scope}},          {"parameters", parameters_of(route)},
      {"responses", answers_of(route)}, {"security", {{{"session", json::array()}}, {{"token", {route.scope}}}}}};
  if (route.method != "GET") operation["requestBody"] = body_of(route);
  return operation;
}

json own_operation(const char* id, const char* summary, bool has_body = false) {
  json operation{{"operationId", id},
                 {"summary", summary},
                 {"tags", {"session"}},
                 {"responses", {{"200", {{"description", "Done"}}}, {"401", problem_answer("Nobody is signed in")}}}};
  if (has_body) operation["requestBody"] = {{"content", {{"multipart/form-data", json::object()}}}};
  return operation;
}

void add_own(json& paths) {
  paths["/session"] = {{"post", own_operation("sign-in", "Signs in: user, password, code", true)},
                       {"get", own_operation("session", "Who is signed in, and the CSRF token")},
                       {"delete", own_operation("sign-out", "Signs out")}};
  paths["/sessions"] = {{"get", own_operation("sessions", "Who is signed in where")},
                        {"delete", own_operation("sign-out-everywhere", "Signs everybody out")}};
  paths["/second-factor"] = {{"post", own_operation("factor-begin", "A new secret for an authenticator app")},
                             {"put", own_operation("factor-confirm", "Puts it in force by its first code", true)},
                             {"delete", own_operation("factor-remove", "Ends it, by the password", true)}};
  paths["/tokens"] = {{"get", own_operation("tokens", "Tokens for scripts")},
                      {"post", own_operation("token-make", "Makes one: name, scopes, days")}};
  paths["/tokens/{id}"] = {
      {"delete", own_operation("token-remove", "Deletes one")},
      {"parameters", {{{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}}}}};
  paths["/events"] = {{"get", own_operation("events", "Changes as they happen (Server-Sent Events)")}};
}

}  // namespace

std::string openapi_document() {
  json paths = json::object();
  for (const VerbRoute& route : verb_table()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c + 32); });
    paths[std::string(route.path)][method] = operation_of(route);
  }
  add_own(paths);
  json token_scopes = json::object();
  const json problem{{"type", "object"},
                     {"required", {"type", "status", "title"}},
                     {"properties",
                      {{"type", {{"type", "string"}}},
                       {"status", {{"type", "integer"}}},
                       {"code", {{"type", "string"}}},
                       {"title", {{"type", "string"}}},
                       {"detail", {{"type", "string"}}},
                       {"report", {{"type", "object"}}}}}};
  return json{{"openapi", "3.1.0"},
              {"info",
               {{"title", "Chancery console"},
                {"version", CHANCERY_VERSION},
                {"description",
                 "Everything that the console's pages do. Scripts send Authorization: Bearer TOKEN; browsers have a "
                 "session cookie and send X-CSRF-Token with every change. Errors are RFC 9457 problem documents."}}},
              {"servers", {{{"url", "/api/v1"}}}},
              {"paths", std::move(paths)},
              {"components",
               {{"schemas", {{"Problem", problem}}},
                {"securitySchemes",
                 {{"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "__Host-chancery"}}},
                  {"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}}}
      .dump(1);
}

}  // namespace chancery::console
