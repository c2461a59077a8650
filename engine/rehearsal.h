// A rehearsal among an engine's collectors (C4): all that are connected are asked at once, each judges for itself, and
// who says nothing is judged from its last report (rehearsal_prediction.h).
//
//   CollectorRehearsal rehearsal(asking, devices, system_now);
//   rehearsal::Report report = rehearsal.ask(question, standing);       // waits, at most question.deadline
//   rehearsal.take(id, verdict);                                         // from the channel, as answers come
//
// The question is encoded once; the channel's loop sends at most 256 of it at a time and serves everybody else in
// between; what is kept of a collector while it is asked is its id and its answer. `live` questions are spread over two
// thirds of the time that is given. Thread safe: ask() from threads of the control socket and of HTTP, several at once.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"
#include "appliance/wire/channel_server.h"
#include "appliance/wire/rehearsal_messages.h"
#include "engine/devices.h"

namespace chancery::engine {

// Which collectors a question is for.
struct Concerned {
  std::set<std::string> endpoints;  // sessions of these; empty: all
  std::set<std::string>
      presented_others;  // SHA-256 of leaves that do not change: who saw one of them last is not meant
  bool about_portal = false;
};

class CollectorRehearsal {
 public:
  // Runs `task` for every session of a collector that was let in, on the channel's thread, soon.
  using Task = std::function<void(wire::Session& session, const std::string& id)>;
  using Asking = std::function<void(Task task)>;
  CollectorRehearsal(Asking asking, const Devices& devices, Clock clock);
  ~CollectorRehearsal();

  [[nodiscard]] rehearsal::Report ask(const rehearsal::Question& question, const Concerned& concerned);
  void take(const std::string& id, const wire::Verdict& verdict);
  // To be called before a generation is put in force: a live question afterwards misses whoever has gone since.
  void remember_connected();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::engine
