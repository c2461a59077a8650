// One step of a rollout: a few members of the present wave are told to replace, or of a wave that failed to go back; or,
// where a rollout that is over is undone, of its last wave, then of the one before it.
//
//   RolloutCourse course(bench, journal, rollout);
//   course.step();                     // writes the journal before and after everything it says to anybody
//   course.events                      // what happened, for people and scripts
//
// A wave is over when all its members have answered; one that fails takes the whole wave back and ends the rollout, and
// waves before it stay. After a crash the same step is made again with the same orders, and ends the same. Thread
// safety: one thread; the members of a step are asked side by side.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "appliance/manager/order_courier.h"
#include "appliance/manager/rollout_journal.h"

namespace chancery::manager {

// Who is who in a rollout: where members are asked, and for which certificate orders are encrypted.
struct RolloutRoster {
  std::string own_name;
  std::map<std::string, Certificate> certificates;  // member certificates, by name
  std::map<std::string, tls::Target> addresses;     // of those that have told theirs

  [[nodiscard]] static RolloutRoster read(Bench& bench);
  // Failures: "unknown-member", "address-unknown".
  [[nodiscard]] tls::Target target(const RolloutMember& member) const;
  [[nodiscard]] const Certificate& certificate(const RolloutMember& member) const;
};

// What one member has come to.
struct RolloutAnswer {
  nlohmann::json document = {};         // {"result":…} or {"error":…}
  std::optional<Failure> failure = {};  // no answer
  Sending sending = {};
};
// Sends each member its order, the members side by side, and this appliance its own, here.
[[nodiscard]] std::vector<RolloutAnswer> tell(Bench& bench, const OrderCourier& courier, const RolloutRoster& roster,
                                              const std::vector<RolloutMember*>& members,
                                              const std::vector<federation::Order>& orders);
[[nodiscard]] federation::Order order_to(Bench& bench, const RolloutMember& member, const std::string& id,
                                         std::uint64_t number, const std::string& verb, const nlohmann::json& arguments,
                                         std::vector<SecretBytes> attachments);

// What order-undo is told: which order, and the set that it said to have made.
[[nodiscard]] nlohmann::json undo_of(const RolloutMember& member);

inline constexpr std::size_t members_at_once = 8;
inline constexpr std::chrono::seconds usual_patience{15};
inline constexpr std::chrono::seconds question_patience{3};

class RolloutCourse {
 public:
  // `patience`: how long a member is tried again that cannot be reached, or whose manager is away.
  RolloutCourse(Bench& bench, RolloutJournal& journal, Rollout& rollout, std::chrono::seconds patience);
  void step();

  std::vector<nlohmann::json> events;

 private:
  void forward();
  void back();
  void undo();
  void take_back(const std::vector<RolloutMember*>& batch);
  void take_answer(RolloutMember& member, const RolloutAnswer& answer, bool was_asked_before);
  void fail(RolloutMember& member, const nlohmann::json& error);
  void end_of_wave();
  void tell_event(const std::string& event, const RolloutMember* member = nullptr);
  [[nodiscard]] std::vector<RolloutMember*> next(const std::function<bool(const RolloutMember&)>& wanted);
  [[nodiscard]] const OrderCourier& courier();
  void expect_served(RolloutMember& member, const nlohmann::json& result);

  Bench& bench_;
  RolloutJournal& journal_;
  Rollout& rollout_;
  std::chrono::seconds patience_;
  RolloutRoster roster_;
  RolloutFiles files_;
  std::optional<OrderCourier> courier_;
};

}  // namespace chancery::manager
