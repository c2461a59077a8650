// A zip made by libzip in memory: deflated, with Unix modes, equal bytes for equal members and time.
//
//   auto zip = zip::deflated({{"README", view, 0644}, …}, when, {.level = 3, .cannot_write = …});
//
// Not checked: names, and how large the members are. libzip's own buffers are not wiped. Thread safe.
#pragma once

#include <sys/types.h>

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/fault.h"
#include "keystore/x509/instant.h"

namespace chancery::zip {

struct Member {
  std::string path;
  ByteView bytes;  // must live until deflated() returns
  mode_t mode = 0600;
};

struct Packing {
  unsigned level = 1;            // of deflate, 1 to 9
  std::size_t deflate_from = 0;  // bytes; members below are stored
  std::string comment = {};
  std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();
  std::function<Failure(const std::string& cause)> cannot_write;  // where libzip or memory fails
};

// nullopt: it would be larger than `most_bytes`.
[[nodiscard]] std::optional<SecretBytes> deflated(const std::vector<Member>& members, Instant when,
                                                  const Packing& packing);

// MS-DOS time and date, UTC, to two seconds: what a zip has. Not libzip's own conversion, which asks the local time
// zone: equal contents shall be equal bytes wherever they are packed.
[[nodiscard]] std::pair<std::uint16_t, std::uint16_t> dos_time(Instant when);

}  // namespace chancery::zip
