// The routes of the API that are questions to the certificate manager: one handler for the whole table (verb_table.h).
//
//   VerbRoutes api(program.appliance().state, callers, administrator);
//   api.add_to(program.routes());
//
// The manager's reply is the answer's JSON, with "token" where a text is handed out once. A refused change is 422 with the
// report beside the problem's members (RFC 9457, section 3.2), an error has the status of its code. Bodies: 8 MiB, and
// only of callers who may ask (callers.h). Thread safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "appliance/console/callers.h"
#include "appliance/console/form.h"
#include "appliance/console/idempotency.h"
#include "appliance/console/manager_line.h"
#include "appliance/console/verb_table.h"

namespace chancery::console {

class VerbRoutes {
 public:
  VerbRoutes(ManagerLine& manager, Callers& callers, Administrator& administrator)
      : manager_(manager), callers_(callers), administrator_(administrator) {}
  void add_to(http::Routes& routes);
  [[nodiscard]] http::Answer answer(const http::Call& call);

 private:
  [[nodiscard]] http::Answer ask(const VerbRoute& route, const std::map<std::string, std::string>& path,
                                 const std::map<std::string, std::string>& query, const Form& form,
                                 const std::string& address, const std::string& person);

  ManagerLine& manager_;
  Callers& callers_;
  Administrator& administrator_;
  Idempotency idempotency_;
};

struct Match {
  const VerbRoute* route = nullptr;
  std::map<std::string, std::string> parameters;
  bool path_known = false;  // with another method
};
[[nodiscard]] Match match(std::string_view method, std::string_view path);  // path below /api/v1

// What the manager said as an answer. Attachments as the route's `reply` says.
[[nodiscard]] http::Answer answer_of(const VerbRoute& route, const control::Message& reply);

}  // namespace chancery::console
