#include "collector/uplink.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "collector/host_facts.h"
#include "collector/proof.h"
#include "collector/rehearsal.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;
using SteadyTime = Dialogue::SteadyTime;

constexpr auto answer_patience = 10s;

// Without discovery: what that would find is not known before.
int others_than(const tls::Target& server, const Situation& situation) {
  const auto is_other = [&](const tls::Target& each) { return each.host != server.host || each.port != server.port; };
  const auto listed = std::ranges::count_if(situation.servers, is_other);
  return static_cast<int>(std::min<std::ptrdiff_t>(listed + (situation.portal ? 1 : 0), 1000));
}

wire::Facts facts_of(const Uplink::Parts& parts, const Trust& trust, const tls::Target& server,
                     const tls::Connection& link) {
  wire::Facts facts = host_facts();
  facts.trust_mode = trust.mode;
  facts.trust_roots = trust.roots;
  facts.server_name = compared_name(trust.context, server);
  if (parts.situation.portal) facts.portal_name = parts.situation.portal->name;
  facts.others = others_than(server, parts.situation);
  facts.tags = parts.settings.tags;
  facts.customer_key = parts.customer_keys.ids().front();
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

// One session from the hello on: what falls due, and what each message leads to.
class Conversation {
 public:
  struct Of {
    const tls::Target& server;
    const Trust& trust;
    std::uint64_t number;
    int stop_descriptor;
    const UplinkEvents& events;
  };
  Conversation(const Uplink::Parts& parts, const Of& of, Dialogue& dialogue)
      : parts_(parts),
        of_(of),
        dialogue_(dialogue),
        link_(dialogue.link()),
        facts_(facts_of(parts, of.trust, of.server, link_)),
        is_verified_(link_.peer_verified() && !link_.was_resumed() && of.trust.mode != "none"),
        follower_({.anchors = parts.anchors,
                   .revocations = parts.revocations,
                   .trust = of.trust,
                   .may_learn = link_.peer_verified() && of.trust.mode != "none"}),
        rehearser_({.server = of.server,
                    .portal = parts.situation.portal,
                    .next_trusts = [this] { return next_trusts(); },
                    .identity = parts.identity,
                    .customer_keys = parts.customer_keys,
                    .stop_descriptor = of.stop_descriptor}),
        interval_(parts.settings.report_seconds) {}

  Ending go_on() {
    while (true) {
      wire::Message message;
      const Dialogue::Event event =
          dialogue_.wait(std::min({next_, follower_.next(), rehearser_.next(), next_trial()}), message);
      if (event == Dialogue::Event::stop) return {.stopped = true};
      if (event == Dialogue::Event::woken) {
        if (of_.events.on_woken && of_.events.on_woken()) return {.has_better = true};
        continue;
      }
      const SteadyTime now = std::chrono::steady_clock::now();
      expect_in_time(now);
      const auto ending = event == Dialogue::Event::time ? on_time(now) : on_message(message, now);
      if (ending) return *ending;
    }
  }

 private:
  SteadyTime next_trial() const {
    return proven_ && of_.events.next_trial ? of_.events.next_trial() : SteadyTime::max();
  }

  std::vector<Trust> next_trusts() const {
    std::vector<Situation> situations;
    if (of_.events.next_situations) situations = of_.events.next_situations();
    if (situations.empty()) situations.push_back(parts_.situation);
    std::vector<Trust> trusts;
    for (const Situation& each : situations) {
      trusts.push_back(read_trust(each, wire::collector_protocol, parts_.anchors, parts_.revocations, parts_.is_found));
    }
    return trusts;
  }

  // A server that goes on asking for admission is no better than a silent one.
  void expect_in_time(SteadyTime now) const {
    if (proven_ || now < next_) return;
    throw Failure({.code = "timeout",
                   .subject = link_.peer_address(),
                   .cause = "the server did not accept the hello in time",
                   .hint = "look at the engine's log"});
  }

  std::optional<Ending> on_time(SteadyTime now) {
    if (const auto root = follower_.due(now)) prove_root(*root);
    if (const auto verdict = rehearser_.due(now)) dialogue_.send(*verdict);
    if (now >= next_trial()) {
      const UplinkEvents::Trial trial = of_.events.trial();
      if (trial.say) dialogue_.send(*trial.say);
      if (trial.is_better) return Ending{.has_better = true};
    }
    if (now >= next_) {
      dialogue_.send(facts_);
      next_ = now + interval_;
    }
    return std::nullopt;
  }

  void prove_root(const Certificate& root) {
    const std::string fingerprint = root.fingerprint();
    try {
      prove(of_.server,
            proof_context(parts_.situation, wire::collector_protocol, root, parts_.revocations, parts_.is_found),
            parts_.identity, parts_.customer_keys, fingerprint, of_.stop_descriptor);
      spdlog::info("[{}] the root {} is proven: a full handshake with it alone", of_.number, fingerprint.substr(0, 16));
      dialogue_.send(follower_.proven(fingerprint));
    } catch (const Failure& failure) {
      spdlog::warn("[{}] the root {} is not proven yet: {}", of_.number, fingerprint.substr(0, 16), failure.what());
      follower_.failed(fingerprint, std::chrono::steady_clock::now());
    }
  }

  std::optional<Ending> on_message(const wire::Message& message, SteadyTime now) {
    if (const auto* admission = std::get_if<wire::Admission>(&message)) {
      dialogue_.answer_admission(parts_.customer_keys, *admission);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      take_welcome(*welcome, now);
    } else if (const auto* assignment = std::get_if<wire::Assignment>(&message)) {
      return take_assignment(*assignment);
    } else if (const auto* later = std::get_if<wire::Later>(&message)) {
      spdlog::info("[{}] told to come back in {} to {} s", of_.number, later->after_seconds,
                   later->after_seconds + later->within_seconds);
      return Ending{.later = *later};
    } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
      throw Failure({.code = refused->code,
                     .subject = link_.peer_address(),
                     .cause = "the server refused this collector: " + refused->message,
                     .hint = "look at the engine's log; make the installer anew if the Customer Key is another one"});
    } else if (proven_) {
      take_word(message);
    }
    return std::nullopt;
  }

  void take_welcome(const wire::Welcome& welcome, SteadyTime now) {
    dialogue_.expect_proof(parts_.customer_keys, welcome.proof);
    proven_ = true;
    interval_ = std::min(interval_, std::chrono::seconds(welcome.interval_seconds));
    spdlog::info("[{}] accepted by {}", of_.number, welcome.server);
    of_.events.on_connected(welcome.server, is_verified_, link_.is_plain());
    next_ = now;
  }

  Ending take_assignment(const wire::Assignment& assignment) {
    dialogue_.expect_proof(parts_.customer_keys, assignment.proof);
    spdlog::info("[{}] {} assigns engine {} at {}:{}", of_.number, assignment.server, assignment.name, assignment.host,
                 assignment.port);
    of_.events.on_connected(assignment.server, is_verified_, link_.is_plain());
    return {.engine = tls::Target{assignment.host, assignment.port, assignment.name}};
  }

  // Of a server that has proven itself.
  void take_word(const wire::Message& message) {
    if (const auto* question = std::get_if<wire::Rehearsal>(&message)) {
      if (const auto verdict = rehearser_.take(*question)) dialogue_.send(*verdict);
    } else if (const auto* move = std::get_if<wire::Move>(&message)) {
      const bool may_learn = is_verified_ && of_.events.on_move;
      dialogue_.send(may_learn ? of_.events.on_move(*move) : wire::Moved{wire::moved_refused, "not-verified"});
    } else if (const auto* key = std::get_if<wire::NewKey>(&message)) {
      take_key(*key);
    } else {
      if (const auto answer = follower_.take(message)) dialogue_.send(*answer);
      expect_not_revoked(parts_.revocations, link_);
    }
  }

  // Its mask is of the session, and whoever speaks here has proven a key that we hold.
  void take_key(const wire::NewKey& key) {
    if (link_.is_plain() || !parts_.customer_keys.take(dialogue_.unmasked(key))) return;
    facts_.customer_key = parts_.customer_keys.ids().front();
    spdlog::info("[{}] a new Customer Key has come: {}", of_.number, facts_.customer_key.substr(0, 16));
    next_ = std::chrono::steady_clock::now();
  }

  const Uplink::Parts& parts_;
  Of of_;
  Dialogue& dialogue_;
  const tls::Connection& link_;
  wire::Facts facts_;
  bool is_verified_;
  Follower follower_;
  Rehearser rehearser_;
  std::chrono::seconds interval_;
  bool proven_ = false;
  SteadyTime next_ = std::chrono::steady_clock::now() + answer_patience;
};

}  // namespace

Dialogue Uplink::connect(const tls::Target& server, const Trust& trust, std::uint64_t number,
                         int stop_descriptor) const {
  spdlog::info("[{}] connecting to {}:{} TCP/IP|TLS", number, server.host, server.port);
  try {
    return {server, trust.context, stop_descriptor};
  } catch (const Failure& failure) {
    if (parts_.situation.level != SecurityLevel::none || failure.code() != "tls-handshake") throw;
    spdlog::info("[{}] no TLS: {}; connecting to {}:{} TCP/IP", number, failure.what(), server.host, server.port);
    return Dialogue::plain(server, stop_descriptor);
  }
}

Ending Uplink::run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
                   const UplinkEvents& events) const {
  Dialogue dialogue = connect(server, trust, number, stop_descriptor);
  dialogue.wake_by(events.wake_descriptor);
  const tls::Connection& link = dialogue.link();
  spdlog::info("[{}] connected to {} ({}) [{}{}]", number, link.peer_address(),
               server.name.empty() ? server.host : server.name, link.protocol(),
               link.peer_verified() ? " VERIFIED" : "");
  if (link.is_plain()) {
    spdlog::warn(
        "[{}] UNPROTECTED: {}:{} speaks no TLS, and required-level is None; whoever stands between reads it all",
        number, server.host, server.port);
  }
  dialogue.greet(parts_.identity, parts_.customer_keys);
  return Conversation(parts_, {server, trust, number, stop_descriptor, events}, dialogue).go_on();
}

}  // namespace chancery::collector
