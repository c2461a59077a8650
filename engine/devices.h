// The endpoints an engine knows: who was admitted, what each last reported, and which roots it has proven. Kept in
// memory, written behind in batches to a store (device_store.h), so that the collector channel never waits for a disk or
// a server.
//
//   Devices devices(std::move(store), system_now);
//   devices.report(id, facts);
//
// What a crash loses is at most the last second of news, and a minute of "last seen" of those who had none; an
// admission lost that way is simply asked for again, and so is a proof. While the store cannot be reached, what is to
// be written waits: at most one row for each device, the newest. A store that cannot be read yet knows nobody:
// collectors are admitted anew, and what it knew is merged in later. Thread safety: all methods may be called from any
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/x509/instant.h"

namespace chancery::engine {

// What a collector has said and shown of the federation's roots (docs/state.md, "Proven anchors").
struct Anchoring {
  bool is_known = false;  // it has answered at all
  bool needs = false;
  std::vector<std::string> held;          // SHA-256
  std::map<std::string, Instant> proven;  // to this engine, by a full handshake
};

struct Device {
  std::string id;
  wire::Facts facts;
  Instant first_seen{};
  Instant last_seen{};
  bool connected = false;
  Anchoring anchoring;
};

class Devices {
 public:
  // Reads nothing yet: the first flush() does.
  Devices(std::unique_ptr<storage::Store> store, Clock clock);
  ~Devices();  // writes what is left

  bool is_known(const std::string& id) const;
  void enter(const std::string& id, const Bytes& public_key);
  void report(const std::string& id, const wire::Facts& facts);
  // A device may have more than one session for a while; it is connected while one of them lasts.
  void session_began(const std::string& id);
  void session_ended(const std::string& id);
  // What it says it holds; a proof of what it does not hold, or does not know of, any more is forgotten. Returns what is
  // proven.
  std::map<std::string, Instant> holds(const std::string& id, const wire::Holds& holds);
  void proves(const std::string& id, const std::string& root);

  // Collectors that an administrator has blocked, in the whole federation: the portal tells. Counts at once and is kept.
  bool is_blocked(const std::string& id) const;
  void set_blocked(std::set<std::string> ids);
  std::string blocked_digest() const;  // SHA-256 of the ids, one a line

  std::vector<Device> list(std::size_t offset, std::size_t limit) const;  // by id
  // By id, those behind `after` that fit; `next` is the `after` of the next page, "" where there is none.
  struct Page {
    std::vector<Device> devices;
    std::string next;
  };
  Page page(const std::string& after, std::size_t limit, const std::function<bool(const Device&)>& fits) const;
  std::optional<Device> find(const std::string& id) const;
  std::size_t count() const;
  std::size_t connected() const;
  bool is_connected(const std::string& id) const;
  std::set<std::string> connected_ids() const;
  // How many hold which Customer Key, by its id, as they last told; those that did not tell are not counted.
  std::map<std::string, std::int64_t> key_holders() const;

  // For the heartbeat: whose anchoring has changed, or was last told an hour ago. What was taken counts as told.
  std::vector<Device> take_untold(std::size_t limit);
  void put_back_untold(const std::vector<Device>& devices);  // it did not arrive
  void tell_all_again();
  std::size_t untold() const;

  // More waits to be written than a healthy store leaves: no time for collectors that nobody knows yet.
  bool is_behind() const;

  // Reads what the store knows where that was not done yet, and writes what has changed since the last call, 2,000 rows a
  // transaction. Failures are the store's; nothing is lost by one. One thread at a time.
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::engine
