#include "collector/proof.h"

#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 15s;

Failure not_proven(const Dialogue& dialogue, const std::string& code, const std::string& cause) {
  return Failure({.code = code,
                  .subject = dialogue.link().peer_address(),
                  .cause = cause,
                  .hint = "nothing to do: it is tried again; the engine's log may say more"});
}

wire::Message next_message(Dialogue& dialogue, Dialogue::SteadyTime until) {
  wire::Message message;
  const Dialogue::Event event = dialogue.wait(until, message);
  if (event == Dialogue::Event::stop) throw not_proven(dialogue, "stopped", "this collector is being stopped");
  if (event == Dialogue::Event::time || std::chrono::steady_clock::now() >= until) {
    throw not_proven(dialogue, "timeout", "the server did not take the proof in time");
  }
  if (const auto* refused = std::get_if<wire::Refused>(&message)) {
    throw not_proven(dialogue, refused->code, "the server refused: " + refused->message);
  }
  if (std::holds_alternative<wire::Later>(message)) {
    throw not_proven(dialogue, "busy", "the server is too busy now, or about to go");
  }
  return message;
}

// Until the server has proven itself, as an engine or as a portal.
void enter(Dialogue& dialogue, const OwnIdentity& identity, const CustomerKeyring& customer_keys,
           Dialogue::SteadyTime until) {
  // Our contexts keep no sessions; a resumed one would show no certificate, and so prove nothing.
  if (dialogue.link().was_resumed() || !dialogue.link().peer_verified()) {
    throw not_proven(dialogue, "not-proven", "the handshake was not a full, verified one");
  }
  dialogue.greet(identity, customer_keys);
  while (true) {
    const wire::Message message = next_message(dialogue, until);
    if (const auto* admission = std::get_if<wire::Admission>(&message)) {
      dialogue.answer_admission(customer_keys, *admission);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      return dialogue.expect_proof(customer_keys, welcome->proof);
    } else if (const auto* assignment = std::get_if<wire::Assignment>(&message)) {
      return dialogue.expect_proof(customer_keys, assignment->proof);
    }
  }
}

}  // namespace

void prove(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
           const CustomerKeyring& customer_keys, const std::string& root, int stop_descriptor) {
  Dialogue dialogue(server, context, stop_descriptor);
  const auto until = std::chrono::steady_clock::now() + patience;
  enter(dialogue, identity, customer_keys, until);
  dialogue.send(wire::Proof{root});
  while (true) {
    const wire::Message message = next_message(dialogue, until);
    if (const auto* noted = std::get_if<wire::Proof>(&message); noted != nullptr && noted->root == root) return;
  }
}

void prove_reach(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
                 const CustomerKeyring& customer_keys, int stop_descriptor) {
  Dialogue dialogue(server, context, stop_descriptor);
  enter(dialogue, identity, customer_keys, std::chrono::steady_clock::now() + patience);
}

}  // namespace chancery::collector
