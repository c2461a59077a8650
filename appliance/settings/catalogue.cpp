#include "appliance/settings/catalogue.h"

#include <algorithm>
#include <array>

#include "appliance/settings/open_settings.h"
#include "appliance/settings/storage_setting.h"

namespace chancery {
namespace {

using Kind = SettingKind;

constexpr std::string_view discovery_meaning =
    "How collectors on the same network may find this server; nothing: not at all";
constexpr std::string_view discovery_port_meaning = "UDP port of discovery";
constexpr std::string_view discovery_address_meaning = "Where beacons are sent";
constexpr std::string_view beacon_meaning = "Seconds between two beacons";
constexpr std::string_view log_level_meaning = "What stands in its log; an option --log-level comes first";
constexpr std::string_view log_levels = "trace|debug|info|warning|error";

// Opened, or set for the whole process, before there are threads.
constexpr std::array<std::string_view, 7> until_restart{"storage",         "storage-password-file", "discovery",
                                                        "discovery-port",  "discovery-address",     "beacon-interval",
                                                        "alerts.time-zone"};

constexpr std::array facts{
    SettingFact{"console", "session-idle", Kind::number, "15", "Minutes after which an unused sign-in ends"},
    SettingFact{"console", "requests-per-second", Kind::number, "20",
                "Requests of one address in the long run; twenty times as many at once"},
    SettingFact{"console", "log-level", Kind::choice, "info", log_level_meaning, "", log_levels},

    SettingFact{"portal", "mail.server", Kind::text, "", "The mail server that warnings go through",
                "mail.example.com:587"},
    SettingFact{"portal", "mail.security", Kind::choice, "starttls", "How its TLS begins; it is always verified", "",
                "starttls|tls"},
    SettingFact{"portal", "mail.from", Kind::text, "", "Who the warnings come from", "chancery@example.com"},
    SettingFact{"portal", "mail.to", Kind::list, "", "Who is warned, 1 to 16 addresses", "ops@example.com"},
    SettingFact{"portal", "mail.user", Kind::text, "", "The name to sign in with at the mail server"},
    SettingFact{"portal", "mail.password-file", Kind::text, "", "The file whose first line is the password",
                "/etc/chancery/mail.password"},
    SettingFact{"portal", "mail.warn-days", Kind::numbers, "30,14,7,1",
                "Days before a certificate ends at which it is told, over every channel"},
    SettingFact{"portal", "alerts.webhook", Kind::text, "", "Where alerts are posted; https only",
                "https://hooks.example.com/chancery"},
    SettingFact{"portal", "alerts.webhook-secret-file", Kind::text, "",
                "The file whose first line signs what is posted", "/etc/chancery/webhook.secret"},
    SettingFact{"portal", "alerts.member-missing", Kind::text, "15m", "After this silence a member is missing", "2h"},
    SettingFact{"portal", "alerts.quiet", Kind::text, "", "Hours in which what is not urgent waits", "22:00-06:30"},
    SettingFact{"portal", "alerts.digest", Kind::text, "", "When a mail of all that stands is sent", "mon 07:00"},
    SettingFact{"portal", "alerts.time-zone", Kind::text, "UTC", "The time zone of quiet hours and digest",
                "Europe/Berlin"},
    SettingFact{"portal", "ldap.url", Kind::text, "", "The directory by which people sign in; never plain text",
                "ldaps://ldap.example.com"},
    SettingFact{"portal", "ldap.user-dn", Kind::text, "", "The name that a person binds with",
                "uid={user},ou=people,dc=example,dc=com"},
    SettingFact{"portal", "ldap.search-base", Kind::text, "", "Instead: where people are searched for",
                "dc=example,dc=com"},
    SettingFact{"portal", "ldap.search-filter", Kind::text, "(uid={user})", "Which entry is the person's"},
    SettingFact{"portal", "ldap.bind-dn", Kind::text, "", "Who searches; nothing: anonymous"},
    SettingFact{"portal", "ldap.bind-password-file", Kind::text, "",
                "The file whose first line is that one's password"},
    SettingFact{"portal", "ldap-skip-ssl-certificate-validations", Kind::flag, "false",
                "Believe any certificate of the directory: only to find a fault", "", "",
                "globalconfig.ldap.skip-ssl-certificate-validations"},
    SettingFact{"portal", "engine-ssl-ignore-certificate-problems", Kind::flag, "false",
                "Ask engines whose certificate is not right: only to find a fault", "", "",
                "globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems"},
    SettingFact{"portal", "storage", Kind::text, "sqlite", "Where the portal keeps its rows: a file, and nothing else"},
    SettingFact{"portal", "discovery", Kind::list, "", discovery_meaning, "broadcast,beacon"},
    SettingFact{"portal", "discovery-port", Kind::number, "10101", discovery_port_meaning},
    SettingFact{"portal", "discovery-address", Kind::text, "255.255.255.255", discovery_address_meaning},
    SettingFact{"portal", "beacon-interval", Kind::number, "5", beacon_meaning},
    SettingFact{"portal", "log-level", Kind::choice, "info", log_level_meaning, "", log_levels},

    SettingFact{"engine", "storage", Kind::text, "sqlite", "Where devices are kept: a file, or a PostgreSQL server",
                "postgresql://engine@db.example.com/engine?sslmode=verify-full"},
    SettingFact{"engine", "storage-password-file", Kind::text, "",
                "The file whose first line is the database's password"},
    SettingFact{"engine", "heartbeat-interval", Kind::number, "10", "Seconds between two heartbeats to the portal"},
    SettingFact{"engine", "discovery", Kind::list, "", discovery_meaning, "broadcast,beacon"},
    SettingFact{"engine", "discovery-port", Kind::number, "10101", discovery_port_meaning},
    SettingFact{"engine", "discovery-address", Kind::text, "255.255.255.255", discovery_address_meaning},
    SettingFact{"engine", "beacon-interval", Kind::number, "5", beacon_meaning},
    SettingFact{"engine", "log-level", Kind::choice, "info", log_level_meaning, "", log_levels},

    SettingFact{"authority", "storage", Kind::text, "sqlite", "Where the register is kept", "", "", "",
                "chancery storage migrate"},
    SettingFact{"authority", "storage-password-file", Kind::text, "", "The file whose first line is its password", "",
                "", "", "chancery storage migrate"},
    SettingFact{"authority", "log-level", Kind::choice, "info", log_level_meaning, "", log_levels},

    SettingFact{"manager", "watch", Kind::number, "10",
                "Seconds that collectors have to come back after a change; 0: not looked at"},
    SettingFact{"manager", "watch-share", Kind::number, "5",
                "How many of them may fail, in percent, before the change is taken back"},
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

std::string joined(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> words;
  for (const std::int64_t number : numbers) words.push_back(std::to_string(number));
  return joined(words);
}

// Without what may be a secret: the path of a webhook is one for many services, and an address that cannot be read may
// hold a password.
std::string shown(const SettingFact& fact, const std::string& value) {
  if (fact.key == "storage") {
    try {
      return to_text(parse_storage(value));
    } catch (const Failure&) {
      return "(not shown)";
    }
  }
  if (fact.key == "alerts.webhook") {
    const std::size_t scheme = value.find("://");
    const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
    const std::size_t end = std::min(value.find_first_of("/?#", host), value.size());
    if (value.substr(0, end).find('@') != std::string::npos) return "(not shown)";
    return value.substr(0, end) + (end + 1 < value.size() ? "/…" : value.substr(end));
  }
  return value;
}

std::optional<std::string> value_in(SettingFile& file, const SettingFact& fact) {
  const SettingFile::Keys keys = keys_of(fact);
  switch (fact.kind) {
    case Kind::flag: {
      const auto flag = file.flag(keys);
      return flag ? std::optional<std::string>(*flag ? "true" : "false") : std::nullopt;
    }
    case Kind::number: {
      const auto number = file.number(keys, INT64_MIN, INT64_MAX);
      return number ? std::optional(std::to_string(*number)) : std::nullopt;
    }
    case Kind::list: {
      const auto words = file.list(keys);
      return words ? std::optional(joined(*words)) : std::nullopt;
    }
    case Kind::numbers: {
      const auto numbers = file.numbers(keys, INT64_MIN, INT64_MAX);
      return numbers ? std::optional(joined(*numbers)) : std::nullopt;
    }
    case Kind::text:
    case Kind::choice:
      break;
  }
  return file.text(keys);
}

}  // namespace

const char* to_text(SettingKind kind) {
  switch (kind) {
    case Kind::flag:
      return "flag";
    case Kind::number:
      return "number";
    case Kind::list:
      return "list";
    case Kind::numbers:
      return "numbers";
    case Kind::choice:
      return "choice";
    case Kind::text:
      break;
  }
  return "text";
}

std::vector<SettingFact> settings_of(std::string_view program) {
  std::vector<SettingFact> found;
  std::ranges::copy_if(facts, std::back_inserter(found),
                       [&](const SettingFact& each) { return each.program == program; });
  return found;
}

const SettingFact* find_setting(std::string_view program, std::string_view key) {
  const auto* const found =
      std::ranges::find_if(facts, [&](const SettingFact& each) { return each.program == program && each.key == key; });
  return found == facts.end() ? nullptr : &*found;
}

SettingFile::Keys keys_of(const SettingFact& fact) {
  return program_keys(std::string(fact.program), std::string(fact.key), std::string(fact.reference));
}

bool needs_restart(const SettingFact& fact) {
  // What a command of its own changes is followed by itself.
  return fact.owner.empty() && std::ranges::find(until_restart, fact.key) != until_restart.end();
}

std::vector<SettingValue> read_settings(const std::string& file_name, ByteView toml, std::string_view program,
                                        const Environment& environment) {
  SettingFile file = SettingFile::parse(file_name, toml, environment);
  std::vector<SettingValue> values;
  for (const SettingFact& fact : facts) {
    if (fact.program != program) continue;
    SettingValue value{.fact = &fact, .text = std::string(fact.fallback), .where = {}, .problem = {}};
    try {
      if (const auto given = value_in(file, fact)) {
        value.text = shown(fact, *given);
        value.where = file.wrong_value(keys_of(fact), "", "").subject();
      }
    } catch (const Failure& failure) {
      value.text = "";
      value.where = failure.subject();
      value.problem = failure.cause();
    }
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace chancery
