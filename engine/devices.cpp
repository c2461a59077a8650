#include "engine/devices.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "engine/anchoring_text.h"
#include "engine/kept_device.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr std::chrono::hours told_life{1};
constexpr std::chrono::seconds written_life{60};  // how old "last seen" may be in the store while nothing else changes
constexpr std::chrono::seconds talk_interval{5};  // how long the store may be left unasked
constexpr std::size_t rows_a_batch = 2000;
constexpr std::size_t most_waiting = 20'000;

Instant instant_of(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }
std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }

}  // namespace

struct Devices::State {
  Clock clock;
  std::unique_ptr<storage::Store> store;
  bool is_read = false;  // used by flush() alone, as is the next
  Instant last_talk{};   // with the store
  mutable std::mutex mutex;
  std::map<DeviceId, KeptDevice> known;
  DeviceShelf shelf;
  std::set<DeviceId> changed;
  std::set<DeviceId> untold;
  std::set<std::string> blocked;
  bool blocked_is_new = false;  // to be written

  // nullptr: it is not known.
  KeptDevice* find(const std::string& text, DeviceId* id = nullptr) {
    const auto found = known.find(device_id(text));
    if (found == known.end()) return nullptr;
    if (id != nullptr) *id = found->first;
    return &found->second;
  }
  void has_news(const DeviceId& id) {
    changed.insert(id);
    untold.insert(id);
  }
  void read();
  void write_blocked();
  bool write_some();
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
    const DeviceId id = device_id(row.text(0));
    const auto [place, is_new] = known.try_emplace(id);
    KeptDevice& entry = place->second;
    if (!is_new) {
      entry.first_seen = std::min(entry.first_seen, first_seen);
      continue;
    }
    if (!row.text(2).empty()) entry.take(std::get<wire::Facts>(wire::parse_message(row.text(2))), shelf);
    entry.first_seen = first_seen;
    entry.last_seen = instant_of(row.integer(4));
    entry.take(anchoring_from_text(row.text(5)), shelf);
    untold.insert(id);
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
  return state_->find(id) != nullptr;
}

void Devices::enter(const std::string& id, const Bytes& public_key) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  const DeviceId key = device_id(id);
  KeptDevice& entry = state_->known[key];
  entry.public_key = public_key;
  entry.first_seen = entry.last_seen = now;
  state_->has_news(key);
}

void Devices::report(const std::string& id, const wire::Facts& facts) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  DeviceId key{};
  KeptDevice* const entry = state_->find(id, &key);
  if (entry == nullptr) return;
  // What says nothing new is written once a minute: 15,000 collectors that report every few seconds are no load.
  const bool is_another = !entry->says(facts);
  if (is_another) entry->take(facts, state_->shelf);
  entry->last_seen = now;
  if (is_another || now - entry->written >= written_life) state_->changed.insert(key);
  if (now - entry->told >= told_life) state_->untold.insert(key);
}

void Devices::session_began(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  if (KeptDevice* const entry = state_->find(id)) ++entry->sessions;
}

void Devices::session_ended(const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  if (KeptDevice* const entry = state_->find(id)) entry->sessions = std::max(0, entry->sessions - 1);
}

std::map<std::string, Instant> Devices::holds(const std::string& id, const wire::Holds& holds) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  DeviceId key{};
  KeptDevice* const entry = state_->find(id, &key);
  if (entry == nullptr) return {};
  Anchoring next{.is_known = true, .needs = holds.needs, .held = holds.held, .proven = entry->anchoring().proven};
  std::erase_if(next.proven,
                [&](const auto& each) { return std::ranges::find(holds.proven, each.first) == holds.proven.end(); });
  entry->last_seen = now;
  if (to_text(next) != to_text(entry->anchoring())) {
    entry->take(next, state_->shelf);
    state_->has_news(key);
  }
  return next.proven;
}

void Devices::proves(const std::string& id, const std::string& root) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  DeviceId key{};
  KeptDevice* const entry = state_->find(id, &key);
  if (entry == nullptr) return;
  Anchoring next = entry->anchoring();
  next.proven[root] = now;
  entry->take(next, state_->shelf);
  state_->has_news(key);
}

std::vector<Device> Devices::list(std::size_t offset, std::size_t limit) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Device> page;
  std::size_t position = 0;
  for (const auto& [id, entry] : state_->known) {
    if (position++ < offset) continue;
    if (page.size() == limit) break;
    page.push_back(entry.unpack(id));
  }
  return page;
}

Devices::Page Devices::page(const std::string& after, std::size_t limit,
                            const std::function<bool(const Device&)>& fits) const {
  const std::lock_guard lock(state_->mutex);
  Page page;
  for (auto entry = state_->known.upper_bound(device_id(after)); entry != state_->known.end(); ++entry) {
    Device device = entry->second.unpack(entry->first);
    if (!fits(device)) continue;
    if (page.devices.size() == limit) {
      page.next = page.devices.back().id;
      break;
    }
    page.devices.push_back(std::move(device));
  }
  return page;
}

std::optional<Device> Devices::find(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  DeviceId key{};
  const KeptDevice* const entry = state_->find(id, &key);
  return entry == nullptr ? std::nullopt : std::optional(entry->unpack(key));
}

std::size_t Devices::count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->known.size();
}

std::size_t Devices::connected() const {
  const std::lock_guard lock(state_->mutex);
  std::size_t number = 0;
  for (const auto& [id, entry] : state_->known) number += entry.is_connected() ? 1U : 0U;
  return number;
}

std::map<std::string, std::int64_t> Devices::key_holders() const {
  constexpr std::size_t most_keys = 8;
  const std::lock_guard lock(state_->mutex);
  std::map<std::string, std::int64_t> holders;
  for (const auto& [id, entry] : state_->known) {
    const std::string& key = entry.customer_key();
    if (key.empty() || (holders.size() >= most_keys && !holders.contains(key))) continue;
    ++holders[key];
  }
  return holders;
}

bool Devices::is_connected(const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const KeptDevice* const entry = state_->find(id);
  return entry != nullptr && entry->is_connected();
}

std::set<std::string> Devices::connected_ids() const {
  const std::lock_guard lock(state_->mutex);
  std::set<std::string> ids;
  for (const auto& [id, entry] : state_->known) {
    if (entry.is_connected()) ids.insert(to_text(id));
  }
  return ids;
}

std::vector<Device> Devices::take_untold(std::size_t limit) {
  const Instant now = state_->clock();
  const std::lock_guard lock(state_->mutex);
  std::vector<Device> taken;
  while (taken.size() < limit && !state_->untold.empty()) {
    const DeviceId id = *state_->untold.begin();
    state_->untold.erase(state_->untold.begin());
    KeptDevice& entry = state_->known.at(id);
    entry.told = now;
    taken.push_back(entry.unpack(id));
  }
  return taken;
}

void Devices::put_back_untold(const std::vector<Device>& devices) {
  const std::lock_guard lock(state_->mutex);
  for (const Device& device : devices) state_->untold.insert(device_id(device.id));
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

bool Devices::is_behind() const {
  const std::lock_guard lock(state_->mutex);
  return state_->changed.size() > most_waiting;
}

void Devices::flush() {
  const Instant now = state_->clock();
  const bool is_recent = state_->is_read && now - state_->last_talk < talk_interval;
  if (!state_->is_read) state_->read();
  state_->write_blocked();
  bool has_talked = false;
  while (state_->write_some()) has_talked = true;
  // A server that is gone is noticed before there is something to lose.
  if (!has_talked && !is_recent) state_->store->rows("SELECT 1");
  if (has_talked || !is_recent) state_->last_talk = now;
}

// One transaction; false when nothing is left.
bool Devices::State::write_some() {
  const Instant now = clock();
  std::vector<std::pair<DeviceId, KeptDevice>> batch;
  {
    const std::lock_guard lock(mutex);
    while (!changed.empty() && batch.size() < rows_a_batch) {
      KeptDevice& entry = known.at(*changed.begin());
      entry.written = now;
      batch.emplace_back(*changed.begin(), entry);
      changed.erase(changed.begin());
    }
  }
  if (batch.empty()) return false;
  try {
    store->write([&] {
      for (const auto& [id, entry] : batch) {
        const Device device = entry.unpack(id);
        store->run(
            "INSERT INTO devices (id, public_key, facts, first_seen, last_seen, anchors) VALUES (?,?,?,?,?,?) "
            "ON CONFLICT (id) DO UPDATE SET facts=excluded.facts, last_seen=excluded.last_seen, "
            "anchors=excluded.anchors",
            {device.id, entry.public_key, device.facts.host.empty() ? std::string() : wire::to_json(device.facts),
             seconds_of(device.first_seen), seconds_of(device.last_seen), to_text(device.anchoring)});
      }
    });
  } catch (const Failure&) {
    const std::lock_guard lock(mutex);
    for (const auto& [id, entry] : batch) changed.insert(id);  // tried again with the next flush
    throw;
  }
  // A key is told from its hash, the id; from here on it is the row that has it.
  const std::lock_guard lock(mutex);
  for (const auto& [id, entry] : batch) {
    if (!changed.contains(id)) known.at(id).public_key = Bytes();
  }
  return true;
}

}  // namespace chancery::engine
