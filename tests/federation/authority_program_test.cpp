// The program chancery-authority over a state of its own, beside a second process (this one) that makes tokens, as the
// CLI and the manager do.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <thread>

#include "appliance/http/client.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using testing::Joiner;
using testing::Primary;

int free_port() { return tls::local_address(tls::listen_tcp("127.0.0.1", 0).get()).port(); }

class AuthorityProgram : public ::testing::Test {
 protected:
  AuthorityProgram() {
    Appliance appliance;
    appliance.state = primary_.folder.path();
    appliance.role = Role::primary;
    appliance.name = primary_.name;
    appliance.internal_name = primary_.name;
    appliance.federation = primary_.federation;
    Folder::open(appliance.state).make_folder("settings", {.mode = 0700});
    primary_.folder.write("settings/appliance.toml", view_of(appliance.to_toml()));
  }
  ~AuthorityProgram() override {
    if (process_ > 0) (void)stop(SIGKILL);
  }

  void start() {
    const std::string program = std::string(CHANCERY_BIN_DIR) + "/chancery-authority";
    const std::string log = primary_.folder.file("authority.log");
    const std::string command = "exec " + program + " --state " + primary_.folder.path() + " 2>> " + log;
    process_ = ::fork();
    if (process_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (health() != 200) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << primary_.folder.read("authority.log");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  int stop(int signal) {
    ::kill(process_, signal);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    return status;
  }

  int health() const { return status_of("GET", "/healthz"); }
  int status_of(const std::string& method, const std::string& path) const {
    tls::ClientOptions options;
    options.pin = primary_.tls_key.key_digest();
    try {
      return http::request(target_, tls::ClientContext(std::move(options)),
                           {.method = method, .path = path, .content_type = "", .body = "", .headers = {}},
                           std::chrono::seconds(5))
          .status;
    } catch (const Failure&) {
      return 0;
    }
  }
  Joiner joiner() const {
    Joiner made(primary_);
    made.request.primary = target_;
    return made;
  }

  const int port_ = free_port();
  Primary primary_{port_};
  const tls::Target target_{.host = "127.0.0.1", .port = port_, .name = ""};
  pid_t process_ = 0;
};

TEST_F(AuthorityProgram, ServesJoinsAndRemembersThemAcrossRestarts) {
  start();
  const SecretBytes token = primary_.token();  // names that the running program has not been told of
  const Joiner first = joiner();
  const Joined joined = first.join(token);
  EXPECT_TRUE(secret_equal(view_of(joined.customer_key), view_of(primary_.customer_key)));
  EXPECT_EQ(joined.portal_name, primary_.name);
  EXPECT_EQ(status_of("GET", "/join"), 405);
  EXPECT_EQ(stop(SIGTERM), 0) << primary_.folder.read("authority.log");

  start();
  const std::string before = primary_.standing();
  EXPECT_EQ(first.join(token).chains.at("member").front(), joined.chains.at("member").front());
  EXPECT_EQ(code_of([&] { (void)joiner().join(token); }), "join-refused");
  EXPECT_EQ(primary_.standing(), before);
  const std::string log = primary_.folder.read("authority.log");
  EXPECT_NE(log.find("the token was used with other keys"), std::string::npos) << log;
  EXPECT_EQ(log.find(text_of(view_of(token)).substr(40, 40)), std::string::npos);
}

TEST_F(AuthorityProgram, KilledInTheMiddleOfJoinsItHasGivenAllOrNothing) {
  start();
  const SecretBytes token = primary_.token();
  const Joiner one = joiner();
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
    (void)stop(SIGKILL);
  });
  (void)code_of([&] { (void)one.join(token); });
  killer.join();
  const auto given = primary_.authority().store().rows("SELECT count(*) FROM token_certificates")[0].integer(0);
  EXPECT_TRUE(given == 0 || given == 3) << given;
  EXPECT_EQ(primary_.admission().members().size(), given == 0 ? 0U : 1U);
  start();
  // The same keys again: whatever the first attempt came to, this one finishes.
  EXPECT_EQ(one.join(token).chains.size(), 3U);
  EXPECT_EQ(primary_.authority().store().rows("SELECT count(*) FROM token_certificates")[0].integer(0), 3);
}

TEST_F(AuthorityProgram, WithoutItsKeyItDoesNotStart) {
  std::filesystem::remove(primary_.folder.file("authority/issuing.key"));
  const auto run =
      testing::run_command(std::string(CHANCERY_BIN_DIR) + "/chancery-authority --state " + primary_.folder.path());
  EXPECT_EQ(run.exit_code, 1) << run.output;
  EXPECT_NE(run.output.find("issuing.key"), std::string::npos) << run.output;
}

}  // namespace
}  // namespace chancery::federation
