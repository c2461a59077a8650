// One session with a server of the collector channel: what is sent and awaited on one connection, and who we are there.
//
//   Dialogue dialogue(server, context, stop_descriptor);
//   dialogue.greet(identity);                                  // hello
//   if (dialogue.wait(until, message) == Dialogue::Event::message) …
//
// answer_admission and expect_proof are the two proofs of the Customer Key, ours and theirs. Failures of
// tls/connection.h and wire; "closed" when the server ends it, "customer-key-wrong". Thread safety: one thread.
#pragma once

#include "appliance/tls/connection.h"
#include "appliance/wire/collector_messages.h"
#include "appliance/wire/frames.h"
#include "collector/own_identity.h"

namespace chancery::collector {

class Dialogue {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  enum class Event { message, time, stop };

  // Connects and shakes hands; whether the server verifies is the context's matter.
  Dialogue(const tls::Target& server, const tls::ClientContext& context, int stop_descriptor);

  void greet(const OwnIdentity& identity);
  void answer_admission(const SecretBytes& customer_key);
  void expect_proof(const SecretBytes& customer_key, const Bytes& proof) const;

  void send(const wire::Message& message);
  // Waits for one message, until `until` at the latest, or until the stop descriptor becomes readable.
  Event wait(SteadyTime until, wire::Message& message);
  const tls::Connection& link() const { return link_; }

 private:
  Event wait_readable(SteadyTime until) const;

  tls::Connection link_;
  int stop_;
  std::string host_;
  std::string id_;
  wire::FrameReader frames_;
};

}  // namespace chancery::collector
