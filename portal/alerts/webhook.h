// Alerts to a web server: one HTTPS POST of one JSON document for each delivery (wording.h; docs/state.md, "Alerts").
//
// TLS is always verified, chain and host name, by the portal's own trust. No redirect is followed: what an administrator
// has named is where alerts go. Any answer of 2xx is "taken"; everything else is Failure("webhook-refused") and is tried
// again by the caller. 15 s for all of it, 64 KiB of an answer, of which nothing but the status is looked at.
// With a secret, X-Chancery-Signature: sha256=HEX is the HMAC-SHA-256 of the body's bytes under it; the file is read anew
// for each delivery, refused where others can read it (settings/storage_setting.h), and wiped from memory afterwards.
#pragma once

#include <functional>

#include "appliance/settings/alert_settings.h"
#include "portal/alerts/channel.h"

namespace chancery::portal::alerts {

class Webhook final : public Channel {
 public:
  Webhook(WebhookSettings settings, std::string appliance, std::function<Bytes()> trust, Clock clock);
  const std::string& name() const override;
  std::string destination() const override;  // without the path: services put their password there
  void deliver(const Delivery& delivery) override;

 private:
  WebhookSettings settings_;
  std::string appliance_;
  std::function<Bytes()> trust_;
  Clock clock_;
};

}  // namespace chancery::portal::alerts
