#include "appliance/settings/alert_settings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <functional>

#include "keystore/files/folder.h"

namespace chancery {
namespace {

constexpr std::string_view https = "https://";
constexpr int https_port = 443;
constexpr std::size_t url_limit = 2048;
constexpr std::chrono::seconds longest_silence{30 * 24 * 3600};
constexpr const char* zones = "/usr/share/zoneinfo/";
constexpr std::size_t zone_limit = 1024 * 1024;

SettingFile::Keys keys(const std::string& key) { return {"portal.alerts." + key, "alerts." + key}; }

std::optional<int> number_in(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "06:30"
std::optional<int> minute_in(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number_in(text.substr(0, 2));
  const auto minute = number_in(text.substr(3));
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  return *hour * 60 + *minute;
}

WebhookSettings read_webhook(const SettingFile& file, const std::string& url) {
  const SettingFile::Keys names = keys("webhook");
  if (url.starts_with("http://")) {
    throw file.wrong_value(names, "plain http shows every alert to the network and lets anybody take its place",
                           "write https://HOST[:PORT]/PATH, and let the portal trust its CA: chancery trust append "
                           "CA.pem --store portal");
  }
  const bool is_plain = std::ranges::all_of(url, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!url.starts_with(https) || !is_plain || url.size() > url_limit || url.find('#') != std::string::npos) {
    throw file.wrong_value(names, "this is no address of a web server", "write https://HOST[:PORT]/PATH");
  }
  const std::string rest = url.substr(https.size());
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  const std::string host = rest.substr(0, slash);
  if (host.find('@') != std::string::npos) {
    throw file.wrong_value(names,
                           "a name or password stands in the address, where every reader of the settings sees it",
                           "leave it out: alerts.webhook-secret-file signs what is sent");
  }
  WebhookSettings settings;
  try {
    settings.server = parse_address(host, https_port);
  } catch (const Failure& failure) {
    throw file.wrong_value(names, "\"" + host + "\": " + failure.cause(), failure.hint());
  }
  if (slash < rest.size()) settings.path = (rest[slash] == '?' ? "/" : "") + rest.substr(slash);
  return settings;
}

std::optional<WebhookSettings> read_webhook(SettingFile& file) {
  const std::string url = file.text(keys("webhook")).value_or("");
  const std::string secret = file.text(keys("webhook-secret-file")).value_or("");
  if (!secret.empty() && !secret.starts_with('/')) {
    throw file.wrong_value(keys("webhook-secret-file"), "the file of the secret must be named in full",
                           "begin its path with /");
  }
  if (url.empty()) {
    if (secret.empty()) return std::nullopt;
    throw file.wrong_value(keys("webhook-secret-file"), "there is nothing that it could sign",
                           "give alerts.webhook as well");
  }
  WebhookSettings settings = read_webhook(file, url);
  settings.secret_file = secret;
  return settings;
}

// "90s", "15m", "2h", "1d"
std::optional<std::chrono::seconds> span_in(const std::string& text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  constexpr std::string_view units = "smhd";
  constexpr std::array lengths{1, 60, 3600, 24 * 3600};
  const std::size_t unit = units.find(text.back());
  const auto count = number_in(std::string_view(text).substr(0, text.size() - 1));
  if (unit == std::string_view::npos || !count || *count == 0) return std::nullopt;
  const std::chrono::seconds span{std::int64_t{*count} * lengths.at(unit)};
  return span > longest_silence ? std::nullopt : std::optional(span);
}

QuietHours read_quiet(const SettingFile& file, const std::string& text) {
  const std::size_t dash = text.find('-');
  const auto from = minute_in(std::string_view(text).substr(0, dash));
  const auto to = dash == std::string::npos ? std::nullopt : minute_in(std::string_view(text).substr(dash + 1));
  if (from && to && *from != *to) return {.from = *from, .to = *to};
  throw file.wrong_value(keys("quiet"), "\"" + text + "\" is no span of a day", "write it as \"22:00-06:30\"");
}

DigestTime read_digest(const SettingFile& file, const std::string& text, bool has_mail) {
  if (!has_mail) {
    throw file.wrong_value(keys("digest"), "the digest is a mail, and no mail server is set",
                           "give mail.server, mail.from and mail.to as well");
  }
  constexpr std::array days{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  DigestTime digest;
  std::string time = text;
  if (const std::size_t blank = text.find(' '); blank != std::string::npos) {
    std::string day = text.substr(0, blank);
    std::ranges::transform(day, day.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto* const found = std::ranges::find(days, day);
    if (found != days.end()) {
      digest.weekday = static_cast<int>(found - days.begin());
      time = text.substr(blank + 1);
    }
  }
  const auto minute = minute_in(time);
  if (!minute) {
    throw file.wrong_value(keys("digest"), "\"" + text + "\" is no time of a day or week",
                           "write it as \"07:00\", or as \"mon 07:00\"");
  }
  digest.minute = *minute;
  return digest;
}

// The names of the IANA database, as the C library finds them.
std::string read_zone(const SettingFile& file, const std::string& name) {
  if (name == "UTC") return name;
  const bool is_name = !name.empty() && name.size() < 64 && name.front() != '/' &&
                       name.find("..") == std::string::npos && std::ranges::all_of(name, [](unsigned char c) {
                         return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
                       });
  if (is_name) {
    try {
      const Bytes content = read_file(zones + name, zone_limit);
      constexpr std::string_view magic = "TZif";
      if (content.size() > magic.size() && std::equal(magic.begin(), magic.end(), content.begin())) return name;
    } catch (const Failure&) {
      // Said below: a folder, or nothing of this name.
      (void)0;
    }
  }
  throw file.wrong_value(keys("time-zone"), "\"" + name + "\" is no time zone that this system knows",
                         "write it as \"Europe/Berlin\" (timedatectl list-timezones); the package tzdata has them");
}

}  // namespace

AlertSettings read_alert_settings(SettingFile& file, bool has_mail) {
  AlertSettings settings;
  if (auto days = file.numbers({"portal.mail.warn-days", "mail.warn-days"}, 0, 3650)) {
    std::ranges::sort(*days, std::greater<>());
    days->erase(std::unique(days->begin(), days->end()), days->end());
    settings.warn_days = std::move(*days);
  }
  settings.webhook = read_webhook(file);
  if (const auto text = file.text(keys("member-missing"))) {
    const auto span = span_in(*text);
    if (!span) {
      throw file.wrong_value(keys("member-missing"), "\"" + *text + "\" is no span of time up to 30 days",
                             "write it as \"15m\", \"2h\" or \"1d\"");
    }
    settings.member_missing = *span;
  }
  if (const auto text = file.text(keys("quiet")); text && !text->empty()) settings.quiet = read_quiet(file, *text);
  if (const auto text = file.text(keys("digest")); text && !text->empty()) {
    settings.digest = read_digest(file, *text, has_mail);
  }
  settings.time_zone = read_zone(file, file.text(keys("time-zone")).value_or("UTC"));
  return settings;
}

}  // namespace chancery
