// Mail before certificates end: the portal's own and those that engines serve. Once for each certificate and threshold
// (mail.warn-days); what has been sent is kept in databases/alerts.db, so that a restart repeats nothing. A certificate
// first seen 5 days before its end is one mail, not three. A mail that could not be sent is a condition for the doctor,
// and is tried again, later and later, and with every new generation.
//
//   Warnings warnings(program, settings, [&] { return watched; }, system_now);
//
// `chancery alert test` asks for a mail at once, by the verb alert-test of the control socket. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "keystore/x509/certificate.h"

namespace chancery::portal {

struct Watched {
  std::string where;  // "portal (endpoint portal)", "engine engine1.example.com"
  Certificate certificate;
};

class Warnings {
 public:
  // `watched` is called on a thread of the program.
  Warnings(serving::Program& program, const PortalSettings& settings, std::function<std::vector<Watched>()> watched,
           Clock clock);
  ~Warnings();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::portal
