// chancery-collector: runs on an endpoint, keeps one connection to its engine, and reports host facts.
//
//   chancery-collector --state DIR             STATE/settings/collector.toml, STATE/customer.key
//   chancery-collector --state DIR --status    asks the running one, prints JSON

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>

#include "appliance/control/message.h"
#include "appliance/wire/collector_messages.h"
#include "collector/uplink.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/files/lock.h"

namespace {

using namespace chancery;
using namespace std::chrono_literals;

constexpr std::size_t customer_key_limit = 4096;
constexpr auto shortest_pause = 500ms;
constexpr auto longest_pause = 30'000ms;

int stop_pipe[2] = {-1, -1};

extern "C" void on_signal(int) {
  const char byte = 0;
  [[maybe_unused]] const auto written = ::write(stop_pipe[1], &byte, 1);
}

// What --status tells.
struct Status {
  std::mutex mutex;
  bool connected = false;
  std::string server;
  std::string trust;
  std::string problem;

  std::string to_json(const std::string& id) {
    const std::lock_guard lock(mutex);
    return nlohmann::json({{"ok", true},
                           {"program", "collector"},
                           {"version", CHANCERY_VERSION},
                           {"pid", ::getpid()},
                           {"id", id},
                           {"connected", connected},
                           {"server", server},
                           {"trust", trust},
                           {"problem", problem}})
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  void set(bool now_connected, const std::string& now_server, const std::string& now_problem) {
    const std::lock_guard lock(mutex);
    connected = now_connected;
    if (!now_server.empty()) server = now_server;
    problem = now_problem;
  }
};

// False when it is time to stop.
bool pause_for(std::chrono::milliseconds span) {
  pollfd watched{stop_pipe[0], POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(span.count())) == 0;
}

class Collector {
 public:
  explicit Collector(const std::string& state_path)
      : state_(Folder::open(state_path)),
        settings_(CollectorSettings::load(state_path)),
        identity_(collector::own_identity(state_)),
        customer_key_(state_.read_secret("customer.key", customer_key_limit)),
        anchors_(state_, system_now),
        revocations_(state_) {
    if (settings_.servers.empty() && !settings_.portal) {
      throw Failure({.code = "bad-setting",
                     .subject = state_path + "/settings/collector.toml",
                     .cause = "neither collector.servers nor collector.portal says where to connect",
                     .hint = "write for instance: collector.servers = [\"engine.example.com:443\"]"});
    }
  }

  void run() {
    state_.make_folder("run", {.mode = 0755});
    state_.make_folder("run/collector", {.mode = 0700});
    const std::string run_folder = state_.path() + "/run/collector";
    const auto lock =
        FileLock::try_take(run_folder + "/lock", "chancery-collector (pid " + std::to_string(::getpid()) + ")");
    if (!lock) {
      throw Failure({.code = "already-running",
                     .subject = state_.path(),
                     .cause = "another collector runs on this state: " + FileLock::holder(run_folder + "/lock"),
                     .hint = "stop it first, or use another --state"});
    }
    const control::Server control(run_folder + "/control.sock", 0600,
                                  [this](const control::Message&, const control::Caller&) {
                                    return control::Message{.json = status_.to_json(identity_.id), .attachments = {}};
                                  });
    auto pause = std::chrono::milliseconds(shortest_pause);
    std::size_t attempt = 0;
    while (true) {
      const SteadyTime started = std::chrono::steady_clock::now();
      if (one_connection(attempt++)) return;
      // A connection that lasted starts the waiting anew; a server that sends everybody away is approached ever slower.
      if (std::chrono::steady_clock::now() - started > 30s) pause = shortest_pause;
      std::uniform_real_distribution<double> jitter(0.5, 1.5);
      const auto wait =
          std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(pause.count()) * jitter(random_)));
      if (!pause_for(wait)) return;
      pause = std::min(std::chrono::milliseconds(longest_pause), pause * 2);
    }
  }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  tls::Target next_server(std::size_t attempt) {
    if (assigned_) return *std::exchange(assigned_, std::nullopt);
    if (settings_.portal) return {settings_.portal->host, settings_.portal->port, settings_.portal->host};
    const ProbeAddress& server = settings_.servers[attempt % settings_.servers.size()];
    return {server.host, server.port, server.host};
  }

  // True when it is time to stop.
  bool one_connection(std::size_t attempt) {
    const tls::Target server = next_server(attempt);
    const std::uint64_t number = attempt + 1;
    try {
      const collector::Trust trust = collector::read_trust(settings_, wire::collector_protocol, anchors_, revocations_);
      {
        const std::lock_guard lock(status_.mutex);
        status_.trust = trust.mode;
      }
      const collector::Uplink uplink({.settings = settings_,
                                      .identity = identity_,
                                      .customer_key = customer_key_,
                                      .anchors = anchors_,
                                      .revocations = revocations_});
      const collector::Ending ending =
          uplink.run(server, trust, number, stop_pipe[0],
                     {.on_connected = [this](const std::string& name) { status_.set(true, name, ""); }});
      status_.set(false, "", "");
      if (ending.stopped) return true;
      assigned_ = ending.engine;
      return assigned_.has_value() && one_connection(attempt);
    } catch (const Failure& failure) {
      status_.set(false, "", failure.what());
      spdlog::warn("[{}] {} (hint: {})", number, failure.what(), failure.hint());
    }
    return false;
  }

  Folder state_;
  CollectorSettings settings_;
  collector::OwnIdentity identity_;
  SecretBytes customer_key_;
  collector::KeptAnchors anchors_;
  collector::KeptRevocations revocations_;
  Status status_;
  std::optional<tls::Target> assigned_;
  std::mt19937 random_{std::random_device{}()};
};

int fail(const Failure& failure) {
  std::fprintf(stderr, "chancery-collector: failed to run: %s\nhint: %s\n", failure.what(), failure.hint().c_str());
  return 1;
}

int usage(const char* complaint) {
  std::fprintf(stderr, "chancery-collector: %s\nhint: chancery-collector [--state DIR] [--status] [--version]\n",
               complaint);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  const char* from_environment = std::getenv("CHANCERY_STATE");
  std::string state = from_environment != nullptr ? from_environment : "/var/lib/chancery-collector";
  bool ask_status = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--version") {
      std::puts("chancery-collector " CHANCERY_VERSION);
      return 0;
    }
    if (option == "--status") {
      ask_status = true;
    } else if (option == "--state" && i + 1 < argc) {
      state = argv[++i];
    } else {
      return usage(("unknown option '" + std::string(option) + "'").c_str());
    }
  }
  try {
    if (ask_status) {
      std::puts(
          control::ask(state + "/run/collector/control.sock", {.json = R"({"verb":"status"})", .attachments = {}}, 5s)
              .json.c_str());
      return 0;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("collector"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l collector %v", spdlog::pattern_time_type::utc);
    if (::pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) throw system_failure(errno, "make", "a pipe");
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, on_signal);
    std::signal(SIGINT, on_signal);
    Collector(state).run();
    return 0;
  } catch (const Failure& failure) {
    return fail(failure);
  } catch (const std::exception& error) {
    return fail(Failure({.code = "internal",
                         .subject = "chancery-collector",
                         .cause = error.what(),
                         .hint = "this is a fault of Chancery: report it with the line above"}));
  }
}
