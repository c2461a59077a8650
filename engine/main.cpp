// chancery-engine: the Web API, the collector channel and the heartbeat of a secondary or single appliance.

#include <memory>

#include "appliance/membership/customer_key.h"
#include "appliance/serving/announce.h"
#include "appliance/serving/report_sign_ins.h"
#include "appliance/settings/program_settings.h"
#include "engine/device_store.h"
#include "engine/heartbeat.h"
#include "engine/ingest.h"
#include "engine/moves.h"
#include "engine/orders.h"
#include "engine/web_api.h"
#include "keystore/fault.h"

namespace {

using namespace chancery;

struct Engine {
  Engine(serving::Program& program, const EngineSettings& settings)
      : sign_ins("engine", program.appliance().state, system_now),
        administrator(program.state(), &sign_ins),
        devices(engine::open_device_store(program, settings.storage), system_now) {
    // A file is read before anybody is served, and one that cannot be read is no start; a server may be away for now.
    if (settings.storage.kind == StorageSetting::Kind::sqlite) devices.flush();
    program.on_generation([this](const backup::Generation& generation) { return customer_key.prepare(generation); });
    ingest =
        std::make_unique<engine::Ingest>(engine::IngestOptions{.server_name = program.appliance().name,
                                                               .customer_key = [this] { return customer_key.get(); }},
                                         devices);
    program.on_generation([this, &program](const backup::Generation& generation) -> std::function<void()> {
      auto trust = std::make_shared<engine::FederationTrust>(engine::federation_trust_of(generation));
      return [this, &program, trust] {
        program.set_condition("collectors", trust->problem);
        ingest->set_trust(std::move(*trust));
      };
    });
    program.on_channel(wire::collector_protocol, [this](tls::Connection connection, const std::string& endpoint) {
      ingest->adopt(std::move(connection), endpoint);
    });
    engine::add_web_api(program, devices, administrator, [this] { ingest->end_blocked(); });
    engine::relay_orders(program);
    engine::add_moves(program, devices, *ingest);
    serving::announce(program, settings.discovery, {"engine", "engine-collector"});
    engine::start_heartbeat(program, devices, std::chrono::seconds(settings.heartbeat_seconds));
    serving::report_sign_ins(program, sign_ins);
    program.run_in_background("devices", [this, &program] {
      do {
        keep_devices(program);
        ingest->tell_news();
      } while (program.pause(std::chrono::seconds(1)));
    });
  }

  // A store that fails is no reason to send collectors away: what they report waits in memory.
  void keep_devices(serving::Program& program) {
    try {
      devices.flush();
      program.set_condition("storage", std::nullopt);
    } catch (const Failure& failure) {
      program.set_condition("storage", serving::Condition{.message = failure.what(), .hint = failure.hint()});
    }
  }

  SignInLog sign_ins;
  Administrator administrator;
  engine::Devices devices;
  CustomerKey customer_key;
  std::unique_ptr<engine::Ingest> ingest;
};

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Engine> engine;
  return serving::run(argc, argv, "engine", [&engine](serving::Program& program) {
    engine = std::make_unique<Engine>(program, EngineSettings::load(program.state().path()));
  });
}
