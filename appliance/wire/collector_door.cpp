#include "appliance/wire/collector_door.h"

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
  if (keeper_->is_known(id_)) {
    state_ = State::open;
    return {.reply = std::nullopt, .opened = true, .refused = false};
  }
  if (keeper_->too_busy) {
    if (const auto later = keeper_->too_busy()) return {.reply = *later, .opened = false, .refused = true};
  }
  public_key_ = hello.public_key;
  state_ = State::admission;
  return {.reply = Admission{}, .opened = false, .refused = false};
}

DoorAnswer CollectorDoor::take_admission(const Admission& admission) {
  const Bytes expected = customer_key_proof(keeper_->customer_key(), transcript(Speaker::collector));
  if (!secret_equal(expected, admission.proof)) {
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

Bytes CollectorDoor::server_proof() const {
  return customer_key_proof(keeper_->customer_key(), transcript(Speaker::server));
}

void set_door(Session& session, const std::shared_ptr<const DoorKeeper>& keeper) {
  session.owner_state = std::make_shared<CollectorDoor>(keeper, session);
}

CollectorDoor& door_of(Session& session) { return *static_cast<CollectorDoor*>(session.owner_state.get()); }

}  // namespace chancery::wire
