#include "collector/uplink.h"

#include <spdlog/spdlog.h>

#include "collector/dialogue.h"
#include "collector/host_facts.h"
#include "collector/proof.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;
using SteadyTime = Dialogue::SteadyTime;

constexpr auto answer_patience = 10s;

wire::Facts facts_of(const Trust& trust, const tls::Connection& link) {
  wire::Facts facts = host_facts();
  facts.trust_mode = trust.mode;
  facts.trust_roots = trust.roots;
  if (const auto chain = link.peer_chain(); !chain.empty()) facts.presented = chain.front().fingerprint();
  return facts;
}

void expect_not_revoked(const KeptRevocations& revocations, const tls::Connection& link) {
  for (const Certificate& certificate : link.peer_chain()) {
    if (!revocations.lists(certificate)) continue;
    throw Failure(
        {.code = "revoked",
         .subject = link.peer_address(),
         .cause = "the certificate of this server, " + certificate.subject() + ", was taken back by its CA",
         .hint = "that server must get a new certificate, or join the federation anew, before it is trusted"});
  }
}

}  // namespace

void Uplink::prove_to(const tls::Target& server, const Certificate& root, std::uint64_t number,
                      int stop_descriptor) const {
  prove(server, proof_context(parts_.settings, wire::collector_protocol, root, parts_.revocations), parts_.identity,
        parts_.customer_key, root.fingerprint(), stop_descriptor);
  spdlog::info("[{}] the root {} is proven: a full handshake with it alone", number, root.fingerprint().substr(0, 16));
}

Ending Uplink::run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
                   const UplinkEvents& events) const {
  spdlog::info("[{}] connecting to {}:{} TCP/IP|TLS", number, server.host, server.port);
  Dialogue dialogue(server, trust.context, stop_descriptor);
  const tls::Connection& link = dialogue.link();
  spdlog::info("[{}] connected to {} ({}) [{}{}]", number, link.peer_address(),
               server.name.empty() ? server.host : server.name, link.protocol(),
               link.peer_verified() ? " VERIFIED" : "");
  dialogue.greet(parts_.identity);
  const wire::Facts facts = facts_of(trust, link);
  Follower follower({.anchors = parts_.anchors,
                     .revocations = parts_.revocations,
                     .trust = trust,
                     .may_learn = link.peer_verified() && trust.mode != "none"});

  bool proven = false;
  auto interval = std::chrono::seconds(parts_.settings.report_seconds);
  SteadyTime next = std::chrono::steady_clock::now() + answer_patience;
  while (true) {
    wire::Message message;
    const Dialogue::Event event = dialogue.wait(std::min(next, follower.next()), message);
    if (event == Dialogue::Event::stop) return {.stopped = true, .engine = std::nullopt};
    const SteadyTime now = std::chrono::steady_clock::now();
    // A server that goes on asking for admission is no better than a silent one.
    const bool is_late = !proven && now >= next;
    if (is_late) {
      throw Failure({.code = "timeout",
                     .subject = link.peer_address(),
                     .cause = "the server did not accept the hello in time",
                     .hint = "look at the engine's log"});
    }
    if (event == Dialogue::Event::time) {
      if (const auto root = follower.due(now)) {
        try {
          prove_to(server, *root, number, stop_descriptor);
          dialogue.send(follower.proven(root->fingerprint()));
        } catch (const Failure& failure) {
          spdlog::warn("[{}] the root {} is not proven yet: {}", number, root->fingerprint().substr(0, 16),
                       failure.what());
          follower.failed(root->fingerprint(), std::chrono::steady_clock::now());
        }
      }
      if (now >= next) {
        dialogue.send(facts);
        next = now + interval;
      }
    } else if (std::holds_alternative<wire::Admission>(message)) {
      dialogue.answer_admission(parts_.customer_key);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      dialogue.expect_proof(parts_.customer_key, welcome->proof);
      proven = true;
      interval = std::min(interval, std::chrono::seconds(welcome->interval_seconds));
      spdlog::info("[{}] accepted by {}", number, welcome->server);
      events.on_connected(welcome->server);
      next = now;
    } else if (const auto* assignment = std::get_if<wire::Assignment>(&message)) {
      dialogue.expect_proof(parts_.customer_key, assignment->proof);
      spdlog::info("[{}] {} assigns engine {} at {}:{}", number, assignment->server, assignment->name, assignment->host,
                   assignment->port);
      return {.stopped = false, .engine = tls::Target{assignment->host, assignment->port, assignment->name}};
    } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
      throw Failure({.code = refused->code,
                     .subject = link.peer_address(),
                     .cause = "the server refused this collector: " + refused->message,
                     .hint = "look at the engine's log; make the installer anew if the Customer Key is another one"});
    } else if (proven) {
      if (const auto answer = follower.take(message)) dialogue.send(*answer);
      expect_not_revoked(parts_.revocations, link);
    }
  }
}

}  // namespace chancery::collector
