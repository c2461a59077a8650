// What may come in floods (wrong passwords, refused callers), told without flooding: the first of a kind at once, the
// rest of a minute together with how many they were.
//
//   bursts.note(R"({"address":"192.0.2.7"})", now);
//   for (const Burst& burst : bursts.due(now)) report(burst);       // every few seconds
//   for (const Burst& burst : bursts.all()) report(burst);          // at the end
//
// Nothing is lost in the sum: kinds beyond the 64 that are kept apart are counted together under "". Thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "keystore/x509/instant.h"

namespace chancery::audit {

struct Burst {
  std::string what;
  std::int64_t count = 0;
  Instant first{};
  Instant last{};
};

class Bursts {
 public:
  static constexpr std::size_t most_kinds = 64;
  static constexpr std::chrono::seconds window{60};

  void note(const std::string& what, Instant now);
  void put_back(const Burst& burst);  // it could not be reported yet
  [[nodiscard]] std::vector<Burst> due(Instant now);
  [[nodiscard]] std::vector<Burst> all();

 private:
  struct Entry {
    Burst pending;
    Instant reported{};  // 0: never
  };
  Entry& entry_of(const std::string& what);
  std::vector<Burst> take(bool everything, Instant now);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace chancery::audit
