// What the portal on this appliance last heard of each engine, read from its database (databases/portal.db).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keystore/x509/instant.h"

namespace chancery::manager {

struct Heartbeat {
  struct Served {
    std::string endpoint;
    std::string identity;
    std::string sha256;
    Instant not_after{};
  };
  Instant last_seen{};
  std::string version;                  // "" before it has told
  std::chrono::seconds clock_ahead{0};  // of ours; its heartbeat's way here counted in
  std::int64_t generation = 0;          // 0: not told
  std::vector<Served> served;
  std::string customer_key;                     // the id of the Customer Key it has; "" where it did not tell
  std::map<std::string, std::int64_t> holders;  // how many of its collectors hold which, by id
  std::string host;                             // where the portal asks it
  int port = 0;
};

// By member name. Empty where there is no portal, or it has not written anything yet.
[[nodiscard]] std::map<std::string, Heartbeat> heartbeats(const std::string& state_path);

}  // namespace chancery::manager
