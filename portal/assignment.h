// Collectors that ask the portal which engine they belong to (P26). A collector proves itself as it would to an engine,
// the portal proves itself, and only then the collector says what it is; the rules of the generation in force
// (appliance/assignment/rules.h) decide by that, and it is sent on.
//
// Whom an engine has told of in its heartbeats is known by its own key, as there; anybody else proves the Customer Key.
// On the control socket: `{"verb":"assignment-known"}`, what `chancery rule preview` works with:
// {"collectors":[{"id","host","system","addresses","tags","engine","rule","seen"}],"engines":[{"name","reached"}]}.
// Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appliance/assignment/rules.h"
#include "appliance/membership/customer_keys.h"
#include "appliance/serving/serving_program.h"
#include "appliance/wire/channel_server.h"
#include "portal/applicants.h"
#include "portal/engines.h"

namespace chancery::portal {

struct AssignmentOptions {
  std::string server_name;
  std::function<std::shared_ptr<const CustomerKeys>()> customer_keys;
  std::function<bool(const std::string& id)> is_blocked;
  std::function<bool(const std::string& id)> is_known;
};

class Assignment {
 public:
  // Follows the rules of each generation, and writes behind what it learns. `engines` is borrowed.
  Assignment(serving::Program& program, AssignmentOptions options, const Engines& engines);
  ~Assignment();
  void adopt(tls::Connection connection, const std::string& endpoint);
  const Applicants& applicants() const noexcept { return applicants_; }
  // For the portal's pages: {"rules":[…],"collectors":[{"id","host","engine","rule","seen"}]}.
  std::string to_json() const;

 private:
  using Rules = std::vector<assignment::Rule>;
  std::shared_ptr<const Rules> rules() const;
  void assign(wire::Session& session, const wire::Facts& facts);
  std::string known() const;

  AssignmentOptions options_;
  const Engines& engines_;
  Applicants applicants_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Rules> rules_;
  std::unique_ptr<wire::ChannelServer> channel_;  // last: its threads use the members above
};

}  // namespace chancery::portal
