#include "collector/signals.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "keystore/fault.h"

namespace chancery::collector {

namespace {

int stop_pipe[2] = {-1, -1};

extern "C" void chancery_collector_stop(int) {
  const char byte = 0;
  [[maybe_unused]] const auto written = ::write(stop_pipe[1], &byte, 1);
}

}  // namespace

Signals::Signals() {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0 || ::pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) throw system_failure(errno, "make", "a pipe");
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, chancery_collector_stop);
  std::signal(SIGINT, chancery_collector_stop);
}

Signals::~Signals() {
  if (wake_ >= 0) ::close(wake_);
}

int Signals::stop() const { return stop_pipe[0]; }

void Signals::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void Signals::clear_wake() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
}

}  // namespace chancery::collector
