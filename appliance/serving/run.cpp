#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>

#include "appliance/serving/program.h"
#include "appliance/tls/descriptor.h"
#include "keystore/bytes/secret.h"
#include "keystore/fault.h"

namespace chancery::serving {
namespace {

struct Options {
  std::string state = "/var/lib/chancery";
  std::optional<std::string> log_level;  // else that of the settings
};

// Every connection is a descriptor: as many as the system allows.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void start_log(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("chancery"));
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
}

// sd_notify(3) without the library: one datagram.
void tell_systemd(const std::string& text) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const tls::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

// Blocked in every thread, so that only sigwait sees them.
sigset_t block_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  return ending;
}

int serve(const Options& options, const std::string& name, const SetUp& set_up) {
  forbid_core_dumps();
  raise_file_limit();
  const sigset_t ending = block_signals();
  start_log(options.log_level.value_or("info"));
  try {
    HostedProgram program(options.state, name, options.log_level);
    set_up(program);
    program.start();
    tell_systemd("READY=1");
    int signal = 0;
    sigwait(&ending, &signal);
    tell_systemd("STOPPING=1");
    spdlog::info("chancery-{} ends", name);
    program.stop();
    return 0;
  } catch (const Failure& failure) {
    std::cerr << "chancery-" << name << ": failed to start: " << failure.what() << "\nhint: " << failure.hint() << "\n";
  } catch (const std::exception& problem) {
    std::cerr << "chancery-" << name << ": failed to start: " << problem.what()
              << "\nhint: see the lines above; `chancery doctor` checks the state\n";
  }
  return 1;
}

}  // namespace

int run(int argc, char** argv, const std::string& name, const SetUp& set_up) {
  Options options;
  if (const char* state = std::getenv("CHANCERY_STATE"); state != nullptr && *state != '\0') options.state = state;
  CLI::App app("chancery-" + name + ": serves one part of a Chancery appliance");
  app.add_option("--state", options.state, "folder of the appliance's state (or CHANCERY_STATE)")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level,
                 "trace, debug, info, warning, error; without it log-level of the settings counts")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  app.set_version_flag("--version", "chancery-" + name + " " CHANCERY_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  return serve(options, name, set_up);
}

}  // namespace chancery::serving
