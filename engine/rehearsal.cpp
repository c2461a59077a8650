#include "engine/rehearsal.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "appliance/wire/collector_messages.h"
#include "engine/rehearsal_demands.h"
#include "engine/rehearsal_prediction.h"
#include "keystore/bytes/secret.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr std::size_t questions_a_turn = 256;
constexpr std::size_t devices_a_page = 1000;
constexpr std::size_t most_at_once = 4;
constexpr std::size_t connections_a_second = 200;
constexpr std::chrono::milliseconds between_looks{100};

struct Answer {
  bool is_there = false;
  std::string reason;
  std::string name;
  std::string detail;
};

// One question under way.
struct Round {
  std::string id;
  std::string text;  // as it is sent, the same for everybody
  Concerned concerned;
  std::size_t most = std::numeric_limits<std::size_t>::max();  // that are asked
  std::set<std::string> missing;                               // were connected before the change, and are not now
  bool needs_no_answer = false;                                // the engine itself can tell (rehearsal_demands.h)
  bool looks_for_plain = false;

  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_set<std::uint64_t> sessions;       // that were asked
  std::unordered_map<std::string, Answer> answers;  // by collector
  std::unordered_set<std::string> plain;            // collectors without TLS
  std::size_t answered = 0;
  std::size_t left_in_turn = 0;
  bool turn_is_over = false;
  bool is_incomplete = false;  // the turn's share was used up
};

// Lives as long as somebody runs the turn's task: the channel may have several loops.
class Turn {
 public:
  explicit Turn(std::shared_ptr<Round> round) : round_(std::move(round)) {
    const std::lock_guard lock(round_->mutex);
    round_->left_in_turn = questions_a_turn;
    round_->turn_is_over = round_->is_incomplete = false;
  }
  ~Turn() {
    const std::lock_guard lock(round_->mutex);
    round_->turn_is_over = true;
    round_->changed.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  void ask(wire::Session& session, const std::string& id) const {
    if (!round_->concerned.endpoints.empty() && !round_->concerned.endpoints.contains(session.endpoint())) return;
    if (round_->needs_no_answer) return note(session, id);
    const bool is_plain = round_->looks_for_plain && session.connection().is_plain();
    {
      const std::lock_guard lock(round_->mutex);
      if (round_->sessions.contains(session.number()) || round_->answers.size() >= round_->most) return;
      if (round_->left_in_turn == 0) {
        round_->is_incomplete = true;
        return;
      }
      --round_->left_in_turn;
      round_->sessions.insert(session.number());
      round_->answers.try_emplace(id);
      if (is_plain) round_->plain.insert(id);
    }
    session.send(round_->text);
  }

 private:
  void note(const wire::Session& session, const std::string& id) const {
    const bool is_plain = round_->looks_for_plain && session.connection().is_plain();
    const std::lock_guard lock(round_->mutex);
    if (is_plain) round_->plain.insert(id);
    if (round_->answers.try_emplace(id, Answer{.is_there = true, .reason = wire::would_trust, .name = "", .detail = ""})
            .second)
      ++round_->answered;
  }

  std::shared_ptr<Round> round_;
};

// All at once where they are few; of more than can come in time, so many as can.
int spread_of(const rehearsal::Question& question, std::size_t connected) {
  const auto room = std::chrono::duration_cast<std::chrono::seconds>(question.deadline * 2 / 3).count();
  return static_cast<int>(std::min<std::int64_t>(room, static_cast<std::int64_t>(connected / connections_a_second)));
}

wire::Rehearsal message_of(const rehearsal::Question& question, const std::string& id, bool about_portal,
                           std::size_t connected) {
  wire::Rehearsal message{.id = id, .about = about_portal ? "portal" : "server"};
  for (const Certificate& certificate : question.chain) message.chain.push_back(certificate.der());
  message.without = question.without;
  message.minimum_protocol = question.minimum_protocol;
  message.client_certificate = question.client_certificate;
  message.live = question.live;
  if (question.live) message.within_seconds = spread_of(question, connected);
  return message;
}

rehearsal::Entry entry_of(const Device& device, const Answer& answer) {
  return {.who = device.id,
          .kind = "collector",
          .reason = answer.reason,
          .name = device.facts.host,
          .calls = answer.name,
          .detail = answer.detail};
}

rehearsal::Prediction predicted_by(const Demand& demand) {
  switch (demand.kind) {
    case Demand::Kind::refused:
      return rehearsal::Prediction::would_break;
    case Demand::Kind::unknown:
      return rehearsal::Prediction::unknown;
    default:
      return rehearsal::Prediction::would_trust;
  }
}

void follow(rehearsal::Silent& silent, const Demand& demand) {
  silent.predicted = predicted_by(demand);
  silent.entry.reason = demand.reason;
  if (!demand.detail.empty()) silent.entry.detail = demand.detail;
}

// It is here, and what would become of it is not known for certain, or nothing that it is asked.
rehearsal::Silent set_apart(const Device& device, const Demand& demand) {
  rehearsal::Silent silent{.entry = entry_of(device, {}), .last_seen = device.last_seen.time_since_epoch().count()};
  follow(silent, demand);
  return silent;
}

}  // namespace

struct CollectorRehearsal::State {
  Asking asking;
  const Devices& devices;
  Clock clock;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Round>> rounds;
  std::set<std::string> connected_before;

  std::shared_ptr<Round> begin(const rehearsal::Question& question, const Concerned& concerned) {
    auto round = std::make_shared<Round>();
    round->id = to_hex(view_of(random_secret(8)));
    round->text = wire::to_json(message_of(question, round->id, concerned.about_portal, devices.connected()));
    round->concerned = concerned;
    round->needs_no_answer = Demands::are_all(question);
    round->looks_for_plain = question.demands_tls;
    if (question.live) {
      round->most = connections_a_second * static_cast<std::size_t>(1 + spread_of(question, devices.connected()));
      round->missing = gone_since();
    }
    const std::lock_guard lock(mutex);
    if (rounds.size() >= most_at_once) {
      throw Failure({.code = "busy",
                     .subject = "rehearsal",
                     .cause = "several rehearsals are under way already",
                     .hint = "try again in a few seconds"});
    }
    rounds[round->id] = round;
    return round;
  }
  std::set<std::string> gone_since() {
    std::set<std::string> gone;
    {
      const std::lock_guard lock(mutex);
      gone = connected_before;
    }
    std::erase_if(gone, [this](const std::string& id) { return devices.is_connected(id); });
    return gone;
  }
  // They are on their way back, perhaps.
  void await_missing(Round& round, std::chrono::steady_clock::time_point until) const {
    while (true) {
      std::erase_if(round.missing, [this](const std::string& id) { return devices.is_connected(id); });
      if (round.missing.empty() || std::chrono::steady_clock::now() + between_looks >= until) return;
      std::this_thread::sleep_for(between_looks);
    }
  }
  void end(const Round& round) {
    const std::lock_guard lock(mutex);
    rounds.erase(round.id);
  }

  // Asks everybody, a share at a time, and waits for the answers.
  void run(const std::shared_ptr<Round>& round, std::chrono::steady_clock::time_point until) const {
    bool is_begun = false;
    while (true) {
      if (!is_begun || round->is_incomplete) {
        is_begun = true;
        const auto turn = std::make_shared<Turn>(round);
        asking([turn](wire::Session& session, const std::string& id) { turn->ask(session, id); });
      }
      std::unique_lock lock(round->mutex);
      if (!round->changed.wait_until(lock, until, [&] { return round->turn_is_over; })) return;
      if (round->is_incomplete) continue;
      round->changed.wait_until(lock, until, [&] { return round->answered == round->answers.size(); });
      return;
    }
  }

  rehearsal::Report result(Round& round, const rehearsal::Question& question) const {
    rehearsal::Report report;
    Predictor predictor(question, clock());
    Demands demands(question, round.concerned.about_portal);
    std::vector<Device> page;
    for (std::size_t offset = 0; offset == 0 || page.size() == devices_a_page; offset += devices_a_page) {
      page = devices.list(offset, devices_a_page);
      for (const Device& device : page) judge(report, round, question, device, {predictor, demands});
    }
    return report;
  }

  struct Judges {
    Predictor& predictor;
    Demands& demands;
  };

  void judge(rehearsal::Report& report, Round& round, const rehearsal::Question& question, const Device& device,
             const Judges& judges) const {
    Predictor& predictor = judges.predictor;
    std::unique_lock lock(round.mutex);
    const auto found = round.answers.find(device.id);
    const bool was_asked = found != round.answers.end();
    Answer answer = was_asked ? found->second : Answer{};
    const bool was_plain = round.plain.contains(device.id);
    lock.unlock();
    // Collectors that are asked say so themselves.
    if (round.needs_no_answer && round.concerned.about_portal && device.facts.portal_name.empty()) return;
    if (answer.is_there) {
      if (answer.reason == wire::unconcerned) return;
      ++report.asked;
      const Demand demand = answer.reason == wire::would_trust ? judges.demands.of(device, was_plain) : Demand{};
      if (demand.kind == Demand::Kind::unknown || demand.kind == Demand::Kind::elsewhere) {
        report.silent.push_back(set_apart(device, demand));
        return;
      }
      if (demand.kind == Demand::Kind::refused) answer = {true, demand.reason, answer.name, demand.detail};
      if (answer.reason == wire::would_trust) {
        ++report.would_trust;
      } else {
        report.would_break.push_back(entry_of(device, answer));
      }
      return;
    }
    if (!was_asked && !predictor.concerns(device, round.concerned)) return;
    // After the change only those count that are connected, or were before it.
    if (question.live && !was_asked && !round.missing.contains(device.id)) return;
    // It is connected to an endpoint that nothing happens to.
    if (!was_asked && device.connected && !round.concerned.endpoints.empty()) return;
    if (devices.is_blocked(device.id)) return;
    ++report.asked;
    rehearsal::Silent silent = predictor.predict(device, round.concerned);
    if (silent.predicted == rehearsal::Prediction::would_trust) follow(silent, judges.demands.of(device, was_plain));
    report.silent.push_back(std::move(silent));
  }
};

CollectorRehearsal::CollectorRehearsal(Asking asking, const Devices& devices, Clock clock)
    : state_(new State{.asking = std::move(asking),
                       .devices = devices,
                       .clock = std::move(clock),
                       .mutex = {},
                       .rounds = {},
                       .connected_before = {}}) {}

CollectorRehearsal::~CollectorRehearsal() = default;

rehearsal::Report CollectorRehearsal::ask(const rehearsal::Question& question, const Concerned& concerned) {
  const auto until = std::chrono::steady_clock::now() + question.deadline;
  const std::shared_ptr<Round> round = state_->begin(question, concerned);
  try {
    state_->run(round, until);
    state_->await_missing(*round, until);
    state_->end(*round);
    return state_->result(*round, question);
  } catch (...) {
    state_->end(*round);
    throw;
  }
}

void CollectorRehearsal::remember_connected() {
  std::set<std::string> connected = state_->devices.connected_ids();
  const std::lock_guard lock(state_->mutex);
  state_->connected_before = std::move(connected);
}

void CollectorRehearsal::take(const std::string& id, const wire::Verdict& verdict) {
  std::shared_ptr<Round> round;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->rounds.find(verdict.id);
    if (found == state_->rounds.end()) return;  // too late, or nobody has asked
    round = found->second;
  }
  const std::lock_guard lock(round->mutex);
  const auto found = round->answers.find(id);
  if (found == round->answers.end() || found->second.is_there) return;
  found->second = {.is_there = true, .reason = verdict.reason, .name = verdict.name, .detail = verdict.detail};
  ++round->answered;
  if (round->answered == round->answers.size()) round->changed.notify_all();
}

}  // namespace chancery::engine
