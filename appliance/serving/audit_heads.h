// The part that a serving program has in the audit of its federation: it shows its own appliance's signed head to peers,
// and keeps the heads that they show (audit/held_heads.h) in databases/<program>-heads.db.
//
//   AuditHeads heads(program, "engine");        // adds the route that hands a member the heads held of it
//   body = heads.shown_in(std::move(body));     // with each heartbeat, and with each answer to one
//   heads.take_from(member, answer);            // the same of the other side
//
// `take_from` never throws: a head that cannot be kept is no reason to refuse a heartbeat. What is wrong with a member's audit
// (another key, an end that went back) is logged and stands in the program's conditions for `chancery doctor`, until that
// member shows a newer head under the same key again. `member` is who has proven itself by the connection. Thread safe.
#pragma once

#include <memory>
#include <string>

#include "appliance/serving/serving_program.h"

namespace chancery::serving {

class AuditHeads {
 public:
  AuditHeads(Program& program, const std::string& name);
  ~AuditHeads();

  // `body` is a JSON object; it comes back with the member "audit", where there is a head to show.
  [[nodiscard]] std::string shown_in(std::string body) const;
  void take_from(const std::string& member, const std::string& body) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::serving
