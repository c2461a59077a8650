// chancery federation rollout --undo: a rollout that is over is taken back whole. Every member is asked first whether it
// could go back; then rollout-step does it, the last wave first, as it does a rollout. Each member restores the backup set
// that its own replace made (orders.cpp), through its own transaction; one that was changed since refuses.
#include <algorithm>

#include "appliance/manager/rollout_parts.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;

bool has_it(const RolloutMember& member) {
  return (member.state == "replaced" || member.state == "stuck") && !member.is_restored;
}

// The one that is named, or the newest.
Rollout wanted(const Bench& bench, const std::string& id) {
  if (!id.empty() && id != "last") return RolloutJournal::read(bench.state, id);
  const std::vector<std::string> ids = RolloutJournal::ids(bench.state);
  if (!ids.empty()) return RolloutJournal::read(bench.state, ids.front());
  throw Failure({.code = "unknown-rollout",
                 .subject = bench.appliance.name,
                 .cause = "there was no rollout yet",
                 .hint = "chancery federation rollout --status shows those that there were"});
}

void leave(Rollout& rollout, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = std::ranges::find(rollout.members, name, &RolloutMember::name);
    if (found == rollout.members.end()) {
      throw Failure({.code = "unknown-member",
                     .subject = name,
                     .cause = "this rollout has no member of this name",
                     .hint = "chancery federation rollout --status shows its members"});
    }
    found->is_left = true;
  }
}

json ask(Bench& bench, const RolloutRoster& roster, std::vector<RolloutMember*> members) {
  const OrderCourier courier(bench, std::nullopt, {}, question_patience);
  json answers = json::array();
  for (std::size_t from = 0; from < members.size(); from += members_at_once) {
    const std::size_t to = std::min(from + members_at_once, members.size());
    const std::vector<RolloutMember*> batch(members.begin() + static_cast<std::ptrdiff_t>(from),
                                            members.begin() + static_cast<std::ptrdiff_t>(to));
    std::vector<Order> orders;
    for (const RolloutMember* member : batch) {
      json question = undo_of(*member);
      question["dry_run"] = true;
      orders.push_back(order_to(bench, *member, to_hex(view_of(random_secret(federation::order_id_size))), 0,
                                "order-undo", question, {}));
    }
    std::vector<RolloutAnswer> told;
    try {
      told = tell(bench, courier, roster, batch, orders);
    } catch (const Failure& failure) {
      told.assign(batch.size(), RolloutAnswer{.failure = failure});
    }
    for (std::size_t i = 0; i < batch.size(); ++i) answers.push_back(judged(*batch[i], told[i]));
  }
  return answers;
}

}  // namespace

json rollout_undo(Bench& bench, Call& call) {
  const RolloutRoster roster = RolloutRoster::read(bench);  // Failure("not-a-primary") on a secondary
  Rollout rollout = wanted(bench, call.text_or("id", ""));
  if (const auto unfinished = RolloutJournal::unfinished(bench.state)) {
    if (unfinished->id == rollout.id && rollout.state == "undoing" && !call.flag("dry_run")) {
      return view_of_rollout(rollout, {});
    }
    throw Failure({.code = "rollout-unfinished",
                   .subject = unfinished->id,
                   .cause = "a rollout is under way",
                   .hint = "go on with it: chancery federation rollout --resume; or take its wave back: --stop"});
  }
  for (RolloutMember& member : rollout.members) member.is_left = false;
  leave(rollout, call.list("without"));
  std::vector<RolloutMember*> back;
  for (RolloutMember& member : rollout.members) {
    if (has_it(member) && !member.is_left) back.push_back(&member);
  }
  if (back.empty()) {
    throw Failure({.code = "nothing-to-undo",
                   .subject = rollout.id,
                   .cause = "no member has from this rollout what could be taken back",
                   .hint = "chancery federation rollout --status shows every member"});
  }
  json members = ask(bench, roster, back);
  const bool is_refused = std::ranges::any_of(members, [](const json& m) { return m["verdict"] == "refuse"; });
  json reply{{"outcome", is_refused ? "refused" : "planned"},
             {"id", rollout.id},
             {"waves", rollout.waves},
             {"members", std::move(members)}};
  if (is_refused || call.flag("dry_run")) return reply;
  RolloutJournal journal(bench.state, call.who() + ", federation rollout --undo");
  rollout.state = "undoing";
  rollout.is_undone = true;
  rollout.is_stopped = false;
  rollout.wave = 1;
  for (RolloutMember* member : back) {
    rollout.wave = std::max(rollout.wave, member->wave);
    member->state = "replaced";
    member->undo.clear();  // a former order is answered with its former answer
    member->code.clear();
    member->message.clear();
    member->hint.clear();
  }
  journal.save(rollout);
  json view = view_of_rollout(rollout, {});
  view["preflight"] = std::move(reply["members"]);
  return view;
}

}  // namespace chancery::manager
