#include "portal/alerts/alerts.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "appliance/storage/database.h"
#include "appliance/trust/portal_store.h"
#include "keystore/fault.h"
#include "portal/alerts/book.h"
#include "portal/alerts/courier.h"
#include "portal/alerts/mail_channel.h"
#include "portal/alerts/wall_clock.h"
#include "portal/alerts/webhook.h"
#include "portal/alerts/wording.h"

namespace chancery::portal::alerts {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds look_every{1};
// Until engines had time to tell of themselves to a portal that was just started.
constexpr std::chrono::seconds digest_delay{15};

std::vector<std::string> channel_names(const PortalSettings& settings) {
  std::vector<std::string> names;
  if (settings.mail) names.emplace_back("mail");
  if (settings.alerts.webhook) names.emplace_back("webhook");
  return names;
}

Failure no_channel() {
  return Failure(
      {.code = "no-channel",
       .subject = "settings/portal.toml",
       .cause = "neither a mail server nor a webhook is set, so nobody is alerted",
       .hint = "give mail.server, mail.from and mail.to, or alerts.webhook: chancery settings set portal KEY=VALUE…"});
}

json error_of(const Fault& fault) {
  return {{"code", fault.code}, {"message", Failure(fault).what()}, {"hint", fault.hint}};
}

}  // namespace

// What the settings say, and who brings what over which channel; made anew when they are others.
struct Ways {
  AlertSettings settings;
  std::vector<std::unique_ptr<Channel>> channels = {};
  std::vector<std::unique_ptr<Courier>> couriers = {};

  Courier* by(const std::string& channel) const {
    const auto found = std::ranges::find(couriers, channel, [](const auto& each) { return each->channel().name(); });
    return found == couriers.end() ? nullptr : found->get();
  }
};

struct Alerts::State {
  State(serving::Program& given, const PortalSettings& given_settings, std::function<Sight()> given_look,
        Clock given_clock)
      : program(given),
        look(std::move(given_look)),
        clock(std::move(given_clock)),
        book(std::make_unique<storage::Database>(
                 storage::Database::open(given.state().open_folder("databases"), "alerts.db", Book::schema())),
             channel_names(given_settings)) {
    set(given_settings);
  }

  void set(const PortalSettings& given_settings) {
    const auto next = std::make_shared<Ways>(Ways{.settings = given_settings.alerts});
    const auto now_trusted = [this] {
      const std::lock_guard lock(mutex);
      return trust;
    };
    const std::string& appliance = program.appliance().name;
    if (given_settings.mail) {
      add(*next, std::make_unique<MailChannel>(*given_settings.mail, appliance, now_trusted, clock),
          next->settings.digest);
    }
    if (const auto& webhook = next->settings.webhook) {
      add(*next, std::make_unique<Webhook>(*webhook, appliance, now_trusted, clock), {});
    }
    const auto before = present();
    book.set_channels(channel_names(given_settings));
    // A digest at another time begins the next day, if that time has passed today.
    if (before && before->settings.digest != next->settings.digest) book.set_digest_day("");
    const std::lock_guard lock(mutex);
    ways = next;
  }

  std::shared_ptr<const Ways> present() const {
    const std::lock_guard lock(mutex);
    return ways;
  }

  void add(Ways& to, std::unique_ptr<Channel> channel, std::optional<DigestTime> digest) {
    CourierOptions options{.quiet = to.settings.quiet, .digest = digest, .certificates = [this] {
                             const std::lock_guard lock(mutex);
                             return certificates;
                           }};
    to.couriers.push_back(std::make_unique<Courier>(book, *channel, std::move(options), clock));
    to.channels.push_back(std::move(channel));
  }

  void observe() {
    Sight seen = look();
    book.observe(seen.findings, clock());
    const std::lock_guard lock(mutex);
    certificates = std::move(seen.certificates);
  }

  void report(const Courier& courier) {
    const auto problem = courier.problem();
    std::optional<serving::Condition> condition;
    if (problem) condition = serving::Condition{.message = Failure(*problem).what(), .hint = problem->hint};
    program.set_condition(courier.channel().name(), std::move(condition));
  }

  json outcome_of_test(Courier& courier) {
    json outcome{{"channel", courier.channel().name()}, {"to", courier.channel().destination()}, {"ok", true}};
    try {
      courier.test();
    } catch (const Failure& failure) {
      outcome["ok"] = false;
      outcome["error"] = error_of(failure.fault());
    }
    report(courier);
    return outcome;
  }

  std::string test(const std::string& request) {
    const json question = json::parse(request, nullptr, /*allow_exceptions=*/false);
    const json wanted = question.is_object() ? question.value("channel", json()) : json();
    const auto now = present();
    const auto& couriers = now->couriers;
    // Side by side: one that does not answer must not keep the other from being tried in time.
    std::vector<std::future<json>> tests;
    for (const auto& courier : couriers) {
      if (wanted.is_string() && wanted != courier->channel().name()) continue;
      tests.push_back(std::async(std::launch::async, [this, &courier] { return outcome_of_test(*courier); }));
    }
    json outcomes = json::array();
    for (std::future<json>& test : tests) outcomes.push_back(test.get());
    if (outcomes.empty() && couriers.empty()) throw no_channel();
    if (outcomes.empty()) {
      throw Failure(
          {.code = "no-channel",
           .subject = wanted.get<std::string>().substr(0, 40),
           .cause = "this channel is not set",
           .hint = "the channels are mail (mail.server) and webhook (alerts.webhook) in settings/portal.toml"});
    }
    return json({{"ok", true}, {"channels", std::move(outcomes)}}).dump(-1, ' ', false, json::error_handler_t::replace);
  }

  json list() const {
    json alerts = json::array();
    for (const OpenCondition& one : book.open()) {
      const Finding& finding = one.finding;
      json told = json::array();
      for (const OpenCondition::Told& each : one.told) {
        told.push_back({{"channel", each.channel}, {"at", to_rfc3339(each.at)}});
      }
      json entry{{"key", finding.key},         {"kind", to_text(finding.kind)},
                 {"subject", finding.subject}, {"since", to_rfc3339(finding.since)},
                 {"urgent", finding.urgent},   {"severity", finding.urgent ? "critical" : "warning"},
                 {"title", title_of(finding)}, {"message", one_line(finding)},
                 {"hint", finding.hint},       {"told", std::move(told)}};
      if (const auto step = step_in_days(finding)) entry["step_days"] = *step;
      alerts.push_back(std::move(entry));
    }
    const auto now = present();
    json channels = json::array();
    for (const auto& courier : now->couriers) {
      json way{{"channel", courier->channel().name()}, {"to", courier->channel().destination()}};
      if (const auto problem = courier->problem()) way["error"] = error_of(*problem);
      channels.push_back(std::move(way));
    }
    return {{"alerts", std::move(alerts)},
            {"channels", std::move(channels)},
            {"quiet", is_quiet(now->settings.quiet, wall_time(clock()))}};
  }

  serving::Program& program;
  std::function<Sight()> look;
  Clock clock;
  Book book;
  mutable std::mutex mutex;  // guards what is below
  Bytes trust;
  std::vector<CertificateEnd> certificates;
  std::shared_ptr<const Ways> ways;
};

Alerts::Alerts(serving::Program& program, const PortalSettings& settings, std::function<Sight()> look, Clock clock) {
  set_time_zone(settings.alerts.time_zone);  // of hours and digest that are set later, too
  state_ = std::make_unique<State>(program, settings, std::move(look), std::move(clock));
  State* const state = state_.get();
  program.on_generation([state](const backup::Generation& generation) -> std::function<void()> {
    return [state, trust = trust::portal_trust_pem(generation)] {
      {
        const std::lock_guard lock(state->mutex);
        state->trust = trust;
      }
      for (const auto& courier : state->present()->couriers) courier->hurry();
    };
  });
  program.on_command("alert-test", [state](const std::string& request) { return state->test(request); });
  program.on_command("alert-list", [state](const std::string&) {
    json reply = state->list();
    reply["ok"] = true;
    return reply.dump(-1, ' ', false, json::error_handler_t::replace);
  });
  program.run_in_background("alerts", [state, &program] {
    do {
      state->observe();
    } while (program.pause(look_every));
  });
  for (const std::string channel : {"mail", "webhook"}) {
    program.run_in_background("alerts by " + channel, [state, channel, &program] {
      const auto begun = std::chrono::steady_clock::now();
      do {
        const auto now = state->present();
        if (Courier* const courier = now->by(channel)) {
          courier->look(std::chrono::steady_clock::now() - begun >= digest_delay);
          state->report(*courier);
        } else {
          program.set_condition(channel, std::nullopt);
        }
      } while (program.pause(look_every));
    });
  }
}

void Alerts::set(const PortalSettings& settings) { state_->set(settings); }

Alerts::~Alerts() = default;

std::string Alerts::to_json() const { return state_->list().dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace chancery::portal::alerts
