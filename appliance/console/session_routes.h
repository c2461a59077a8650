// Signing in and out, the second factor, and tokens for scripts: the routes of the API that are the console's own.
//
//   POST   /api/v1/session          parts user, password, code      the cookie, and {"csrf", …}; a code where one is set up
//   GET    /api/v1/session          who is signed in, and the CSRF token
//   DELETE /api/v1/session          signs out;  DELETE /api/v1/sessions: everywhere;  GET /api/v1/sessions: who is
//   POST   /api/v1/second-factor    {"secret","uri"};  PUT with part code: puts it in force;  DELETE with part password
//   GET, POST /api/v1/tokens, DELETE /api/v1/tokens/{id}     name, scopes[], days: the text is shown once
//   GET    /api/v1/events           Server-Sent Events (events.h)
// Tokens are made and the second factor is changed by a browser that is signed in, never by a token. Thread safe.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "appliance/console/callers.h"
#include "appliance/console/events.h"
#include "appliance/settings/appliance.h"

namespace chancery::console {

class SessionRoutes {
 public:
  // All borrowed.
  SessionRoutes(const Appliance& appliance, Sessions& sessions, AccessFile& access, Administrator& administrator,
                Callers& callers, EventHub& events)
      : appliance_(appliance),
        sessions_(sessions),
        access_(access),
        administrator_(administrator),
        callers_(callers),
        events_(events) {}
  void add_to(http::Routes& routes);

 private:
  using Handler = http::Answer (SessionRoutes::*)(const http::Call&, const Session&);
  void add_for_browsers(http::Routes& routes, const char* method, const char* path, Handler handler);
  std::string session_json(const Session& session);
  http::Answer sign_in(const http::Call& call);
  http::Answer show(const http::Call& call, const Session& session);
  http::Answer sign_out(const http::Call& call, const Session& session);
  http::Answer sign_out_everywhere(const http::Call& call, const Session& session);
  http::Answer list(const http::Call& call, const Session& session);
  http::Answer begin_factor(const http::Call& call, const Session& session);
  http::Answer confirm_factor(const http::Call& call, const Session& session);
  http::Answer remove_factor(const http::Call& call, const Session& session);
  http::Answer list_tokens(const http::Call& call, const Session& session);
  http::Answer make_token(const http::Call& call, const Session& session);
  http::Answer remove_token(const http::Call& call, const Session& session);
  http::Answer listen(const http::Call& call, const Session& session);

  const Appliance& appliance_;
  Sessions& sessions_;
  AccessFile& access_;
  Administrator& administrator_;
  Callers& callers_;
  EventHub& events_;
  std::mutex mutex_;
  std::map<std::string, SecretBytes> offered_;  // second factors that wait for their first code, by session
};

}  // namespace chancery::console
