// What only a terminal shows: colour, and prompts without echo. The built program runs on a pty of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

class OnTerminal {
 public:
  OnTerminal(const fs::path& folder, const std::vector<std::string>& arguments, unsigned short columns,
             const std::vector<std::pair<std::string, std::string>>& environment = {},
             std::string program = CHANCERY_BIN_DIR "/chancery") {
    winsize size{};
    size.ws_row = 25;
    size.ws_col = columns;
    child_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (child_ != 0) return;
    fs::current_path(folder);
    ::unsetenv("NO_COLOR");
    ::setenv("TERM", "xterm", 1);
    ::setenv("CHANCERY_STATE", (folder / "state").c_str(), 1);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words;
    words.push_back(program.data());
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;
  ~OnTerminal() {
    if (terminal_ >= 0) ::close(terminal_);
    if (child_ > 0 && !ended_) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }

  // Reads until `text` stands in the output; false when it ends or 10 s pass first.
  bool wait_for(const std::string& text) {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (seen_.find(text) == std::string::npos) {
      if (Clock::now() > deadline || !read_some()) return false;
    }
    return true;
  }
  // A prompt is on screen before echo can be off: answers only once the terminal is silent.
  bool wait_for_silence() const {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    termios now{};
    while (Clock::now() < deadline) {
      if (::tcgetattr(terminal_, &now) == 0 && (now.c_lflag & ECHO) == 0) return true;
      ::poll(nullptr, 0, 2);
    }
    return false;
  }
  void type(const std::string& text) {
    ASSERT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  int finish() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& seen() const { return seen_; }
  bool has_colour() const { return seen_.find("\033[") != std::string::npos; }

 private:
  bool read_some() {
    pollfd waiting{.fd = terminal_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 10000) <= 0) return false;
    char buffer[4096];
    const ssize_t count = ::read(terminal_, buffer, sizeof buffer);
    if (count <= 0) return false;  // EIO: the program has ended
    seen_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  int terminal_ = -1;
  pid_t child_ = -1;
  bool ended_ = false;
  std::string seen_;
};

class CliTerminal : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "chancery-pty-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const std::string commands =
        "cd '" + folder_.string() +
        "' && '" CHANCERY_SOURCE_DIR
        "/tests/cli/make-chain' web www.example.com && "
        "openssl pkcs8 -topk8 -in web.key -out locked.key -passout pass:open-sesame -v2 aes256";
    ASSERT_EQ(std::system(commands.c_str()), 0);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> check(const std::string& key, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"cert",  "check", "--certificate", "web-full.pem",
                                      "--key", key,     "--trust",       "web-root.pem"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  fs::path folder_;
};

TEST_F(CliTerminal, ShowsColourOnATerminal) {
  OnTerminal run(folder_, check("web.key"), 80);
  EXPECT_EQ(run.finish(), 0) << run.seen();
  EXPECT_TRUE(run.has_colour()) << run.seen();
}

TEST_F(CliTerminal, ShowsNoColourWhereItIsNotWanted) {
  for (const auto& environment :
       std::vector<std::vector<std::pair<std::string, std::string>>>{{{"NO_COLOR", "1"}}, {{"TERM", "dumb"}}}) {
    OnTerminal run(folder_, check("web.key"), 80, environment);
    EXPECT_EQ(run.finish(), 0) << run.seen();
    EXPECT_FALSE(run.has_colour()) << environment.front().first << run.seen();
  }
  for (const char* option : {"--no-color", "--json"}) {
    OnTerminal run(folder_, check("web.key", {option}), 80);
    EXPECT_EQ(run.finish(), 0) << run.seen();
    EXPECT_FALSE(run.has_colour()) << option << run.seen();
  }
}

TEST_F(CliTerminal, AnEmptyNoColorMeansNothing) {
  OnTerminal run(folder_, check("web.key"), 80, {{"NO_COLOR", ""}});
  EXPECT_EQ(run.finish(), 0);
  EXPECT_TRUE(run.has_colour());
}

TEST_F(CliTerminal, AsksForThePassphraseWithoutEcho) {
  OnTerminal run(folder_, check("locked.key"), 80);
  ASSERT_TRUE(run.wait_for("passphrase of locked.key: ")) << run.seen();
  ASSERT_TRUE(run.wait_for_silence());
  run.type("open-sesame\n");
  EXPECT_EQ(run.finish(), 0) << run.seen();
  EXPECT_EQ(run.seen().find("open-sesame"), std::string::npos) << run.seen();
  EXPECT_NE(run.seen().find("ACCEPTED"), std::string::npos) << run.seen();
}

TEST_F(CliTerminal, AWrongPassphraseIsAFinding) {
  OnTerminal run(folder_, check("locked.key"), 80);
  ASSERT_TRUE(run.wait_for("passphrase of locked.key: "));
  ASSERT_TRUE(run.wait_for_silence());
  run.type("close-sesame\n");
  EXPECT_EQ(run.finish(), 1) << run.seen();
  EXPECT_NE(run.seen().find("key-encrypted"), std::string::npos) << run.seen();
}

TEST_F(CliTerminal, InterruptingThePromptFailsAndGivesEchoBack) {
  OnTerminal run(folder_, check("locked.key"), 80);
  ASSERT_TRUE(run.wait_for("passphrase of locked.key: "));
  ASSERT_TRUE(run.wait_for_silence());
  run.type("\x03");
  EXPECT_EQ(run.finish(), 1) << run.seen();
  EXPECT_NE(run.seen().find("the question was not answered"), std::string::npos) << run.seen();
}

TEST_F(CliTerminal, OutputFollowsTheTerminalsWidth) {
  OnTerminal run(folder_, check("web.key", {"--name", "www.example.net", "--no-color"}), 50);
  EXPECT_EQ(run.finish(), 1) << run.seen();
  std::string line;
  std::size_t lines = 0;
  for (const char byte : run.seen()) {
    if (byte == '\r') continue;
    if (byte != '\n') {
      line += byte;
      continue;
    }
    const std::size_t continuation_bytes = static_cast<std::size_t>(
        std::count_if(line.begin(), line.end(), [](char each) { return (each & 0xC0) == 0x80; }));
    EXPECT_LE(line.size() - continuation_bytes, 50u) << line;
    line.clear();
    ++lines;
  }
  EXPECT_GT(lines, 5u);
}

TEST_F(CliTerminal, FinderAsksBeforeItGoesOn) {
  for (const auto& [answer, exit] : {std::pair{"y\n", 0}, {"n\n", 1}, {"\n", 1}}) {
    std::ofstream(folder_ / "ask") << CHANCERY_BIN_DIR "/chancery finder --engine localhost:$PORT --trust other.pem";
    const std::string certificate =
        "cd '" + folder_.string() +
        "' && cp web-ca.pem other.pem && "
        "openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -keyout x.key -out other.pem 2>/dev/null";
    ASSERT_EQ(std::system(certificate.c_str()), 0);
    OnTerminal run(folder_,
                   {CHANCERY_SOURCE_DIR "/tests/cli/with-server", "web.pem", "web-ca.pem", "web.key", "sh ask"}, 80, {},
                   "/bin/sh");
    ASSERT_TRUE(run.wait_for("The security certificate of the Engine could not be validated")) << run.seen();
    ASSERT_TRUE(run.wait_for("Continue anyway? [y/N] ")) << run.seen();
    run.type(answer);
    EXPECT_EQ(run.finish(), exit) << answer << run.seen();
  }
}

}  // namespace
