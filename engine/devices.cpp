#include "engine/devices.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "keystore/fault.h"

namespace chancery::engine {

namespace {

struct Known {
  Device device;
  Bytes public_key;
};

Instant instant_of(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }
std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }

}  // namespace

struct Devices::State {
  Clock clock;
  std::unique_ptr<storage::Store> store;
  bool is_read = false;  // used by flush() alone
  mutable std::mutex mutex;
  std::map<std::string, Known> known;
  std::set<std::string> changed;

  void read();
};

// Who came in before the store could be read keeps what it told us now; only when it was first seen is older news.
void Devices::State::read() {
  const std::vector<storage::Row> rows =
      store->rows("SELECT id, public_key, facts, first_seen, last_seen FROM devices");
  const std::lock_guard lock(mutex);
  for (const storage::Row& row : rows) {
    const Instant first_seen = instant_of(row.integer(3));
    const auto [place, is_new] = known.try_emplace(row.text(0));
    Known& entry = place->second;
    if (!is_new) {
      entry.device.first_seen = std::min(entry.device.first_seen, first_seen);
      continue;
    }
    entry.device.id = row.text(0);
    entry.public_key = row.blob(1);
    if (!row.text(2).empty()) entry.device.facts = std::get<wire::Facts>(wire::parse_message(row.text(2)));
    entry.device.first_seen = first_seen;
    entry.device.last_seen = instant_of(row.integer(4));
  }
  is_read = true;
}

Devices::Devices(std::unique_ptr<storage::Store> store, Clock clock) : state_(std::make_unique<State>()) {
  state_->clock = std::move(clock);
  state_->store = std::move(store);
}

Devices::~Devices() {
  try {
    flush();
  } catch (const std::exception&) {  // a destructor has nobody to tell; the reports come again in seconds
  }
}

bool Devices::is_known(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  return state_->known.contains(id);
}

void Devices::enter(const std::string& id, const Bytes& public_key) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  Known& entry = state_->known[id];
  entry.device.id = id;
  entry.public_key = public_key;
  entry.device.first_seen = entry.device.last_seen = now;
  state_->changed.insert(id);
}

void Devices::report(const std::string& id, const wire::Facts& facts) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return;
  found->second.device.facts = facts;
  found->second.device.last_seen = now;
  state_->changed.insert(id);
}

void Devices::set_connected(const std::string& id, bool connected) {
  const std::lock_guard lock(state_->mutex);
  if (const auto found = state_->known.find(id); found != state_->known.end())
    found->second.device.connected = connected;
}

std::vector<Device> Devices::list(std::size_t offset, std::size_t limit) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Device> page;
  std::size_t position = 0;
  for (const auto& [id, entry] : state_->known) {
    if (position++ < offset) continue;
    if (page.size() == limit) break;
    page.push_back(entry.device);
  }
  return page;
}

std::size_t Devices::count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->known.size();
}

std::size_t Devices::connected() const {
  const std::lock_guard lock(state_->mutex);
  std::size_t number = 0;
  for (const auto& [id, entry] : state_->known) number += entry.device.connected ? 1U : 0U;
  return number;
}

void Devices::flush() {
  if (!state_->is_read) state_->read();
  std::vector<Known> batch;
  {
    const std::lock_guard lock(state_->mutex);
    for (const std::string& id : state_->changed) batch.push_back(state_->known.at(id));
    state_->changed.clear();
  }
  if (batch.empty()) return;
  try {
    state_->store->write([&] {
      for (const Known& entry : batch) {
        const Device& device = entry.device;
        state_->store->run(
            "INSERT INTO devices (id, public_key, facts, first_seen, last_seen) VALUES (?,?,?,?,?) "
            "ON CONFLICT (id) DO UPDATE SET facts=excluded.facts, last_seen=excluded.last_seen",
            {device.id, entry.public_key, device.facts.host.empty() ? std::string() : wire::to_json(device.facts),
             seconds_of(device.first_seen), seconds_of(device.last_seen)});
      }
    });
  } catch (const Failure&) {
    const std::lock_guard lock(state_->mutex);
    for (const Known& entry : batch) state_->changed.insert(entry.device.id);  // tried again with the next flush
    throw;
  }
}

}  // namespace chancery::engine
