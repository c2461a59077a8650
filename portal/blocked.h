// Collectors that an administrator has blocked (threat 41: one stolen laptop), for the whole federation; in portal.db.
//
//   Blocked blocked(database);
//   blocked.set(id, true);           // every engine is told within seconds (engines.cpp), and asks no portal after that
//
// An id is the hash of a collector's own key: who has that key and the Customer Key can make another key, and so come
// again as another one, until the Customer Key itself is changed. At most 10,000. Failure("bad-id", "too-many"), and
// those of the store. Thread safe.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "appliance/storage/store.h"

namespace chancery::portal {

inline constexpr const char* blocked_collectors_table = "CREATE TABLE blocked_collectors (id TEXT PRIMARY KEY) STRICT";

class Blocked {
 public:
  explicit Blocked(storage::Store& store);
  bool contains(const std::string& id) const;
  std::set<std::string> all() const;
  // False where it was so already.
  bool set(const std::string& id, bool blocked);

 private:
  storage::Store& store_;
  mutable std::mutex mutex_;
  std::set<std::string> ids_;
};

}  // namespace chancery::portal
