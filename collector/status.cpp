#include "collector/status.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace chancery::collector {

void Status::set_trying(const Situation& situation, const std::string& mode, bool is_found) {
  const std::lock_guard lock(mutex_);
  trust_ = mode;
  source_ = situation.source;
  is_found_ = is_found;
  const bool by_address = is_found && !situation.uses_system_trust;
  verifies_name_ = situation.verifies() && (by_address ? situation.verify_found_name : situation.verify_name);
}

void Status::set_connected(const std::string& server, bool is_plain) {
  const std::lock_guard lock(mutex_);
  connected_ = true;
  unprotected_ = is_plain;
  server_ = server;
  problem_.clear();
}

void Status::set_disconnected(const std::string& problem) {
  const std::lock_guard lock(mutex_);
  connected_ = unprotected_ = false;
  problem_ = problem;
}

void Status::set_standing(const Standing& standing) {
  const std::lock_guard lock(mutex_);
  bound_ = standing.bound ? described(*standing.bound) : "";
  candidate_ = standing.candidate ? described(*standing.candidate) : "";
  repair_number_ = standing.repair_number;
}

std::string Status::to_json() const {
  const std::lock_guard lock(mutex_);
  return nlohmann::json({{"ok", true},
                         {"program", "collector"},
                         {"version", CHANCERY_VERSION},
                         {"pid", ::getpid()},
                         {"id", id_},
                         {"application", application_},
                         {"connected", connected_},
                         {"unprotected", unprotected_},
                         {"server", server_},
                         {"trust", trust_},
                         {"source", source_},
                         {"verifies_name", verifies_name_},
                         {"found", is_found_},
                         {"bound", bound_},
                         {"candidate", candidate_},
                         {"repair_number", repair_number_},
                         {"problem", problem_}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace chancery::collector
