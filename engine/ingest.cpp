#include "engine/ingest.h"

#include <spdlog/spdlog.h>

#include "appliance/wire/collector_door.h"

namespace chancery::engine {

Ingest::Ingest(IngestOptions options, Devices& devices) : options_(std::move(options)), devices_(devices) {
  wire::ChannelHandlers handlers;
  handlers.on_begin = [this](wire::Session& session) {
    wire::set_door(
        session, options_.customer_key, [this](const std::string& id) { return devices_.is_known(id); },
        [this](const std::string& id, const Bytes& key) { devices_.enter(id, key); });
  };
  handlers.on_frame = [this](wire::Session& session, const std::string& text) {
    wire::CollectorDoor& door = wire::door_of(session);
    const wire::Message message = wire::parse_message(text);
    if (door.is_open()) {
      if (const auto* facts = std::get_if<wire::Facts>(&message)) devices_.report(door.id(), *facts);
      return;
    }
    const wire::DoorAnswer answer = door.take(message);
    if (answer.reply) session.send(wire::to_json(*answer.reply));
    if (answer.refused) {
      spdlog::warn("[{}] collector {} refused: {}", session.number(), session.connection().peer_address(),
                   std::get<wire::Refused>(*answer.reply).message);
      session.end();
    }
    if (answer.opened) {
      session.send(wire::to_json(wire::Welcome{options_.server_name, door.server_proof(), options_.interval_seconds}));
      devices_.set_connected(door.id(), true);
      spdlog::info("[{}] collector {} accepted from {} [{}], id {}", session.number(), session.endpoint(),
                   session.connection().peer_address(), session.connection().protocol(), door.id().substr(0, 16));
    }
  };
  handlers.on_end = [this](wire::Session& session) {
    const wire::CollectorDoor& door = wire::door_of(session);
    if (!door.is_open()) return;
    devices_.set_connected(door.id(), false);
    spdlog::info("[{}] collector {} has gone", session.number(), door.id().substr(0, 16));
  };
  handlers.idle = std::chrono::seconds(options_.interval_seconds) * 6 + std::chrono::seconds(15);
  channel_ = std::make_unique<wire::ChannelServer>(std::move(handlers));
}

Ingest::~Ingest() = default;

void Ingest::adopt(tls::Connection connection, const std::string& endpoint) {
  channel_->adopt(std::move(connection), endpoint);
}

}  // namespace chancery::engine
