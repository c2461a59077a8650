// The endpoints an engine knows: who was admitted, and what each last reported. Kept in memory, written behind in
// batches to databases/engine.db (SQLite), so that the collector channel never waits for a disk.
//
//   Devices devices(databases_folder, system_now);      // keeps engine.db there
//   devices.report(id, facts);
//
// What a crash loses is at most the last second of reports; an admission lost that way is simply asked for again.
// Thread safety: all methods may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/wire/collector_messages.h"
#include "keystore/files/folder.h"
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
  Devices(const Folder& databases, Clock clock);
  ~Devices();  // writes what is left

  bool is_known(const std::string& id) const;
  void enter(const std::string& id, const Bytes& public_key);
  void report(const std::string& id, const wire::Facts& facts);
  void set_connected(const std::string& id, bool connected);
  std::vector<Device> list(std::size_t offset, std::size_t limit) const;  // by id
  std::size_t count() const;
  std::size_t connected() const;
  // Writes what has changed since the last call, in one transaction.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::engine
