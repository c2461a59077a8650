// Alerts of the portal (P27): looks every second at what the portal knows, writes conditions into the book, and lets a
// courier for each channel that is set bring them to people.
//
//   Alerts alerts(program, settings, [&] { return look_at(engines); }, system_now);
//   alerts.to_json();                    // GET /api/v1/alerts, and `chancery alert list`
//
// Answers the verbs alert-test ({"channel"} optional) and alert-list on the control socket. A channel that fails is the
// condition "mail" or "webhook" of the program, for the doctor. Without a channel the conditions are kept all the same.
// Sets the process's time zone: make it before there are threads. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "portal/alerts/finding.h"

namespace chancery::portal::alerts {

struct Sight {
  Findings findings;
  std::vector<CertificateEnd> certificates;  // all that are known, however long they are good
};

class Alerts {
 public:
  // `look` is called on a thread of the program.
  Alerts(serving::Program& program, const PortalSettings& settings, std::function<Sight()> look, Clock clock);
  ~Alerts();
  // Other channels, hours, addresses: at once. The time zone stays what it was at the start.
  void set(const PortalSettings& settings);
  // {"alerts":[…],"channels":[…],"quiet":bool}
  [[nodiscard]] std::string to_json() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::portal::alerts
