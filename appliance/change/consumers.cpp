// Outside services: their reload command, and the lines that their configuration must hold.

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <system_error>

#include "appliance/change/command_line.h"
#include "appliance/change/programs.h"
#include "keystore/files/descriptor.h"

namespace chancery::change {
namespace {

using files::Descriptor;

constexpr std::chrono::seconds reload_patience{30};
constexpr std::size_t kept_output = 2000;
constexpr std::size_t configuration_limit = 4 * 1024 * 1024;

Failure reload_failed(const Consumer& consumer, const std::string& cause) {
  return Failure({.code = "reload-failed",
                  .subject = "consumer " + consumer.name,
                  .cause = "its reload command (" + consumer.reload + ") " + cause,
                  .hint = "run that command by hand and see the service's own log; correct it with "
                          "chancery consumer set " +
                          consumer.name + " --reload"});
}

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
bool await_exit(int process, int pipe, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + reload_patience;
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

class OutsideConsumers final : public Consumers {
 public:
  void reload(const Consumer& consumer) override {
    const std::vector<std::string> words = split_command(consumer.reload);
    if (words.empty()) return;  // one that watches its files by itself
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_failure(errno, "make a pipe for", words[0]);
    const Descriptor output_read(ends[0]);
    Descriptor output_write(ends[1]);
    // Only our end: the command expects one that takes all it writes.
    ::fcntl(output_read.get(), F_SETFL, O_NONBLOCK);

    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    // Nothing of our own environment: it may name files with secrets, and a reload shall not depend on who asks.
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string language = "LANG=C.UTF-8";
    std::array<char*, 3> environment{path.data(), language.data(), nullptr};

    pid_t child = 0;
    const SpawnSetUp set_up(output_write.get());
    const int error = ::posix_spawnp(&child, words[0].c_str(), &set_up.actions, &set_up.attributes, arguments.data(),
                                     environment.data());
    if (error != 0) throw reload_failed(consumer, "cannot be started: " + std::generic_category().message(error));
    output_write.close(words[0]);
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    std::string output;
    const bool ended = process.is_open() && await_exit(process.get(), output_read.get(), output);
    if (!ended) ::kill(-child, SIGKILL);
    int status = 0;
    files::retried([&] { return ::waitpid(child, &status, 0); });
    if (!ended) throw reload_failed(consumer, "was still running after 30 s and was stopped");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const std::string said = tail_of(output);
    const std::string how = WIFEXITED(status) ? "exited with " + std::to_string(WEXITSTATUS(status))
                                              : "was killed by signal " + std::to_string(WTERMSIG(status));
    throw reload_failed(consumer, how + (said.empty() ? "" : " and said: " + said));
  }
};

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool holds_line(std::string_view text, const std::string& line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (trimmed(text.substr(0, end)) == line) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

// XML without comments and without blanks around tags, so that an element is found however it is laid out.
std::string condensed_xml(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("<!--")) {
      const std::size_t end = text.find("-->");
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 3);
      continue;
    }
    const char c = text.front();
    text.remove_prefix(1);
    const bool is_blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (is_blank && (out.empty() || out.back() == '>' || out.back() == ' ')) continue;
    if (c == '<' && !out.empty() && out.back() == ' ') out.pop_back();
    out += is_blank ? ' ' : c;
  }
  return out;
}

}  // namespace

std::unique_ptr<Consumers> outside_consumers() { return std::make_unique<OutsideConsumers>(); }

std::vector<std::string> missing_lines(const Consumer& consumer) {
  std::vector<std::string> missing;
  for (const std::string& required : consumer.requires_lines) {
    const std::size_t colon = required.find(':');
    const std::string file = required.substr(0, colon);
    const std::string line = trimmed(std::string_view(required).substr(colon + 1));
    bool found = false;
    try {
      const Bytes bytes = read_file(file, configuration_limit);
      const bool is_element = line.starts_with('<') && line.ends_with('>');
      found = is_element ? condensed_xml(text_of(bytes)).find(condensed_xml(line)) != std::string::npos
                         : holds_line(text_of(bytes), line);
    } catch (const Failure&) {
      // A file that cannot be read does not hold the line.
    }
    if (!found) missing.push_back(required);
  }
  return missing;
}

}  // namespace chancery::change
