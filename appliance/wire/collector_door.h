// Who may come in on the collector channel, as a state machine without a socket: it says what to answer, its owner
// sends.
//
//   (without TLS) expecting nonce -> nonce -> expecting hello
//   expecting hello -> (id blocked) -> refused
//   expecting hello -> (id known) -> open
//   expecting hello -> (id unknown) -> (no room for a new one now) -> later
//   expecting hello -> (id unknown) -> expecting admission -> (Customer Key proven) -> open
//
// After a rotation of the Customer Key the door speaks by the newest key that both sides hold: a former one admits for its
// overlap only, and still lets a collector that is known by its own key know the server.
//
// The hello's signature by the collector's own key and the id (hash of that key) are checked every time; the Customer
// Key only when the id is new, and then the key is registered. An engine that lost its database simply asks for
// admission again. Nothing but the reason of a refusal is told to the peer. Thread safety: one per session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "appliance/membership/customer_keys.h"
#include "appliance/wire/channel_server.h"
#include "appliance/wire/collector_messages.h"
#include "appliance/wire/plain_text.h"

namespace chancery::wire {

// What all doors of a channel need to know; called on a session's thread. Kept once for all of them.
struct DoorKeeper {
  std::function<std::shared_ptr<const CustomerKeys>()> customer_keys;
  std::function<bool(const std::string& id)> is_known;
  std::function<void(const std::string& id, const Bytes& public_key)> enter;
  std::function<bool(const std::string& id)> is_blocked;
  std::function<std::optional<Later>()> too_busy = {};  // for one more that is not known; may be empty
};

struct DoorAnswer {
  std::optional<Message> reply;
  bool opened = false;   // just now: send the welcome (or the assignment)
  bool refused = false;  // send `reply`, then end
};

class CollectorDoor {
 public:
  // `session` is borrowed, and keeps the door.
  CollectorDoor(std::shared_ptr<const DoorKeeper> keeper, const Session& session);
  // Any message before the door is open. Failure("message-invalid") for one that does not fit the state.
  DoorAnswer take(const Message& message);

  bool is_open() const noexcept { return state_ == State::open; }
  const std::string& id() const noexcept { return id_; }
  const std::string& version() const noexcept { return version_; }
  // The server's own proof that it holds the Customer Key: of the newest that this collector holds as well.
  Bytes server_proof() const;
  // For a collector that was let in and holds a former one, the key in force (customer_key_messages.h), once; nullopt for
  // any other, and without TLS. After the server's proof: a collector that is told it knows to whom it talks.
  std::optional<NewKey> new_key();

 private:
  enum class State { nonce, hello, admission, open };
  DoorAnswer take_nonce(const Nonce& nonce);
  DoorAnswer take_hello(const Hello& hello);
  DoorAnswer take_admission(const Admission& admission);
  Bytes transcript(Speaker speaker) const;
  void choose_key(const std::vector<std::string>& held);

  std::shared_ptr<const DoorKeeper> keeper_;
  const Session& session_;
  State state_;
  std::string id_;
  std::string version_;
  std::string key_;                      // the id of the one that is spoken by; "": the one in force, or it told none
  Bytes public_key_;                     // until it is registered
  std::unique_ptr<PlainNonces> nonces_;  // without TLS
};

// A door at a session of a channel, which keeps it as its owner_state.
void set_door(Session& session, const std::shared_ptr<const DoorKeeper>& keeper);
[[nodiscard]] CollectorDoor& door_of(Session& session);  // after set_door

}  // namespace chancery::wire
