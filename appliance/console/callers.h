// Who asks: a browser that is signed in (cookie), a script with a token (Bearer), or the administrator by HTTP Basic, who
// may only read that way. One place decides for the whole API.
//
//   if (auto refusal = callers.refusal_of_change(head)) return refusal;        // before any of the body is read
//   Callers::Verdict verdict = callers.judge(call);                            // 401, 403, 429, or who it is
//
// A change by a browser needs the session's X-CSRF-Token, and an Origin, where the browser says one, that is this host; a
// cross-site request is refused whatever it brings (threats.md 33). No answer challenges the browser, so no browser keeps
// a password for Basic. With a second factor set up Basic is refused. Thread safe.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "appliance/console/access_file.h"
#include "appliance/console/rate_limit.h"
#include "appliance/console/sessions.h"
#include "appliance/http/server.h"
#include "appliance/sign_in/administrator.h"

namespace chancery::console {

inline constexpr const char* cookie_name = "__Host-chancery";

struct Asker {
  enum class Kind { browser, script, basic } kind = Kind::browser;
  std::string person;
  std::set<std::string> scopes;  // of a script; the others may do everything
  std::optional<Session> session;
  bool may(std::string_view scope) const;
};

class Callers {
 public:
  // All borrowed.
  Callers(Sessions& sessions, AccessFile& access, Administrator& administrator, RateLimit& rate)
      : sessions_(sessions), access_(access), administrator_(administrator), rate_(rate) {}

  struct Verdict {
    std::optional<http::Answer> refusal;
    Asker asker;
  };
  [[nodiscard]] Verdict judge(const http::Call& call, bool touch = true);
  // For every request of the API, with its head alone: rate, origin, and for changes who asks and the CSRF token.
  [[nodiscard]] std::optional<http::Answer> refusal_of_head(const http::Call& head);

 private:
  Sessions& sessions_;
  AccessFile& access_;
  Administrator& administrator_;
  RateLimit& rate_;
};

// "" where the request has none.
[[nodiscard]] std::string cookie_of(const http::Call& call);
[[nodiscard]] std::string header_of(const http::Call& call, const std::string& name);

}  // namespace chancery::console
