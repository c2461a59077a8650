// The engines a portal knows: each tells of itself by heartbeats over mutual TLS, and is then asked for its status over
// TLS that is verified by the engine's internal name (P12) under the portal's own client trust, unless the setting says
// to ignore certificate problems (P23).
//
//   Engines engines(program, settings);
//   engines.to_json();         // what page and API show
//
// Where a heartbeat comes from is where the engine is asked; what it may call itself is limited to the names in its
// member certificate. Kept in databases/portal.db, so that a restarted portal knows its engines. Thread safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/health/report.h"
#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "appliance/tls/client_context.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/instant.h"

namespace chancery::portal {

struct EngineView {
  std::string name;
  std::string internal_name;
  std::string host;
  int port = 0;
  std::string version;
  Instant last_seen{};
  // The last answer to our own question.
  bool was_asked = false;
  bool reachable = false;
  bool verified = false;
  std::string problem;                     // why not reachable
  std::optional<Certificate> certificate;  // what it served when it was last asked
  std::int64_t devices = 0;
  std::int64_t connected = 0;
  // What its manager let it tell with the newest heartbeat; null where it did not, or did long ago.
  std::shared_ptr<const health::Report> health;
};

class Engines {
 public:
  Engines(serving::Program& program, const PortalSettings& settings);
  ~Engines();
  void set(const PortalSettings& settings);
  std::vector<EngineView> list() const;  // by name
  std::string to_json() const;
  bool is_blocked(const std::string& collector) const;  // blocked.h
  std::size_t blocked() const;                          // how many are
  bool is_known(const std::string& collector) const;    // some engine has told of it in a heartbeat
  // By which engines are asked; nullptr outside a federation.
  std::shared_ptr<const tls::ClientContext> context() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::portal
