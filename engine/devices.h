// The endpoints an engine knows: who was admitted, and what each last reported. Kept in memory, written behind in
// batches to a store (device_store.h), so that the collector channel never waits for a disk or a server.
//
//   Devices devices(std::move(store), system_now);
//   devices.report(id, facts);
//
// What a crash loses is at most the last second of reports; an admission lost that way is simply asked for again. While
// the store cannot be reached, what is to be written waits: at most one row for each device, the newest. A store that
// cannot be read yet knows nobody: collectors are admitted anew, and what it knew is merged in later.
// Thread safety: all methods may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/x509/instant.h"

namespace chancery::engine {

struct Device {
  std::string id;
  wire::Facts facts;
  Instant first_seen{};
  Instant last_seen{};
  bool connected = false;
};

class Devices {
 public:
  // Reads nothing yet: the first flush() does.
  Devices(std::unique_ptr<storage::Store> store, Clock clock);
  ~Devices();  // writes what is left

  bool is_known(const std::string& id) const;
  void enter(const std::string& id, const Bytes& public_key);
  void report(const std::string& id, const wire::Facts& facts);
  void set_connected(const std::string& id, bool connected);
  std::vector<Device> list(std::size_t offset, std::size_t limit) const;  // by id
  std::size_t count() const;
  std::size_t connected() const;
  // Reads what the store knows where that was not done yet, and writes what has changed since the last call, in one
  // transaction. Failures are the store's; nothing is lost by one. One thread at a time.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::engine
