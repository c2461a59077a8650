#include "appliance/console/callers.h"

#include <algorithm>

#include "appliance/sign_in/wrong_answers.h"
#include "keystore/bytes/secret.h"

namespace chancery::console {

namespace {

bool is_change(const http::Call& call) { return call.method != "GET" && call.method != "HEAD"; }

http::Answer sign_in_required() {
  return http::Answer::problem(401, "sign-in-required", "Nobody is signed in",
                               "Sign in, or send a token (Authorization: Bearer …).");
}

// A page of another site has talked the browser into this (threats.md 33).
bool is_from_elsewhere(const http::Call& call) {
  const std::string site = header_of(call, "sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  const std::string origin = header_of(call, "origin");
  return !origin.empty() && origin != "https://" + header_of(call, "host");
}

std::string_view bearer_of(const http::Call& call) {
  constexpr std::string_view scheme = "Bearer ";
  const std::string_view value = text_of(view_of(call.authorization));
  return value.starts_with(scheme) ? value.substr(scheme.size()) : std::string_view();
}

}  // namespace

bool Asker::may(std::string_view scope) const { return kind != Kind::script || scopes.contains(std::string(scope)); }

std::string header_of(const http::Call& call, const std::string& name) {
  const auto found = call.headers.find(name);
  return found == call.headers.end() ? "" : found->second;
}

std::string cookie_of(const http::Call& call) {
  const std::string wanted = std::string(cookie_name) + "=";
  const std::string all = header_of(call, "cookie");
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(';', at), all.size());
    const std::size_t begin = std::min(all.find_first_not_of(" \t", at), end);
    if (std::string_view(all).substr(begin, wanted.size()) == wanted) {
      return all.substr(begin + wanted.size(), end - begin - wanted.size());
    }
    at = end + 1;
  }
  return "";
}

Callers::Verdict Callers::judge(const http::Call& call, bool touch) {
  if (const std::string_view bearer = bearer_of(call); !bearer.empty()) {
    const std::optional<Token> token = access_.find_token(view_of(bearer));
    if (!token) return {.refusal = sign_in_required(), .asker = {}};
    return {.refusal = std::nullopt,
            .asker = {.kind = Asker::Kind::script,
                      .person = "token " + token->name,
                      .scopes = token->scopes,
                      .session = std::nullopt}};
  }
  if (!call.authorization.empty()) {
    if (is_change(call)) {
      return {.refusal = http::Answer::problem(403, "not-allowed", "A password alone may only read",
                                               "Sign in with a browser, or make a token for the script."),
              .asker = {}};
    }
    if (access_.has_factor()) return {.refusal = sign_in_required(), .asker = {}};
    std::optional<http::Answer> refusal = administrator_.refusal(call);
    if (refusal) refusal->headers.erase("WWW-Authenticate");
    return {.refusal = std::move(refusal),
            .asker = {.kind = Asker::Kind::basic, .person = administrator_name, .scopes = {}, .session = std::nullopt}};
  }
  std::optional<Session> session = sessions_.find(cookie_of(call), touch);
  if (!session) return {.refusal = sign_in_required(), .asker = {}};
  Asker asker{.kind = Asker::Kind::browser, .person = session->person, .scopes = {}, .session = session};
  return {.refusal = std::nullopt, .asker = std::move(asker)};
}

std::optional<http::Answer> Callers::refusal_of_head(const http::Call& head) {
  if (!rate_.allows(address_without_port(head.connection.peer_address()))) {
    http::Answer answer =
        http::Answer::problem(429, "too-many-requests", "Too many requests", "Wait a second, then go on more slowly.");
    answer.headers["Retry-After"] = "1";
    return answer;
  }
  if (is_from_elsewhere(head)) {
    return http::Answer::problem(403, "cross-site", "This request comes from another site",
                                 "Open the console itself and do it there.");
  }
  if (!is_change(head) || (head.method == "POST" && head.path == "/api/v1/session")) return std::nullopt;
  Verdict verdict = judge(head);
  if (verdict.refusal) return std::move(verdict.refusal);
  if (verdict.asker.kind != Asker::Kind::browser) return std::nullopt;
  if (secret_equal(view_of(verdict.asker.session->csrf), view_of(header_of(head, "x-csrf-token")))) return std::nullopt;
  return http::Answer::problem(403, "csrf", "This request does not bring the token of its session",
                               "Reload the page, then try again.");
}

}  // namespace chancery::console
