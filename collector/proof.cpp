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

}  // namespace

void prove(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
           const SecretBytes& customer_key, const std::string& root, int stop_descriptor) {
  Dialogue dialogue(server, context, stop_descriptor);
  // Our contexts keep no sessions; a resumed one would show no certificate, and so prove nothing.
  if (dialogue.link().was_resumed() || !dialogue.link().peer_verified()) {
    throw not_proven(dialogue, "not-proven", "the handshake was not a full, verified one");
  }
  dialogue.greet(identity);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    wire::Message message;
    const Dialogue::Event event = dialogue.wait(until, message);
    if (event == Dialogue::Event::stop) throw not_proven(dialogue, "stopped", "this collector is being stopped");
    if (event == Dialogue::Event::time || std::chrono::steady_clock::now() >= until) {
      throw not_proven(dialogue, "timeout", "the server did not take the proof in time");
    }
    if (std::holds_alternative<wire::Admission>(message)) {
      dialogue.answer_admission(customer_key);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      dialogue.expect_proof(customer_key, welcome->proof);
      dialogue.send(wire::Proof{root});
    } else if (const auto* noted = std::get_if<wire::Proof>(&message); noted != nullptr && noted->root == root) {
      return;
    } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
      throw not_proven(dialogue, refused->code, "the server refused: " + refused->message);
    }
  }
}

}  // namespace chancery::collector
