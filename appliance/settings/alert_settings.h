// What the portal is told of its alerts besides the mail server (portal_settings.h); part of PortalSettings.
//
//   mail.warn-days = [30, 14, 7, 1]              before a certificate ends, over every channel
//   alerts.webhook = "https://hooks.example.com/chancery"   one POST for each delivery; plain http is refused
//   alerts.webhook-secret-file = "/etc/chancery/webhook.secret"   signs each of them
//   alerts.member-missing = "15m"                 s, m, h or d: after this silence a member is missing
//   alerts.quiet = "22:00-06:30"                  what is not urgent waits until they end
//   alerts.digest = "07:00" or "mon 07:00"        by mail
//   alerts.time-zone = "Europe/Berlin"            of both; UTC
//
// Not checked here: that the secret can be read and that the server answers. Thread safety: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "appliance/settings/setting_file.h"

namespace chancery {

struct WebhookSettings {
  ProbeAddress server;
  std::string path = "/";
  std::string secret_file;  // "": deliveries are not signed
};

// Minutes after midnight; over midnight where `from` is later than `to`.
struct QuietHours {
  int from = 0;
  int to = 0;
};

struct DigestTime {
  std::optional<int> weekday;  // 0 is Sunday, as in std::tm; nullopt: every day
  int minute = 0;              // after midnight
  friend bool operator==(const DigestTime&, const DigestTime&) = default;
};

struct AlertSettings {
  std::vector<std::int64_t> warn_days{30, 14, 7, 1};  // falling, without duplicates
  std::optional<WebhookSettings> webhook;
  std::chrono::seconds member_missing{std::chrono::minutes(15)};
  std::optional<QuietHours> quiet;
  std::optional<DigestTime> digest;
  std::string time_zone = "UTC";
};

// Failure("bad-setting"). `has_mail`: a digest without a mail server is wrong.
[[nodiscard]] AlertSettings read_alert_settings(SettingFile& file, bool has_mail);

}  // namespace chancery
