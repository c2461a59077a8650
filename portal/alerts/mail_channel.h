// Alerts by mail (portal/smtp.h): one message for each delivery.
#pragma once

#include <functional>

#include "appliance/settings/portal_settings.h"
#include "portal/alerts/channel.h"

namespace chancery::portal::alerts {

class MailChannel final : public Channel {
 public:
  // `trust` gives the portal's client trust at that moment, as PEM.
  MailChannel(MailSettings settings, std::string appliance, std::function<Bytes()> trust, Clock clock);
  const std::string& name() const override;
  std::string destination() const override;
  void deliver(const Delivery& delivery) override;

 private:
  MailSettings settings_;
  std::string appliance_;
  std::function<Bytes()> trust_;
  Clock clock_;
};

}  // namespace chancery::portal::alerts
