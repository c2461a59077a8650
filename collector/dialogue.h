// One session with a server of the collector channel: what is sent and awaited on one connection, and who we are there.
//
//   Dialogue dialogue(server, context, stop_descriptor);
//   dialogue.greet(identity);                                  // hello
//   if (dialogue.wait(until, message) == Dialogue::Event::message) …
//
// answer_admission and expect_proof are the two proofs of the Customer Key, ours and theirs. A ping is answered here.
// Dialogue::plain speaks without TLS (wire/plain_text.h): greet() then exchanges nonces first, nothing is protected, and
// whoever calls says so in the log. Failures of tls/connection.h and wire; "closed" when the server ends it,
// "customer-key-wrong", "timeout", "stopped". Thread safety: one thread.
#pragma once

#include "appliance/tls/connection.h"
#include "appliance/wire/collector_messages.h"
#include "appliance/wire/frames.h"
#include "appliance/wire/plain_text.h"
#include "collector/customer_keyring.h"
#include "collector/own_identity.h"

namespace chancery::collector {

class Dialogue {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  enum class Event { message, time, stop, woken };

  // Connects and shakes hands; whether the server verifies is the context's matter.
  Dialogue(const tls::Target& server, const tls::ClientContext& context, int stop_descriptor);
  [[nodiscard]] static Dialogue plain(const tls::Target& server, int stop_descriptor);

  // Readable when there is something else to look at: wait() then returns `woken`, and whoever calls reads it empty.
  void wake_by(int descriptor) { wake_ = descriptor; }
  void greet(const OwnIdentity& identity, const CustomerKeyring& customer_keys);
  void answer_admission(const CustomerKeyring& customer_keys, const wire::Admission& asked);
  void expect_proof(const CustomerKeyring& customer_keys, const Bytes& proof) const;

  // The Customer Key that a server hands down (wire/customer_key_messages.h), unmasked.
  SecretBytes unmasked(const wire::NewKey& message) const;

  void send(const wire::Message& message);
  // Waits for one message, until `until` at the latest, or until the stop or the wake descriptor becomes readable.
  Event wait(SteadyTime until, wire::Message& message);
  const tls::Connection& link() const { return link_; }

 private:
  Dialogue(tls::Connection link, std::string host, int stop_descriptor);
  Event wait_readable(SteadyTime until) const;
  void exchange_nonces();
  Bytes transcript(wire::Speaker speaker) const;

  tls::Connection link_;
  wire::PlainNonces nonces_;  // in plain text only
  int stop_;
  int wake_ = -1;
  std::string host_;
  std::string id_;
  wire::FrameReader frames_;
};

}  // namespace chancery::collector
