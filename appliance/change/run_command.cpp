#include "appliance/change/run_command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <system_error>

#include "keystore/fault.h"
#include "keystore/files/descriptor.h"

namespace chancery::change {
namespace {

using files::Descriptor;

constexpr std::size_t kept_output = 2000;

// The last lines, safe to print.
std::string tail_of(const std::string& output) {
  std::string text = output.size() > kept_output ? "…" + output.substr(output.size() - kept_output) : output;
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; }, ' ');
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

class SpawnSetUp {
 public:
  explicit SpawnSetUp(int output) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSetUp() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetUp(const SpawnSetUp&) = delete;
  SpawnSetUp& operator=(const SpawnSetUp&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// Reads what there is; false at the end of the output. Keeps only the tail.
bool drain(int pipe, std::string& output) {
  std::array<char, 4096> block{};
  const ssize_t count = ::read(pipe, block.data(), block.size());
  if (count <= 0) return count < 0 && (errno == EINTR || errno == EAGAIN);
  output.append(block.data(), static_cast<std::size_t>(count));
  if (output.size() > 4 * kept_output) output.erase(0, output.size() - 2 * kept_output);
  return true;
}

// Waits for the command itself, not for the end of its output: a daemon that it leaves behind may hold the pipe open.
// False when the patience ends first.
bool await_exit(int process, int pipe, std::chrono::seconds patience, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  bool reading = true;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 2> waits{pollfd{process, POLLIN, 0}, pollfd{reading ? pipe : -1, POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) return false;
    const bool has_ended = waits[0].revents != 0;
    if (waits[1].revents != 0) reading = drain(pipe, output);
    if (!has_ended) continue;
    // What it said last may still be in the pipe, at most as much as a pipe holds.
    for (int block = 0; block < 16 && reading && ::poll(&waits[1], 1, 0) > 0; ++block) reading = drain(pipe, output);
    return true;
  }
}

}  // namespace

CommandEnd run_command(const std::vector<std::string>& words, std::chrono::seconds patience) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_failure(errno, "make a pipe for", words.at(0));
  const Descriptor output_read(ends[0]);
  Descriptor output_write(ends[1]);
  // Only our end: the command expects one that takes all it writes.
  ::fcntl(output_read.get(), F_SETFL, O_NONBLOCK);

  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Nothing of our own environment: it may name files with secrets, and a command shall not depend on who asks.
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string language = "LANG=C.UTF-8";
  std::array<char*, 3> environment{path.data(), language.data(), nullptr};

  pid_t child = 0;
  const SpawnSetUp set_up(output_write.get());
  const int error = ::posix_spawnp(&child, words[0].c_str(), &set_up.actions, &set_up.attributes, arguments.data(),
                                   environment.data());
  if (error != 0) {
    return {.ok = false, .how = "cannot be started: " + std::generic_category().message(error), .output = {}};
  }
  output_write.close(words[0]);
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::string output;
  const bool ended = process.is_open() && await_exit(process.get(), output_read.get(), patience, output);
  if (!ended) ::kill(-child, SIGKILL);
  int status = 0;
  files::retried([&] { return ::waitpid(child, &status, 0); });
  CommandEnd end{.ok = ended && WIFEXITED(status) && WEXITSTATUS(status) == 0, .how = {}, .output = tail_of(output)};
  if (end.ok) return end;
  if (!ended) {
    end.how = "was still running after " + std::to_string(patience.count()) + " s and was stopped";
    return end;
  }
  end.how = WIFEXITED(status) ? "exited with " + std::to_string(WEXITSTATUS(status))
                              : "was killed by signal " + std::to_string(WTERMSIG(status));
  if (!end.output.empty()) end.how += " and said: " + end.output;
  return end;
}

}  // namespace chancery::change
