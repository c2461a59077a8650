#include "appliance/serving/audit_heads.h"

#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/audit/held_heads.h"
#include "appliance/membership/membership.h"
#include "appliance/storage/database.h"
#include "keystore/fault.h"

namespace chancery::serving {

using nlohmann::json;

struct AuditHeads::State {
  State(Program& given, const std::string& name)
      : program(given),
        held(std::make_unique<storage::Database>(storage::Database::open(
                 given.state().open_folder("databases"), name + "-heads.db", audit::HeldHeads::schema())),
             system_now) {}

  void keep(const std::string& member, const json& shown) {
    const auto head = audit::signed_head_from(shown);
    if (!head) return;  // of a version without an audit
    // What an appliance says of itself to itself proves nothing.
    if (member == program.appliance().name) return;
    const std::string condition = "audit of " + member;
    try {
      held.take(member, *head);
      const std::lock_guard lock(mutex);
      // A head that is known already is no news: what was wrong with the one before stays.
      if (newest[member] >= head->head.number) return;
      newest[member] = head->head.number;
      program.set_condition(condition, std::nullopt);
    } catch (const Failure& failure) {
      program.set_condition(condition, Condition{.message = failure.what(), .hint = failure.hint()});
    }
  }

  Program& program;
  audit::HeldHeads held;
  std::mutex mutex;
  std::map<std::string, std::int64_t> newest;  // by member: number of the newest head that was taken
};

AuditHeads::AuditHeads(Program& program, const std::string& name) : state_(std::make_unique<State>(program, name)) {
  program.routes().add_for_members("GET", audit::held_heads_route, [state = state_.get()](const http::Call& call) {
    const auto chain = call.connection.peer_chain();
    const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
    if (!member)
      return http::Answer::problem(403, "forbidden", "Not a member", "Heads are handed to the member they are of.");
    return http::Answer::json(audit::held_heads_json(state->held.of(member->name)));
  });
}

AuditHeads::~AuditHeads() = default;

std::string AuditHeads::shown_in(std::string body) const {
  const auto head = audit::published_head(state_->program.state());
  json document = head ? json::parse(body, nullptr, /*allow_exceptions=*/false) : json();
  if (!document.is_object()) return body;
  document["audit"] = audit::to_json(*head);
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

void AuditHeads::take_from(const std::string& member, const std::string& body) noexcept {
  try {
    const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (document.is_object()) state_->keep(member, document.value("audit", json()));
  } catch (const std::exception& error) {
    spdlog::warn("the head of {}'s audit could not be kept: {}", member, error.what());
  }
}

}  // namespace chancery::serving
