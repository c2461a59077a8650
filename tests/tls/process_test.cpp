// A serving program as a process: what it says to systemd and in its log, how it ends, and with which exit code.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "appliance/tls/tcp.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using namespace std::chrono_literals;

// A datagram socket that plays systemd.
class Notifications {
 public:
  explicit Notifications(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  std::string next() const {
    char text[100];
    if (!tls::wait_for(socket_.get(), 1, tls::within(10s))) return "";
    const ssize_t count = ::recv(socket_.get(), text, sizeof text, 0);
    return {text, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

 private:
  tls::Descriptor socket_;
};

TEST(Process, TellsSystemdLogsConnectionsAndEndsOnASignal) {
  StateOnDisk state;
  const Notifications systemd(state.path() + "/notify");
  const std::string log = state.path() + "/log";
  const pid_t process = ::fork();
  if (process == 0) {
    ::setenv("NOTIFY_SOCKET", (state.path() + "/notify").c_str(), 1);
    ::setenv("CHANCERY_STATE", state.path().c_str(), 1);
    ::execl("/bin/sh", "sh", "-c", ("exec " CHANCERY_TEST_PROGRAM " 2>" + log).c_str(), nullptr);
    ::_exit(127);
  }
  EXPECT_EQ(systemd.next(), "READY=1");
  const Output answer = sh("curl -sS -A 'browser 1.0' --cacert " + Pki::get().path("root.pem") +
                           " https://localhost:" + std::to_string(state.portal_port()) + "/");
  EXPECT_EQ(answer.text, "1");
  ::kill(process, SIGTERM);
  EXPECT_EQ(systemd.next(), "STOPPING=1");
  int status = 0;
  ::waitpid(process, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const std::string lines = read_text(log);
  EXPECT_NE(lines.find("Z info #1 request from 127.0.0.1:"), std::string::npos) << lines;
  EXPECT_NE(lines.find(" on portal [TLSv1.3] browser 1.0\n"), std::string::npos) << lines;
}

TEST(Process, ExitsWithOneWhenItCannotStartAndTwoForWrongUsage) {
  const Output nothing = sh(CHANCERY_TEST_PROGRAM " --state /nonexistent");
  EXPECT_EQ(nothing.exit, 1);
  EXPECT_NE(nothing.text.find("chancery-portal: failed to start: "), std::string::npos) << nothing.text;
  EXPECT_NE(nothing.text.find("\nhint: "), std::string::npos);
  EXPECT_EQ(sh(CHANCERY_TEST_PROGRAM " --no-such-option").exit, 2);
  const Output version = sh(CHANCERY_TEST_PROGRAM " --version");
  EXPECT_EQ(version.exit, 0);
  EXPECT_TRUE(version.text.starts_with("chancery-portal ")) << version.text;
}

}  // namespace
}  // namespace chancery::test
