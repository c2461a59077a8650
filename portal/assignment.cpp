#include "portal/assignment.h"

#include <spdlog/spdlog.h>

#include <optional>

#include "appliance/wire/collector_door.h"

namespace chancery::portal {

namespace {

std::optional<EngineView> choose(const Engines& engines) {
  for (const EngineView& view : engines.list()) {
    if (view.reachable) return view;
  }
  return std::nullopt;
}

}  // namespace

Assignment::Assignment(AssignmentOptions options, const Engines& engines)
    : options_(std::move(options)), engines_(engines) {
  // A portal keeps no list of collectors: every visit proves the Customer Key.
  const auto keeper =
      std::make_shared<const wire::DoorKeeper>(wire::DoorKeeper{.customer_key = options_.customer_key,
                                                                .is_known = [](const std::string&) { return false; },
                                                                .enter = [](const std::string&, const Bytes&) {},
                                                                .is_blocked = options_.is_blocked});
  wire::ChannelHandlers handlers;
  handlers.on_begin = [keeper](wire::Session& session) { wire::set_door(session, keeper); };
  handlers.on_frame = [this](wire::Session& session, const std::string& text) {
    wire::CollectorDoor& door = wire::door_of(session);
    const wire::DoorAnswer answer = door.take(wire::parse_message(text));
    if (answer.reply) session.send(wire::to_json(*answer.reply));
    if (answer.refused) session.end();
    if (!answer.opened) return;
    if (const auto engine = choose(engines_)) {
      session.send(wire::to_json(
          wire::Assignment{options_.server_name, door.server_proof(), engine->host, engine->port, engine->name}));
      spdlog::info("[{}] collector {} from {} assigned to engine {}", session.number(), door.id().substr(0, 16),
                   session.connection().peer_address(), engine->name);
    } else {
      session.send(wire::to_json(wire::Refused{"no-engine", "no engine is reachable now; ask again later"}));
    }
    session.end();
  };
  handlers.idle = std::chrono::seconds(15);
  channel_ = std::make_unique<wire::ChannelServer>(std::move(handlers));
}

Assignment::~Assignment() = default;

void Assignment::adopt(tls::Connection connection, const std::string& endpoint) {
  channel_->adopt(std::move(connection), endpoint);
}

}  // namespace chancery::portal
