#include "appliance/repair/repair_keys.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::repair {

namespace {

using nlohmann::json;

constexpr const char* key_name = "secrets/repair.key";
constexpr const char* next_name = "secrets/repair-next.key";
constexpr const char* succession_name = "secrets/repair-succession.json";
constexpr const char* number_name = "secrets/repair-number";
constexpr std::size_t key_limit = 16384;

PrivateKey key_at(const Folder& state, const char* name) {
  const SecretBytes pem = state.read_secret(name, key_limit);
  return PrivateKey::from_pem(view_of(pem));
}

FileAttributes as_beside(const Folder& state) {
  const auto there = state.status(key_name);
  if (!there) {
    throw Failure({.code = "not-found",
                   .subject = state.path() + "/" + key_name,
                   .cause = "the federation's repair key is not on this appliance",
                   .hint = "it is on the primary (or the single appliance), which made it at init: run this there"});
  }
  return {.mode = 0600, .owner = there->owner, .group = there->group};
}

Failure damaged(const std::string& cause) {
  return Failure({.code = "state-damaged",
                  .subject = succession_name,
                  .cause = cause,
                  .hint = "restore the appliance's secrets from its backup: chancery init --from"});
}

}  // namespace

RepairKeys::RepairKeys(const Folder& state)
    : state_(state), attributes_(as_beside(state)), key_(key_at(state, key_name)) {
  first_ = key_.public_key_der();
  if (!state_.status(succession_name)) return;
  try {
    const json file = json::parse(text_of(state_.read(succession_name, file_limit)));
    first_ = from_base64(file.at("first").get<std::string>());
    for (const json& each : file.at("keys")) {
      succession_.push_back(
          {from_base64(each.at("key").get<std::string>()), from_base64(each.at("signature").get<std::string>())});
    }
  } catch (const std::exception& error) {
    throw damaged(error.what());
  }
  if (succession_.empty() || succession_.back().key == key_.public_key_der()) return;
  // A rotation was cut after its commit.
  if (!state_.status(next_name)) throw damaged("the key that it ends with is gone");
  PrivateKey next = key_at(state_, next_name);
  if (next.public_key_der() != succession_.back().key) throw damaged("the key that it ends with is gone");
  key_ = std::move(next);
  is_cut_ = true;
}

// Whoever writes holds the lock, and so ends what a killed rotation has left.
void RepairKeys::finish_rotation() {
  if (!std::exchange(is_cut_, false)) return;
  state_.rename(next_name, key_name);
}

Bytes RepairKeys::first_key() const { return first_; }

std::uint64_t RepairKeys::last_number() const {
  if (!state_.status(number_name)) return 0;
  const Bytes bytes = state_.read(number_name, 64);
  const std::string_view text = text_of(bytes);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::uint64_t RepairKeys::next_number(Instant now) {
  finish_rotation();
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch().count()));
  const std::uint64_t number = std::max(last_number() + 1, seconds);
  state_.write_atomically(number_name, view_of(std::to_string(number) + "\n"), attributes_);
  return number;
}

void RepairKeys::rotate(const std::string& federation) {
  finish_rotation();
  PrivateKey next = PrivateKey::generate(KeyType::ed25519);
  state_.write_atomically(next_name, view_of(next.to_pem()), attributes_);
  std::vector<Successor> succession = succession_;
  succession.push_back(succeed(key_, federation, next.public_key_der()));
  write_succession(succession, first_);
  state_.rename(next_name, key_name);
  succession_ = std::move(succession);
  key_ = std::move(next);
}

void RepairKeys::write_succession(const std::vector<Successor>& succession, const Bytes& first) const {
  json keys = json::array();
  for (const Successor& each : succession) {
    keys.push_back({{"key", to_base64(each.key)}, {"signature", to_base64(each.signature)}});
  }
  const std::string text = json{{"first", to_base64(first)}, {"keys", std::move(keys)}}.dump(2) + "\n";
  state_.write_atomically(succession_name, view_of(text), attributes_);
}

}  // namespace chancery::repair
