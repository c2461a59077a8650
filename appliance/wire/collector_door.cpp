#include "appliance/wire/collector_door.h"

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {

DoorAnswer refuse(const char* code, const char* message) {
  return {.reply = Refused{code, message}, .opened = false, .refused = true};
}

}  // namespace

DoorAnswer CollectorDoor::take(const Message& message) {
  if (state_ == State::hello) {
    if (const auto* hello = std::get_if<Hello>(&message)) return take_hello(*hello);
  } else if (state_ == State::admission) {
    if (const auto* admission = std::get_if<Admission>(&message)) return take_admission(*admission);
  }
  throw Failure({.code = "message-invalid",
                 .subject = "collector channel",
                 .cause = "a message came out of turn",
                 .hint = "a collector says hello first, and proves the Customer Key when asked to"});
}

DoorAnswer CollectorDoor::take_hello(const Hello& hello) {
  if (hello.public_key.empty() || to_hex(sha256(hello.public_key)) != hello.id) {
    return refuse("id-invalid", "the id is not the hash of the key");
  }
  if (!verify_signature(hello.public_key, keeper_.transcript(Speaker::collector, hello.id), hello.signature)) {
    return refuse("signature-invalid", "the hello is not signed by the key it names");
  }
  if (keeper_.is_blocked(hello.id)) return refuse("blocked", "an administrator has blocked this collector");
  id_ = hello.id;
  version_ = hello.version;
  public_key_ = hello.public_key;
  if (keeper_.is_known(id_)) {
    state_ = State::open;
    return {.reply = std::nullopt, .opened = true, .refused = false};
  }
  state_ = State::admission;
  return {.reply = Admission{}, .opened = false, .refused = false};
}

DoorAnswer CollectorDoor::take_admission(const Admission& admission) {
  const Bytes expected = customer_key_proof(keeper_.customer_key(), keeper_.transcript(Speaker::collector, id_));
  if (!secret_equal(expected, admission.proof)) {
    return refuse("customer-key-wrong", "this collector does not hold the Customer Key of this federation");
  }
  keeper_.enter(id_, public_key_);
  state_ = State::open;
  return {.reply = std::nullopt, .opened = true, .refused = false};
}

Bytes CollectorDoor::server_proof() const {
  return customer_key_proof(keeper_.customer_key(), keeper_.transcript(Speaker::server, id_));
}

void set_door(Session& session, DoorKeeper keeper) {
  keeper.transcript = [&session](Speaker speaker, const std::string& id) {
    return session_transcript(session.connection(), speaker, id);
  };
  session.owner_state = std::make_shared<CollectorDoor>(std::move(keeper));
}

CollectorDoor& door_of(Session& session) { return *static_cast<CollectorDoor*>(session.owner_state.get()); }

}  // namespace chancery::wire
