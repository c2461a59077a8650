// Counts failed joins by address: ten within a minute and the address has to wait; others notice nothing. An IPv6 /64
// counts as one address. Remembers 4,096 addresses at most; beyond that the one that failed longest ago is forgotten.
// Kept in memory only. Thread safety: internally locked.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "keystore/x509/instant.h"

namespace chancery::federation {

class Attempts {
 public:
  // `peer` as Connection::peer_address gives it: "192.0.2.1:4711", "[2001:db8::1]:4711", or without a port.
  bool must_wait(const std::string& peer, Instant now);
  void failed(const std::string& peer, Instant now);

  // "192.0.2.1", "2001:db8:1:2::/64".
  [[nodiscard]] static std::string address_of(const std::string& peer);

 private:
  void forget_old(Instant now);

  std::mutex mutex_;
  std::map<std::string, std::vector<Instant>> failures_;
};

}  // namespace chancery::federation
