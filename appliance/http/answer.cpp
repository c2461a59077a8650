#include <nlohmann/json.hpp>
#include <set>

#include "appliance/http/server.h"
#include "keystore/fault.h"

namespace chancery::http {

Answer Answer::json(std::string body, int status) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

Answer Answer::html(std::string body, int status) {
  Answer answer = json(std::move(body), status);
  answer.content_type = "text/html; charset=utf-8";
  return answer;
}

Answer Answer::problem(int status, const std::string& code, const std::string& title, const std::string& detail) {
  const nlohmann::json document = {
      {"type", "about:blank"}, {"status", status}, {"code", code}, {"title", title}, {"detail", detail}};
  // Bytes that are not UTF-8 are replaced, never thrown about: this is the last boundary.
  Answer answer = json(document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), status);
  answer.content_type = "application/problem+json";
  return answer;
}

int status_of(const std::string& code) {
  static const std::set<std::string> machine = {"no-space", "read-only",     "permission-denied", "too-many-files",
                                                "io-error", "random-failed", "out-of-memory",     "not-found"};
  if (machine.contains(code)) return 500;
  if (code.starts_with("unknown-")) return 404;
  if (code == "busy" || code == "in-use" || code == "already-exists") return 409;
  if (code == "too-large") return 413;
  if (code == "not-running") return 503;
  if (code == "forbidden" || code == "not-allowed") return 403;
  return 400;
}

Answer problem_of(const std::exception& problem) {
  if (const auto* failure = dynamic_cast<const Failure*>(&problem)) {
    return Answer::problem(status_of(failure->code()), failure->code(), failure->cause(), failure->hint());
  }
  return Answer::problem(500, "internal", "this request could not be answered", "the program's log has more");
}

}  // namespace chancery::http
