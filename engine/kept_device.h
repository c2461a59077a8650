// A device as an engine keeps it in memory: 15,000 of them weigh a quarter of what Device does. What many say alike (system,
// version, trust, what they were presented, which roots they hold) is kept once for all of them; host and addresses
// are one run of bytes.
//
//   DeviceShelf shelf;
//   KeptDevice kept;
//   kept.take(facts, shelf);          kept.take(anchoring, shelf);
//   Device device = kept.unpack(id);
//
// Thread safety: none; Devices holds its lock.
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/devices.h"

namespace chancery::engine {

// The SHA-256 of a collector's key as its 32 bytes, in the order of its text; any other text as it is.
struct DeviceId {
  std::string bytes;
  friend auto operator<=>(const DeviceId&, const DeviceId&) = default;
};
[[nodiscard]] DeviceId device_id(const std::string& text);
[[nodiscard]] std::string to_text(const DeviceId& id);

// What is kept once. Forgets what no device says any more.
class DeviceShelf {
 public:
  std::shared_ptr<const wire::Facts> keep(const wire::Facts& common);
  std::shared_ptr<const Anchoring> keep(const Anchoring& anchoring);
  std::size_t size() const { return facts_.size() + anchorings_.size(); }

 private:
  std::unordered_map<std::string, std::weak_ptr<const wire::Facts>> facts_;
  std::unordered_map<std::string, std::weak_ptr<const Anchoring>> anchorings_;
};

class KeptDevice {
 public:
  bool says(const wire::Facts& facts) const;
  void take(const wire::Facts& facts, DeviceShelf& shelf);
  void take(const Anchoring& anchoring, DeviceShelf& shelf);

  wire::Facts facts() const;
  const Anchoring& anchoring() const;
  const std::string& customer_key() const;  // of its facts
  bool is_connected() const { return sessions > 0; }
  Device unpack(const DeviceId& id) const;

  Instant first_seen{};
  Instant last_seen{};
  Instant told{};
  Instant written{};  // last handed to the store
  Bytes public_key;   // until it is written
  int sessions = 0;

 private:
  std::shared_ptr<const wire::Facts> common_;  // but for host and addresses; none before the first report
  std::string own_;                            // host, then addresses: each a 2-byte size and its bytes
  std::shared_ptr<const Anchoring> anchoring_;
};

}  // namespace chancery::engine
