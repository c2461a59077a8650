#include "portal/assignment.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/wire/collector_door.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

using nlohmann::json;

constexpr int seconds_to_tell = 5;  // what is said in the welcome: a collector tells of itself at once, and is sent on

std::vector<assignment::KnownEngine> known_engines(const std::vector<EngineView>& views) {
  std::vector<assignment::KnownEngine> engines;
  for (const EngineView& view : views) engines.push_back({.name = view.name, .is_reached = view.reachable});
  return engines;
}

}  // namespace

Assignment::Assignment(serving::Program& program, AssignmentOptions options, const Engines& engines)
    : options_(std::move(options)),
      engines_(engines),
      applicants_(Applicants::open_store(program.state()), system_now),
      rules_(std::make_shared<Rules>()) {
  const auto keeper =
      std::make_shared<const wire::DoorKeeper>(wire::DoorKeeper{.customer_keys = options_.customer_keys,
                                                                .is_known = options_.is_known,
                                                                .enter = [](const std::string&, const Bytes&) {},
                                                                .is_blocked = options_.is_blocked});
  wire::ChannelHandlers handlers;
  handlers.on_begin = [keeper](wire::Session& session) { wire::set_door(session, keeper); };
  handlers.on_frame = [this](wire::Session& session, const std::string& text) {
    wire::CollectorDoor& door = wire::door_of(session);
    const wire::Message message = wire::parse_message(text);
    if (door.is_open()) {
      if (const auto* facts = std::get_if<wire::Facts>(&message)) assign(session, *facts);
      return;
    }
    const wire::DoorAnswer answer = door.take(message);
    if (answer.reply) session.send(wire::to_json(*answer.reply));
    if (answer.refused) session.end();
    if (!answer.opened) return;
    session.send(wire::to_json(wire::Welcome{options_.server_name, door.server_proof(), seconds_to_tell}));
    if (const auto key = door.new_key()) session.send(wire::to_json(*key));
  };
  handlers.idle = std::chrono::seconds(15);
  channel_ = std::make_unique<wire::ChannelServer>(std::move(handlers));

  program.on_generation([this](const backup::Generation& generation) -> std::function<void()> {
    auto next = std::make_shared<const Rules>(assignment::rules_of(generation));
    return [this, next] {
      const std::lock_guard lock(mutex_);
      rules_ = next;
    };
  });
  program.on_command("assignment-known", [this](const std::string&) { return known(); });
  program.run_in_background("assignment", [this, &program] {
    do {
      try {
        applicants_.flush();
        program.set_condition("assignment", std::nullopt);
      } catch (const Failure& failure) {
        program.set_condition("assignment", serving::Condition{.message = failure.what(), .hint = failure.hint()});
      }
    } while (program.pause(std::chrono::seconds(2)));
  });
}

Assignment::~Assignment() = default;

std::shared_ptr<const Assignment::Rules> Assignment::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void Assignment::assign(wire::Session& session, const wire::Facts& facts) {
  wire::CollectorDoor& door = wire::door_of(session);
  const std::string& peer = session.connection().peer_address();
  const std::vector<EngineView> views = engines_.list();
  std::string host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const assignment::Choice choice = assignment::choose(*rules(), applicant_of(facts, host), known_engines(views));
  applicants_.note(door.id(), facts, peer, session.endpoint(), choice);
  const auto engine = std::ranges::find(views, choice.engine, &EngineView::name);
  if (engine == views.end()) {
    session.send(wire::to_json(wire::Refused{"no-engine", choice.problem + "; ask again later"}));
    spdlog::warn("[{}] collector {} from {} gets no engine: {}{}", session.number(), door.id().substr(0, 16), peer,
                 choice.problem, choice.rule.empty() ? "" : " (rule " + choice.rule + ")");
  } else {
    session.send(wire::to_json(
        wire::Assignment{options_.server_name, door.server_proof(), engine->host, engine->port, engine->name}));
    spdlog::info("[{}] collector {} from {} assigned to engine {} ({})", session.number(), door.id().substr(0, 16),
                 peer, engine->name, choice.rule.empty() ? "no rule fits" : "rule " + choice.rule);
  }
  session.end();
}

std::string Assignment::known() const {
  json collectors = json::array();
  for (const auto& [id, each] : applicants_.all()) {
    const assignment::Applicant applicant = applicant_of(each.facts, each.peer);
    collectors.push_back({{"id", id},
                          {"host", applicant.host},
                          {"system", applicant.system},
                          {"addresses", applicant.addresses},
                          {"tags", applicant.tags},
                          {"engine", each.engine},
                          {"rule", each.rule},
                          {"seen", to_rfc3339(each.seen)}});
  }
  json engines = json::array();
  for (const EngineView& view : engines_.list()) engines.push_back({{"name", view.name}, {"reached", view.reachable}});
  return json({{"ok", true}, {"collectors", std::move(collectors)}, {"engines", std::move(engines)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Assignment::to_json() const {
  json all = json::array();
  for (const assignment::Rule& rule : *rules()) {
    all.push_back({{"name", rule.name},
                   {"order", rule.order},
                   {"host", rule.hosts},
                   {"address", rule.addresses},
                   {"system", rule.systems},
                   {"tag", rule.tags},
                   {"engines", rule.engines},
                   {"fall-through", rule.fall_through}});
  }
  json collectors = json::array();
  for (const auto& [id, each] : applicants_.all()) {
    collectors.push_back({{"id", id},
                          {"host", each.facts.host},
                          {"engine", each.engine},
                          {"rule", each.rule},
                          {"seen", to_rfc3339(each.seen)}});
  }
  return json({{"rules", std::move(all)}, {"collectors", std::move(collectors)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

void Assignment::adopt(tls::Connection connection, const std::string& endpoint) {
  channel_->adopt(std::move(connection), endpoint);
}

}  // namespace chancery::portal
