#include "portal/warnings.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "appliance/storage/database.h"
#include "appliance/trust/portal_store.h"
#include "keystore/fault.h"
#include "portal/smtp.h"

namespace chancery::portal {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds look_every{2};
constexpr std::chrono::seconds first_pause{30};
constexpr std::chrono::seconds longest_pause{3600};
constexpr std::int64_t day = 24 * 60 * 60;

const storage::Schema schema{.what = "the warnings that were sent",
                             .migrations = {"CREATE TABLE sent ("
                                            "  sha256 TEXT NOT NULL,"
                                            "  days INTEGER NOT NULL,"  // the threshold of the warning
                                            "  at INTEGER NOT NULL,"
                                            "  PRIMARY KEY (sha256, days)"
                                            ") STRICT"}};

struct Due {
  std::string where;
  Certificate certificate;
  std::int64_t days_left = 0;  // negative: ended
  std::int64_t threshold = 0;
};

std::string line_of(const Due& due) {
  const std::string when = due.days_left < 0 ? "HAS ENDED" : "ends in " + std::to_string(due.days_left) + " days";
  return due.where + ": " + when + ", at " + to_rfc3339(due.certificate.not_after()) + "\n  subject " +
         due.certificate.subject() + "\n  issuer  " + due.certificate.issuer() + "\n  sha256  " +
         due.certificate.fingerprint() + "\n";
}

Mail mail_about(const std::string& appliance, const std::vector<Due>& all) {
  const auto first =
      std::min_element(all.begin(), all.end(), [](const Due& a, const Due& b) { return a.days_left < b.days_left; });
  const std::string when =
      first->days_left < 0 ? " has ended" : " ends in " + std::to_string(first->days_left) + " days";
  Mail mail{.subject = "Chancery " + appliance + ": a certificate" + when, .body = {}};
  for (const Due& due : all) mail.body += line_of(due) + "\n";
  mail.body +=
      "Ask for a new one with `chancery cert csr`, put it in force with `chancery cert replace`; `chancery cert list`\n"
      "shows them all.\n";
  return mail;
}

}  // namespace

struct Warnings::State {
  State(serving::Program& given, MailSettings mail_settings, std::vector<std::int64_t> days,
        std::function<std::vector<Watched>()> given_watched, Clock given_clock)
      : program(given),
        settings(std::move(mail_settings)),
        warn_days(std::move(days)),
        watched(std::move(given_watched)),
        clock(std::move(given_clock)),
        database(storage::Database::open(given.state().open_folder("databases"), "alerts.db", schema)) {}

  serving::Program& program;
  MailSettings settings;
  std::vector<std::int64_t> warn_days;
  std::function<std::vector<Watched>()> watched;
  Clock clock;
  storage::Database database;
  std::mutex mutex;  // guards the two below
  Bytes trust;
  SteadyTime next_attempt{};
  std::chrono::seconds pause = first_pause;  // of the background thread alone

  void send(const Mail& mail) {
    Bytes trusted;
    {
      const std::lock_guard lock(mutex);
      trusted = trust;
    }
    send_mail(settings, trusted, mail, clock());
  }

  std::optional<std::int64_t> threshold_reached(std::int64_t days_left) const {
    std::optional<std::int64_t> reached;
    for (const std::int64_t days : warn_days) {
      if (days_left <= days) reached = days;  // falling: the last one that holds is the smallest
    }
    return reached;
  }

  bool was_sent(const std::string& sha256, std::int64_t threshold) const {
    return !database.rows("SELECT 1 FROM sent WHERE sha256 = ? AND days <= ?", {sha256, threshold}).empty();
  }

  std::vector<Due> due_now() const {
    std::vector<Due> all;
    std::set<std::string> seen;  // one certificate stands on several endpoints
    const std::int64_t now = clock().time_since_epoch().count();
    for (const Watched& one : watched()) {
      const std::int64_t left = one.certificate.not_after().time_since_epoch().count() - now;
      const std::int64_t days_left = left < 0 ? -1 : left / day;
      const auto threshold = threshold_reached(days_left);
      if (!threshold || was_sent(one.certificate.fingerprint(), *threshold)) continue;
      if (!seen.insert(one.certificate.fingerprint()).second) continue;
      all.push_back({one.where, one.certificate, days_left, *threshold});
    }
    return all;
  }

  void look() {
    {
      const std::lock_guard lock(mutex);
      if (std::chrono::steady_clock::now() < next_attempt) return;
    }
    const std::vector<Due> due = due_now();
    if (due.empty()) return;
    try {
      send(mail_about(program.appliance().name, due));
    } catch (const Failure& failure) {
      program.set_condition("mail", serving::Condition{.message = failure.what(), .hint = failure.hint()});
      const std::lock_guard lock(mutex);
      next_attempt = std::chrono::steady_clock::now() + pause;
      pause = std::min(pause * 2, longest_pause);
      return;
    }
    pause = first_pause;
    program.set_condition("mail", std::nullopt);
    database.write([&] {
      for (const Due& one : due) {
        database.run("INSERT INTO sent (sha256, days, at) VALUES (?,?,?)",
                     {one.certificate.fingerprint(), one.threshold, std::int64_t{clock().time_since_epoch().count()}});
      }
    });
    spdlog::info("mail sent about {} certificates that end soon", due.size());
  }
};

Warnings::Warnings(serving::Program& program, const PortalSettings& settings,
                   std::function<std::vector<Watched>()> watched, Clock clock) {
  if (!settings.mail) {
    program.on_command("alert-test", [](const std::string&) -> std::string {
      throw Failure({.code = "no-mail-server",
                     .subject = "settings/portal.toml",
                     .cause = "no mail server is set, so nobody is warned",
                     .hint = "give mail.server, mail.from and mail.to, then restart chancery-portal"});
    });
    return;
  }
  state_ =
      std::make_unique<State>(program, *settings.mail, settings.alerts.warn_days, std::move(watched), std::move(clock));
  program.on_generation([state = state_.get()](const backup::Generation& generation) -> std::function<void()> {
    return [state, trust = trust::portal_trust_pem(generation)] {
      const std::lock_guard lock(state->mutex);
      state->trust = trust;
      state->next_attempt = {};
    };
  });
  program.on_command("alert-test", [state = state_.get()](const std::string&) {
    state->send({.subject = "Chancery " + state->program.appliance().name + ": a test",
                 .body = "Somebody asked for this mail with `chancery alert test`. Warnings will arrive as it did.\n"});
    state->program.set_condition("mail", std::nullopt);
    return nlohmann::json({{"ok", true},
                           {"server", state->settings.server.host + ":" + std::to_string(state->settings.server.port)},
                           {"to", state->settings.to}})
        .dump();
  });
  program.run_in_background("warnings", [state = state_.get(), &program] {
    do {
      state->look();
    } while (program.pause(look_every));
  });
}

Warnings::~Warnings() = default;

}  // namespace chancery::portal
