#include "engine/devices.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "engine/anchoring_text.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr std::chrono::hours told_life{1};

struct Known {
  Device device;
  Bytes public_key;
  int sessions = 0;
  Instant told{};
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
  std::set<std::string> untold;
  std::set<std::string> blocked;
  bool blocked_is_new = false;  // to be written

  void read();
  void write_blocked();
};

// Who came in before the store could be read keeps what it told us now; only when it was first seen is older news.
void Devices::State::read() {
  const std::vector<storage::Row> rows =
      store->rows("SELECT id, public_key, facts, first_seen, last_seen, anchors FROM devices");
  const std::vector<storage::Row> blocked_rows = store->rows("SELECT id FROM blocked_collectors");
  const std::lock_guard lock(mutex);
  if (!blocked_is_new) {
    for (const storage::Row& row : blocked_rows) blocked.insert(row.text(0));
  }
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
    entry.device.anchoring = anchoring_from_text(row.text(5));
    untold.insert(entry.device.id);
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
  state_->untold.insert(id);
}

void Devices::report(const std::string& id, const wire::Facts& facts) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return;
  found->second.device.facts = facts;
  found->second.device.last_seen = now;
  state_->changed.insert(id);
  if (now - found->second.told >= told_life) state_->untold.insert(id);
}

void Devices::session_began(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return;
  found->second.device.connected = ++found->second.sessions > 0;
}

void Devices::session_ended(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return;
  found->second.sessions = std::max(0, found->second.sessions - 1);
  found->second.device.connected = found->second.sessions > 0;
}

std::map<std::string, Instant> Devices::holds(const std::string& id, const wire::Holds& holds) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return {};
  Device& device = found->second.device;
  Anchoring next{.is_known = true, .needs = holds.needs, .held = holds.held, .proven = device.anchoring.proven};
  std::erase_if(next.proven,
                [&](const auto& each) { return std::ranges::find(holds.proven, each.first) == holds.proven.end(); });
  const bool is_news = to_text(next) != to_text(device.anchoring);
  device.anchoring = std::move(next);
  device.last_seen = now;
  if (is_news) {
    state_->changed.insert(id);
    state_->untold.insert(id);
  }
  return device.anchoring.proven;
}

void Devices::proves(const std::string& id, const std::string& root) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return;
  found->second.device.anchoring.proven[root] = now;
  state_->changed.insert(id);
  state_->untold.insert(id);
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

std::vector<Device> Devices::take_untold(std::size_t limit) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  std::vector<Device> taken;
  while (taken.size() < limit && !state_->untold.empty()) {
    Known& entry = state_->known.at(*state_->untold.begin());
    state_->untold.erase(state_->untold.begin());
    entry.told = now;
    taken.push_back(entry.device);
  }
  return taken;
}

void Devices::put_back_untold(const std::vector<Device>& devices) {
  const std::lock_guard lock(state_->mutex);
  for (const Device& device : devices) state_->untold.insert(device.id);
}

void Devices::tell_all_again() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [id, entry] : state_->known) state_->untold.insert(id);
}

std::size_t Devices::untold() const {
  const std::lock_guard lock(state_->mutex);
  return state_->untold.size();
}

bool Devices::is_blocked(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  return state_->blocked.contains(id);
}

void Devices::set_blocked(std::set<std::string> ids) {
  const std::lock_guard lock(state_->mutex);
  state_->blocked = std::move(ids);
  state_->blocked_is_new = true;
}

std::string Devices::blocked_digest() const {
  const std::lock_guard lock(state_->mutex);
  return wire::digest_of_ids(state_->blocked);
}

void Devices::State::write_blocked() {
  std::set<std::string> ids;
  {
    const std::lock_guard lock(mutex);
    if (!blocked_is_new) return;
    ids = blocked;
  }
  store->write([&] {
    store->run("DELETE FROM blocked_collectors");
    for (const std::string& id : ids) store->run("INSERT INTO blocked_collectors (id) VALUES (?)", {id});
  });
  const std::lock_guard lock(mutex);
  blocked_is_new = blocked != ids;
}

void Devices::flush() {
  if (!state_->is_read) state_->read();
  state_->write_blocked();
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
            "INSERT INTO devices (id, public_key, facts, first_seen, last_seen, anchors) VALUES (?,?,?,?,?,?) "
            "ON CONFLICT (id) DO UPDATE SET facts=excluded.facts, last_seen=excluded.last_seen, "
            "anchors=excluded.anchors",
            {device.id, entry.public_key, device.facts.host.empty() ? std::string() : wire::to_json(device.facts),
             seconds_of(device.first_seen), seconds_of(device.last_seen), to_text(device.anchoring)});
      }
    });
  } catch (const Failure&) {
    const std::lock_guard lock(state_->mutex);
    for (const Known& entry : batch) state_->changed.insert(entry.device.id);  // tried again with the next flush
    throw;
  }
}

}  // namespace chancery::engine
