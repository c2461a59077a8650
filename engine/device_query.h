// What is asked of GET /api/v1/devices, out of the query of the address: filters that must all hold, and which page.
//
//   const DeviceQuery query = device_query(call.query);
//   const Devices::Page page = devices.page(query.after, query.limit, [&](const Device& one) { return query.fits(one); });
//
// Failure("bad-query") for a parameter that there is not, given empty, or with a value that cannot be. A value.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "engine/devices.h"

namespace chancery::engine {

struct DeviceQuery {
  std::string name;        // the host's, * and ? known, no case
  std::string os;          // part of its operating system's name, no case
  std::string version;     // the collector's, whole
  std::string trust;       // "pinned", "operating-system", "none"
  std::string tag;         // * and ? known, no case
  std::string root;        // SHA-256 of a root that it trusts or holds
  std::string lacks_root;  // and of one that it does not
  std::optional<bool> connected;
  std::optional<Instant> seen_since;
  std::string after;  // the id of the last one on the page before
  std::size_t limit = 100;

  bool fits(const Device& device) const;
};

[[nodiscard]] DeviceQuery device_query(const std::map<std::string, std::string>& query);

}  // namespace chancery::engine
