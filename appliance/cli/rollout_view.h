// A rollout for people and scripts: a bar on a terminal, a line for each event where stderr is none, JSON lines with
// --events, and at the end a table or the one document of --json.
//
//   RolloutView view(session);   view.begin(reply);   view.show(reply) …   return view.finish(reply, false);
//
// Events go to stderr, as everything that is not the answer. Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "appliance/cli/session.h"

namespace chancery::cli {

class RolloutView {
 public:
  explicit RolloutView(Session& session);
  void begin(const nlohmann::json& rollout);
  void show(const nlohmann::json& rollout);  // the events since the last one
  // The exit code: 0 done, or taken back by a person's wish; 1 taken back because something failed; 3 somebody is stuck.
  [[nodiscard]] int finish(const nlohmann::json& rollout, bool was_to_stop);

 private:
  void draw(const nlohmann::json& rollout);
  void clear();
  Session& session_;
  bool has_events_;
  bool has_bar_;
};

// What the members' preflights said: a refusal (exit 1) or the plan of a dry run.
[[nodiscard]] int show_rollout_preflight(Session& session, const nlohmann::json& reply);
[[nodiscard]] int show_rollout_plan(Session& session, const nlohmann::json& reply);
[[nodiscard]] int show_rollouts(Session& session, const nlohmann::json& reply);

}  // namespace chancery::cli
