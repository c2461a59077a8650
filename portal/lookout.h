// What the portal sees of the federation that alerts are made of: its own endpoints and those of engines, what the
// managers of all appliances let it know of drift, of what fails and of their certificates, and who is silent.
//
//   Lookout lookout(program, engines, settings, system_now);
//   alerts::Alerts alerts(program, settings, [&] { return lookout.look(); }, system_now);
//
// A member is missing only if this portal has heard it once: with two primaries each hears its own. Its silence counts
// from the portal's own start at the earliest. What a member told more than five minutes before its newest heartbeat is
// not known any more. Who was removed from the federation has no conditions. Thread safety: one thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "appliance/health/report.h"
#include "portal/alerts/alerts.h"
#include "portal/engines.h"

namespace chancery::portal {

class Lookout {
 public:
  Lookout(const serving::Program& program, const Engines& engines, const AlertSettings& settings, Clock clock);
  [[nodiscard]] alerts::Sight look();
  void set(const AlertSettings& settings);  // from any thread: counts from the next look on

 private:
  void look_at_own(alerts::Sight& sight, const std::optional<health::Report>& own, Instant now) const;
  void look_at_engine(alerts::Sight& sight, const EngineView& view, Instant now);
  void look_at_certificate(alerts::Sight& sight, const std::string& scope, alerts::CertificateEnd end,
                           Instant now) const;
  void look_at_health(alerts::Sight& sight, const std::string& name, const health::Report& report, Instant now) const;

  const serving::Program& program_;
  const Engines& engines_;
  AlertSettings settings_;  // of the looking thread
  std::mutex mutex_;
  std::optional<AlertSettings> next_;  // under the mutex
  Clock clock_;
  Instant started_;
  std::map<std::string, Instant> unreachable_since_;
};

}  // namespace chancery::portal
