// chancery-engine: the Web API, the collector channel and the heartbeat of a secondary or single appliance.

#include <atomic>
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
#include "engine/rehearsal_desk.h"
#include "engine/web_api.h"
#include "keystore/fault.h"

namespace {

using namespace chancery;

// Besides the portal, whom the engine reaches under its CA bundle.
std::vector<rehearsal::TrustedPeer> servers_of(const EngineSettings& settings) {
  const StorageSetting& storage = settings.storage;
  if (storage.kind == StorageSetting::Kind::sqlite) return {};
  return {{.what = "the database server " + storage.host,
           .address = {storage.host, storage.port, "postgres"},
           .name = storage.host,
           .alpn = ""}};
}

struct Engine {
  Engine(serving::Program& program, const EngineSettings& settings)
      : sign_ins("engine", program.appliance().state, system_now),
        administrator(program.state(), &sign_ins),
        devices(engine::open_device_store(program, settings.storage), system_now),
        heartbeat_seconds(settings.heartbeat_seconds) {
    // A file is read before anybody is served, and one that cannot be read is no start; a server may be away for now.
    if (settings.storage.kind == StorageSetting::Kind::sqlite) devices.flush();
    program.on_generation([this](const backup::Generation& generation) -> std::function<void()> {
      const std::uint64_t number = customer_keys_of(generation).number;
      return [this, number, adopt = customer_key.prepare(generation)] {
        adopt();
        const bool is_another = key_number.exchange(number) != number;
        if (is_another && ingest) ingest->tell_new_key();
      };
    });
    ingest = std::make_unique<engine::Ingest>(
        engine::IngestOptions{
            .server_name = program.appliance().name,
            .customer_keys = [this] { return customer_key.get(); },
            .on_verdict = [this](const std::string& id, const wire::Verdict& verdict) { rehearsal.take(id, verdict); },
            .is_behind = [this] { return devices.is_behind(); }},
        devices);
    program.on_generation([this, &program](const backup::Generation& generation) -> std::function<void()> {
      auto trust = std::make_shared<engine::FederationTrust>(engine::federation_trust_of(generation));
      rehearsal.remember_connected();
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
    engine::add_rehearsal(program, rehearsal, servers_of(settings));
    engine::start_heartbeat(program, devices, heartbeat_seconds);
    program.on_settings(
        [this, &program] { heartbeat_seconds = EngineSettings::load(program.state().path()).heartbeat_seconds; });
    serving::report_sign_ins(program, sign_ins);
    program.run_in_background("devices", [this, &program] {
      do {
        keep_devices(program);
        ingest->tell_news();
        look_at_plain(program);
      } while (program.pause(std::chrono::seconds(1)));
    });
  }

  // D2: said while it lasts, and ended where the level has become a higher one.
  void look_at_plain(serving::Program& program) const {
    const std::size_t count = ingest->plain();
    program.set_condition(
        "plain text", count == 0 ? std::nullopt
                                 : std::optional(serving::Condition{
                                       .message = std::to_string(count) + " collectors are connected without TLS",
                                       .hint = "give them TLS (collector.required-level = \"TLSPeerAuth\"), then set "
                                               "required-level=TLSNoPeerAuth in the profile of that endpoint"}));
    if (count == 0) return;
    ingest->end_plain([serving = program.serving()](const std::string& endpoint) {
      const auto found = serving->endpoints.find(endpoint);
      return found != serving->endpoints.end() && found->second.profile.required_level == SecurityLevel::none;
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
  std::atomic<int> heartbeat_seconds;
  CustomerKey customer_key;
  std::atomic<std::uint64_t> key_number = 0;
  engine::CollectorRehearsal rehearsal{
      [this](engine::CollectorRehearsal::Task task) { ingest->for_each(std::move(task)); }, devices, system_now};
  std::unique_ptr<engine::Ingest> ingest;
};

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Engine> engine;
  return serving::run(argc, argv, "engine", [&engine](serving::Program& program) {
    engine = std::make_unique<Engine>(program, EngineSettings::load(program.state().path()));
  });
}
