#include "engine/ingest.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

#include "appliance/tls/negotiation.h"
#include "appliance/wire/collector_door.h"

namespace chancery::engine {

namespace {

constexpr std::size_t bytes_a_second = std::size_t{8} * 1024 * 1024;
constexpr std::size_t handshakes_a_second = 200;
constexpr std::size_t longest_spread = 3600;
constexpr std::size_t returns_a_second = 500;  // after this engine has ended
constexpr int busy_pause = 30;
// What is said most often, and needs no parser.
constexpr std::string_view ping = R"({"type":"ping"})";
constexpr std::string_view pong = R"({"type":"pong"})";

// Connections are descriptors, and some are needed for everything else.
std::size_t sessions_for_open_files() {
  constexpr std::size_t reserve = 500;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return reserve;
  return limit.rlim_cur > 2 * reserve ? limit.rlim_cur - reserve : reserve;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace

Ingest::Ingest(IngestOptions options, Devices& devices)
    : options_(std::move(options)), devices_(devices), trust_(std::make_shared<FederationTrust>()) {
  if (options_.most_sessions == 0) options_.most_sessions = sessions_for_open_files();
  keeper_ = std::make_shared<wire::DoorKeeper>(
      wire::DoorKeeper{.customer_keys = options_.customer_keys,
                       .is_known = [this](const std::string& id) { return devices_.is_known(id); },
                       .enter = [this](const std::string& id, const Bytes& key) { devices_.enter(id, key); },
                       .is_blocked = [this](const std::string& id) { return devices_.is_blocked(id); },
                       .too_busy = [this]() -> std::optional<wire::Later> {
                         if (!options_.is_behind || !options_.is_behind()) return std::nullopt;
                         return wire::Later{.after_seconds = busy_pause, .within_seconds = busy_pause};
                       }});
  wire::ChannelHandlers handlers;
  handlers.on_begin = [this](wire::Session& session) { begin(session); };
  handlers.on_frame = [this](wire::Session& session, const std::string& text) {
    wire::CollectorDoor& door = wire::door_of(session);
    if (door.is_open() && text == ping) return session.send(pong);
    const wire::Message message = wire::parse_message(text);
    if (door.is_open()) return take(session, door.id(), message);
    greet(session, door.take(message));
  };
  handlers.on_end = [this](wire::Session& session) {
    told_.erase(session.number());
    const wire::CollectorDoor& door = wire::door_of(session);
    if (!door.is_open()) return;
    devices_.session_ended(door.id());
    if (session.connection().is_plain()) --plain_;
    spdlog::info("[{}] collector {} has gone", session.number(), door.id().substr(0, 16));
  };
  handlers.idle = std::chrono::seconds(options_.interval_seconds) * 6 + std::chrono::seconds(15);
  channel_ = std::make_unique<wire::ChannelServer>(std::move(handlers));
}

// Whoever is here is told to come back, each at a moment of its own, so that the next engine is not stormed.
Ingest::~Ingest() {
  const auto spread = static_cast<int>(1 + channel_->sessions() / returns_a_second);
  const std::string later =
      wire::to_json(wire::Later{.after_seconds = 0, .within_seconds = std::min<int>(spread, longest_spread)});
  channel_->stop([&later](wire::Session& session) {
    session.send(later);
    session.end();
  });
}

void Ingest::begin(wire::Session& session) {
  wire::set_door(session, keeper_);
  if (channel_->sessions() <= options_.most_sessions) return;
  spdlog::warn("[{}] {} is sent away for now: {} sessions are all that this engine may hold", session.number(),
               session.connection().peer_address(), options_.most_sessions);
  session.send(wire::to_json(wire::Later{.after_seconds = busy_pause, .within_seconds = busy_pause}));
  session.end();
}

void Ingest::greet(wire::Session& session, const wire::DoorAnswer& answer) {
  if (answer.reply) session.send(wire::to_json(*answer.reply));
  if (answer.refused) {
    const auto* refused = std::get_if<wire::Refused>(&*answer.reply);
    spdlog::warn("[{}] collector {} refused: {}", session.number(), session.connection().peer_address(),
                 refused != nullptr ? refused->message : "too busy for a new one, it comes back later");
    session.end();
  }
  if (!answer.opened) return;
  wire::CollectorDoor& door = wire::door_of(session);
  const tls::Connection& link = session.connection();
  session.send(wire::to_json(wire::Welcome{options_.server_name, door.server_proof(), options_.interval_seconds}));
  if (const auto key = door.new_key()) session.send(wire::to_json(*key));
  devices_.session_began(door.id());
  if (link.is_plain()) ++plain_;
  spdlog::info("[{}] collector {} accepted from {} [{}{}], id {}", session.number(), session.endpoint(),
               link.peer_address(), link.protocol(), link.is_plain() ? " UNPROTECTED" : "", door.id().substr(0, 16));
  tell(session);
  session.settle();
}

void Ingest::end_plain(const std::function<bool(const std::string& endpoint)>& may_be_plain) {
  if (plain_ == 0) return;
  channel_->for_each([may_be_plain](wire::Session& session) {
    if (!session.connection().is_plain() || may_be_plain(session.endpoint())) return;
    session.send(wire::to_json(wire::Refused{"tls-required", "this endpoint takes no plain text any more"}));
    session.end();
  });
}

void Ingest::adopt(tls::Connection connection, const std::string& endpoint) {
  channel_->adopt(std::move(connection), endpoint);
}

void Ingest::set_trust(FederationTrust trust) {
  const std::lock_guard lock(mutex_);
  // A generation that changes none of it (a certificate of the console, a profile) is no news to 15,000 collectors.
  if (trust.anchors == trust_->anchors && trust.revocations == trust_->revocations &&
      trust.reached == trust_->reached) {
    return;
  }
  trust_ = std::make_shared<const FederationTrust>(std::move(trust));
  has_news_ = true;
}

std::shared_ptr<const FederationTrust> Ingest::trust() const {
  const std::lock_guard lock(mutex_);
  return trust_;
}

// A collector that is asleep is told when it comes back.
void Ingest::tell_new_key() {
  channel_->for_each([](wire::Session& session) {
    if (const auto key = wire::door_of(session).new_key()) session.send(wire::to_json(*key));
  });
}

void Ingest::tell_news() {
  if (!has_news_.exchange(false)) return;
  const auto left = std::make_shared<std::size_t>(bytes_a_second);
  channel_->for_each([this, left](wire::Session& session) {
    if (!wire::door_of(session).is_open()) return;
    if (*left == 0) {
      has_news_ = true;
      return;
    }
    *left -= std::min(*left, tell(session));
  });
}

void Ingest::end_blocked() {
  channel_->for_each([this](wire::Session& session) {
    const wire::CollectorDoor& door = wire::door_of(session);
    if (!door.is_open() || !devices_.is_blocked(door.id())) return;
    session.send(wire::to_json(wire::Refused{"blocked", "an administrator has blocked this collector"}));
    session.end();
  });
}

void Ingest::for_each(std::function<void(wire::Session& session, const std::string& id)> task) {
  channel_->for_each([task = std::move(task)](wire::Session& session) {
    const wire::CollectorDoor& door = wire::door_of(session);
    if (door.is_open()) task(session, door.id());
  });
}

std::size_t Ingest::tell(wire::Session& session) {
  if (session.connection().is_plain()) return 0;  // nothing that is learned there could be believed
  const auto now = trust();
  Told& told = told_[session.number()];
  if (told.trust == now || now->anchors.empty()) return 0;
  if (!told.trust || told.trust->revocations != now->revocations) told.lists = false;
  told.trust = now;
  session.send(now->anchors);  // answered by what it holds, its lists among it
  return now->anchors.size() + (told.lists ? 0 : now->revocations.size());
}

void Ingest::take(wire::Session& session, const std::string& id, const wire::Message& message) {
  if (const auto* facts = std::get_if<wire::Facts>(&message)) {
    wire::Facts told = *facts;
    told.offer = tls::to_text(tls::offer_of(session.connection()));
    devices_.report(id, told);
  } else if (const auto* holds = std::get_if<wire::Holds>(&message)) {
    take_holds(session, id, *holds);
  } else if (const auto* proof = std::get_if<wire::Proof>(&message)) {
    take_proof(session, id, *proof);
  } else if (std::holds_alternative<wire::Ping>(message)) {
    session.send(pong);
  } else if (const auto* moved = std::get_if<wire::Moved>(&message)) {
    spdlog::info("[{}] collector {} and its move: {}{}", session.number(), id.substr(0, 16), moved->state,
                 moved->reason.empty() ? "" : ", " + moved->reason);
  } else if (const auto* verdict = std::get_if<wire::Verdict>(&message)) {
    if (options_.on_verdict) options_.on_verdict(id, *verdict);
  }
}

void Ingest::take_holds(wire::Session& session, const std::string& id, const wire::Holds& holds) {
  const auto proven = devices_.holds(id, holds);
  const auto found = told_.find(session.number());
  if (found == told_.end() || !found->second.trust) return;
  const FederationTrust& told = *found->second.trust;
  const bool lacks_lists =
      std::ranges::any_of(told.lists, [&](const std::string& list) { return !contains(holds.lists, list); });
  // Once for each session: what it could not take then it cannot take now.
  if (lacks_lists && !holds.held.empty() && !found->second.lists) {
    session.send(told.revocations);
    found->second.lists = true;
  }

  const auto reached = told.reached.find(session.endpoint());
  if (!told.is_rotating || reached == told.reached.end()) return;
  wire::Prove prove;
  for (const std::string& root : reached->second) {
    if (contains(holds.held, root) && !proven.contains(root)) prove.roots.push_back(root);
  }
  if (prove.roots.empty()) return;
  prove.within_seconds = static_cast<int>(std::min(longest_spread, devices_.connected() / handshakes_a_second));
  session.send(wire::to_json(prove));
}

// The collector's word counts for what it checked; ours for what we can see: a full handshake on this very session, and
// a chain that ends at that root.
void Ingest::take_proof(wire::Session& session, const std::string& id, const wire::Proof& proof) {
  const auto now = trust();
  const auto reached = now->reached.find(session.endpoint());
  const tls::Connection& link = session.connection();
  if (link.is_plain() || link.was_resumed() || reached == now->reached.end() ||
      !contains(reached->second, proof.root)) {
    session.send(wire::to_json(wire::Refused{"not-proven", "what was served here does not end at that root"}));
    session.end();
    return;
  }
  devices_.proves(id, proof.root);
  spdlog::info("[{}] collector {} has proven the root {}", session.number(), id.substr(0, 16),
               proof.root.substr(0, 16));
  session.send(wire::to_json(proof));
}

}  // namespace chancery::engine
