// chancery-manager: the certificate manager as a process. It runs as root, opens no TCP port, and is asked over
// STATE/run/manager/control.sock by console and CLI.
//
//   chancery-manager --state DIR             serves until SIGTERM
//   chancery-manager --state DIR --resolve   resolves a change in doubt and ends; for a unit ordered before the
//   programs
//
// Exit: 0 after a signal, or when --resolve found nothing or resolved it; 1 when it cannot start; 3 when --resolve
// needs a person.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>

#include "appliance/audit/bursts.h"
#include "appliance/manager/bench.h"
#include "appliance/manager/certificate_manager.h"
#include "appliance/manager/door.h"
#include "appliance/manager/news_timer.h"
#include "appliance/manager/register_follower.h"
#include "appliance/manager/renewal_timer.h"
#include "appliance/manager/service_notice.h"
#include "appliance/manager/watch.h"
#include "appliance/manager/witness.h"
#include "appliance/settings/guarded.h"

namespace chancery::manager {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_person = 3;
constexpr std::chrono::seconds watch_interval{60};
constexpr std::chrono::seconds second_look{8};  // after something new was found
constexpr std::chrono::seconds tick{4};

struct Options {
  std::string state = "/var/lib/chancery";
  bool resolve_only = false;
  std::string log_level = "info";
};

int report(const Failure& failure, const char* doing) {
  spdlog::error("failed to {}: {}", doing, failure.what());
  spdlog::error("hint: {}", failure.hint());
  return failure.needs_person() ? exit_person : exit_failed;
}

void log_outcome(const std::string& verb, const std::string& who, std::chrono::steady_clock::time_point begun) {
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begun;
  const auto level = is_reading(verb) ? spdlog::level::debug : spdlog::level::info;
  spdlog::log(level, "{} asked for {}: answered in {:.0f} ms", who, verb, taken.count());
}

// Who asks for a change without being allowed to is in the audit, once a minute at most.
void write_denied(const Options& options, const std::vector<audit::Burst>& bursts) noexcept {
  if (bursts.empty()) return;
  try {
    Bench bench(options.state, system_now);
    for (const audit::Burst& burst : bursts) {
      audit::Record record{.kind = "denied", .who = burst.what, .verb = "ask", .outcome = "refused"};
      record.code = "permission-denied";
      record.arguments = R"({"count":)" + std::to_string(burst.count) + R"(,"first":")" + to_rfc3339(burst.first) +
                         R"(","last":")" + to_rfc3339(burst.last) + R"("})";
      record_event(bench, std::move(record));
    }
  } catch (const std::exception& error) {
    spdlog::warn("{} denied requests could not be written into the audit: {}", bursts.size(), error.what());
  }
}

// After a change, and when a person looks, the programs shall know at the next tick how things are.
bool makes_look(const std::string& verb) { return verb == "doctor" || (verb != "audit-report" && !is_reading(verb)); }

control::Message answer(CertificateManager& manager, audit::Bursts& denied, const control::Message& request,
                        const control::Caller& caller) {
  const std::string verb = verb_of(request);
  const std::string who = describe(caller);
  const auto begun = std::chrono::steady_clock::now();
  try {
    expect_allowed(caller, verb);
    control::Message reply = manager.handle(request, who);
    log_outcome(verb, who, begun);
    return reply;
  } catch (const Failure& failure) {
    spdlog::warn("{} asked for {}: {}: {}", who, verb, failure.code(), failure.what());
    if (failure.code() == "permission-denied" && failure.subject() == verb) denied.note(who, system_now());
    throw;
  }
}

// A change in doubt is resolved before anything is answered.
int resolve_now(const Options& options) {
  try {
    Bench bench(options.state, system_now);
    const Bench::Writer writer = bench.begin_change("chancery-manager");
    if (writer.resolved) {
      spdlog::warn("a change in doubt: {}", writer.resolved->explanation);
    } else {
      spdlog::info("generation {} is in force, nothing is in doubt", bench.current().number());
    }
    return 0;
  } catch (const Failure& failure) {
    if (failure.code() == "not-initialised" && options.resolve_only) {
      spdlog::info("there is no appliance at {} yet", options.state);
      return 0;
    }
    return report(failure, "resolve a change in doubt");
  }
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void wait_for_the_end(Watch& watch, std::atomic<bool>& look_now, RenewalTimer& renewal, NewsTimer& news,
                      const std::function<void()>& each_tick, const sigset_t& signals) {
  auto next_look = std::chrono::steady_clock::now();
  for (auto next = next_look;;) {
    const auto now = std::chrono::steady_clock::now();
    if (look_now.exchange(false) || now >= next_look) {
      watch.look();
      next_look = now + (watch.has_news() ? second_look : watch_interval);
    }
    if (now >= next) {
      next = now + watch_interval;
      renewal.look();
    }
    news.look();
    each_tick();
    const timespec interval{.tv_sec = tick.count(), .tv_nsec = 0};
    if (sigtimedwait(&signals, nullptr, &interval) > 0) return;
  }
}

// Kept open while the manager lives: a change is spared making the write-ahead log and folding it up again.
std::optional<audit::Trail> open_audit(const Folder& state, const std::string& appliance) {
  try {
    audit::Trail trail = audit::Trail::open(state, appliance);
    // Also after a crash between a record and this: peers are shown the newest head.
    trail.publish();
    return trail;
  } catch (const Failure& failure) {
    spdlog::error("the audit cannot be opened: {} (hint: {})", failure.what(), failure.hint());
    return std::nullopt;
  }
}

int serve(const Options& options) {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const Appliance appliance = Appliance::load(options.state);
  expect_guarded(Folder::open(appliance.state));
  const std::string run = appliance.state + "/run/manager";
  const auto lock = FileLock::try_take(run + "/lock", "chancery-manager (pid " + std::to_string(::getpid()) + ")");
  if (!lock) {
    throw Failure({.code = "already-running",
                   .subject = run + "/lock",
                   .cause = "held by " + FileLock::holder(run + "/lock"),
                   .hint = "stop the other manager first: systemctl stop chancery-manager"});
  }
  // What needs a person is told by doctor, and a person needs the manager: it serves all the same.
  static_cast<void>(resolve_now(options));
  const Folder state = Folder::open(appliance.state);
  const std::optional<audit::Trail> kept_open = open_audit(state, appliance.name);
  CertificateManager manager(appliance.state, system_now);
  audit::Bursts denied;
  std::atomic<bool> look_now = false;
  {
    const control::Server server(run + "/control.sock", 0666,
                                 [&](const control::Message& request, const control::Caller& caller) {
                                   control::Message reply = answer(manager, denied, request, caller);
                                   if (makes_look(verb_of(request))) look_now = true;
                                   return reply;
                                 });
    spdlog::info("manages {} ({}) at {}", appliance.name, to_text(appliance.role), appliance.state);
    notify_service("READY=1");
    Watch watch(appliance.state, system_now);
    RenewalTimer renewal(appliance.state, system_now);
    NewsTimer news(appliance.state, system_now);
    RegisterFollower follower(appliance.state, system_now);
    const auto each_tick = [&] {
      write_denied(options, denied.due(system_now()));
      follower.look();
    };
    wait_for_the_end(watch, look_now, renewal, news, each_tick, signals);
    write_denied(options, denied.all());
    notify_service("STOPPING=1");
    spdlog::info("ends");
  }
  return 0;
}

int run(const Options& options) {
  if (options.resolve_only) return resolve_now(options);
  try {
    return serve(options);
  } catch (const Failure& failure) {
    return report(failure, "start");
  }
}

void set_up_log(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("manager", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z manager %l %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace
}  // namespace chancery::manager

int main(int argc, char** argv) {
  using namespace chancery::manager;
  chancery::forbid_core_dumps();
  Options options;
  CLI::App app("The certificate manager of a Chancery appliance: the only writer of its state.", "chancery-manager");
  app.set_version_flag("--version", "chancery-manager " CHANCERY_VERSION);
  app.add_option("--state", options.state, "the appliance's state")->envname("CHANCERY_STATE");
  app.add_flag("--resolve", options.resolve_only, "resolve a change in doubt, then end");
  app.add_option("--log-level", options.log_level, "trace, debug, info, warning, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  set_up_log(options.log_level);
  try {
    return run(options);
  } catch (const std::exception& error) {
    spdlog::error("failed: {}", error.what());
    return exit_failed;
  }
}
