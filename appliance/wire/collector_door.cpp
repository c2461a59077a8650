#include "appliance/wire/collector_door.h"

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {

DoorAnswer refuse(const char* code, const char* message) {
  return {.reply = Refused{code, message}, .opened = false, .refused = true};
}

}  // namespace

CollectorDoor::CollectorDoor(std::shared_ptr<const DoorKeeper> keeper, const Session& session)
    : keeper_(std::move(keeper)),
      session_(session),
      state_(session.connection().is_plain() ? State::nonce : State::hello) {}

DoorAnswer CollectorDoor::take(const Message& message) {
  if (state_ == State::nonce) {
    if (const auto* nonce = std::get_if<Nonce>(&message)) return take_nonce(*nonce);
  } else if (state_ == State::hello) {
    if (const auto* hello = std::get_if<Hello>(&message)) return take_hello(*hello);
  } else if (state_ == State::admission) {
    if (const auto* admission = std::get_if<Admission>(&message)) return take_admission(*admission);
  }
  throw Failure({.code = "message-invalid",
                 .subject = "collector channel",
                 .cause = "a message came out of turn",
                 .hint = "a collector says hello first (without TLS a nonce before), and proves the Customer Key when "
                         "asked to"});
}

DoorAnswer CollectorDoor::take_nonce(const Nonce& nonce) {
  nonces_ = std::make_unique<PlainNonces>(PlainNonces{.collector = nonce.value, .server = fresh_nonce()});
  state_ = State::hello;
  return {.reply = Nonce{nonces_->server}, .opened = false, .refused = false};
}

DoorAnswer CollectorDoor::take_hello(const Hello& hello) {
  if (hello.public_key.empty() || to_hex(sha256(hello.public_key)) != hello.id) {
    return refuse("id-invalid", "the id is not the hash of the key");
  }
  id_ = hello.id;
  if (!verify_signature(hello.public_key, transcript(Speaker::collector), hello.signature)) {
    return refuse("signature-invalid", "the hello is not signed by the key it names");
  }
  if (keeper_->is_blocked(id_)) return refuse("blocked", "an administrator has blocked this collector");
  version_ = hello.version;
  choose_key(hello.customer_keys);
  if (keeper_->is_known(id_)) {
    state_ = State::open;
    return {.reply = std::nullopt, .opened = true, .refused = false};
  }
  if (keeper_->too_busy) {
    if (const auto later = keeper_->too_busy()) return {.reply = *later, .opened = false, .refused = true};
  }
  public_key_ = hello.public_key;
  state_ = State::admission;
  return {.reply = Admission{.proof = {}, .key = key_}, .opened = false, .refused = false};
}

DoorAnswer CollectorDoor::take_admission(const Admission& admission) {
  if (!keeper_->customer_keys()->admits(admission.proof, transcript(Speaker::collector), system_now())) {
    return refuse("customer-key-wrong", "this collector does not hold the Customer Key of this federation");
  }
  keeper_->enter(id_, public_key_);
  public_key_ = Bytes();
  state_ = State::open;
  return {.reply = std::nullopt, .opened = true, .refused = false};
}

Bytes CollectorDoor::transcript(Speaker speaker) const {
  if (nonces_) return plain_transcript(*nonces_, speaker, id_);
  return session_transcript(session_.connection(), speaker, id_);
}

void CollectorDoor::choose_key(const std::vector<std::string>& held) {
  const auto keys = keeper_->customer_keys();
  const auto known = std::ranges::find_if(held, [&](const std::string& id) { return keys->find(id) != nullptr; });
  if (known != held.end()) key_ = *known;
}

Bytes CollectorDoor::server_proof() const {
  const auto keys = keeper_->customer_keys();
  const SecretBytes* key = key_.empty() ? nullptr : keys->find(key_);
  return customer_key_proof(key == nullptr ? keys->current : *key, transcript(Speaker::server));
}

std::optional<NewKey> CollectorDoor::new_key() {
  if (!is_open() || key_.empty() || session_.connection().is_plain()) return std::nullopt;
  const auto keys = keeper_->customer_keys();
  const std::string newest = id_of(keys->current);
  if (key_ == newest) return std::nullopt;
  const SecretBytes mask = session_.connection().exporter(new_key_label, keys->current.size());
  NewKey message{Bytes(keys->current.size())};
  for (std::size_t at = 0; at < mask.size(); ++at) {
    message.masked[at] = static_cast<std::uint8_t>(keys->current[at] ^ mask[at]);
  }
  key_ = newest;
  return message;
}

void set_door(Session& session, const std::shared_ptr<const DoorKeeper>& keeper) {
  session.owner_state = std::make_shared<CollectorDoor>(keeper, session);
}

CollectorDoor& door_of(Session& session) { return *static_cast<CollectorDoor*>(session.owner_state.get()); }

}  // namespace chancery::wire
