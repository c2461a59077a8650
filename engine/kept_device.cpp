#include "engine/kept_device.h"

#include <algorithm>

#include "engine/anchoring_text.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::engine {

namespace {

constexpr std::size_t tidy_from = 64;
constexpr std::size_t hash_size = 32;

// The one that says `key` already, or a new one; what nobody holds any more goes when it has become as much again.
template <typename Value>
std::shared_ptr<const Value> kept_once(std::unordered_map<std::string, std::weak_ptr<const Value>>& shelf,
                                       const std::string& key, const Value& value) {
  if (shelf.size() >= tidy_from && shelf.size() >= shelf.bucket_count()) {
    std::erase_if(shelf, [](const auto& entry) { return entry.second.expired(); });
  }
  std::weak_ptr<const Value>& place = shelf[key];
  if (auto there = place.lock()) return there;
  auto made = std::make_shared<const Value>(value);
  place = made;
  return made;
}

wire::Facts common_of(const wire::Facts& facts) {
  wire::Facts common = facts;
  common.host.clear();
  common.addresses.clear();
  return common;
}

void append(std::string& run, const std::string& text) {
  const std::size_t size = std::min<std::size_t>(text.size(), 0xffff);
  run.push_back(static_cast<char>(size >> 8));
  run.push_back(static_cast<char>(size & 0xff));
  run.append(text, 0, size);
}

std::string own_of(const wire::Facts& facts) {
  std::string run;
  append(run, facts.host);
  for (const std::string& address : facts.addresses) append(run, address);
  return run;
}

}  // namespace

DeviceId device_id(const std::string& text) {
  if (text.size() != 2 * hash_size || text.find_first_not_of("0123456789abcdef") != std::string::npos) return {text};
  const auto digit = [&text](std::size_t at) { return text[at] <= '9' ? text[at] - '0' : text[at] - 'a' + 10; };
  DeviceId id{std::string(hash_size, '\0')};
  for (std::size_t i = 0; i < hash_size; ++i) id.bytes[i] = static_cast<char>(digit(2 * i) << 4 | digit(2 * i + 1));
  return id;
}

std::string to_text(const DeviceId& id) {
  if (id.bytes.size() != hash_size) return id.bytes;
  return to_hex(ByteView(reinterpret_cast<const std::uint8_t*>(id.bytes.data()), hash_size));
}

std::shared_ptr<const wire::Facts> DeviceShelf::keep(const wire::Facts& common) {
  return kept_once(facts_, wire::to_json(common), common);
}

std::shared_ptr<const Anchoring> DeviceShelf::keep(const Anchoring& anchoring) {
  return kept_once(anchorings_, to_text(anchoring), anchoring);
}

bool KeptDevice::says(const wire::Facts& facts) const {
  return common_ && own_ == own_of(facts) && *common_ == common_of(facts);
}

void KeptDevice::take(const wire::Facts& facts, DeviceShelf& shelf) {
  common_ = shelf.keep(common_of(facts));
  own_ = own_of(facts);
  own_.shrink_to_fit();
}

void KeptDevice::take(const Anchoring& anchoring, DeviceShelf& shelf) { anchoring_ = shelf.keep(anchoring); }

wire::Facts KeptDevice::facts() const {
  if (!common_) return {};
  wire::Facts facts = *common_;
  std::size_t at = 0;
  for (bool is_host = true; at + 2 <= own_.size(); is_host = false) {
    const auto byte = [this](std::size_t place) { return static_cast<std::uint8_t>(own_[place]); };
    const std::size_t size = static_cast<std::size_t>(byte(at)) << 8 | byte(at + 1);
    std::string text = own_.substr(at + 2, size);
    if (is_host) {
      facts.host = std::move(text);
    } else {
      facts.addresses.push_back(std::move(text));
    }
    at += 2 + size;
  }
  return facts;
}

const Anchoring& KeptDevice::anchoring() const {
  static const Anchoring none;
  return anchoring_ ? *anchoring_ : none;
}

const std::string& KeptDevice::customer_key() const {
  static const std::string none;
  return common_ ? common_->customer_key : none;
}

Device KeptDevice::unpack(const DeviceId& id) const {
  return {.id = to_text(id),
          .facts = facts(),
          .first_seen = first_seen,
          .last_seen = last_seen,
          .connected = is_connected(),
          .anchoring = anchoring()};
}

}  // namespace chancery::engine
