#include "appliance/serving/announce.h"

#include "appliance/wire/discovery_server.h"
#include "keystore/fault.h"

namespace chancery::serving {

namespace {

using namespace std::chrono_literals;

int port_of(const Program& program, const std::vector<std::string>& endpoints) {
  const auto serving = program.serving();
  if (!serving) return 0;
  for (const std::string& name : endpoints) {
    const auto found = serving->endpoints.find(name);
    if (found != serving->endpoints.end() && found->second.endpoint.enabled) return found->second.endpoint.port;
  }
  return 0;
}

void serve(Program& program, const DiscoverySettings& settings, const std::vector<std::string>& endpoints) {
  try {
    wire::DiscoveryServer server({.answers = settings.answers,
                                  .beacon_seconds = settings.beacon_seconds,
                                  .port = settings.port,
                                  .broadcast_address = settings.address},
                                 [&] { return port_of(program, endpoints); });
    program.set_condition("discovery", std::nullopt);
    while (!program.stopping()) server.turn(500ms);
  } catch (const Failure& failure) {
    program.set_condition("discovery", Condition{.message = failure.what(), .hint = failure.hint()});
  }
}

}  // namespace

void announce(Program& program, const DiscoverySettings& settings, const std::vector<std::string>& endpoints) {
  if (!settings.answers && settings.beacon_seconds == 0) return;
  program.run_in_background("discovery", [&program, settings, endpoints] {
    do {
      serve(program, settings, endpoints);
    } while (program.pause(30s));
  });
}

}  // namespace chancery::serving
