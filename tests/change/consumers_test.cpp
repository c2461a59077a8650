// Outside services: real commands, real configuration files, and a real nginx that reads current/.

#include <csignal>
#include <fstream>

#include "appliance/change/command_line.h"
#include "tests/change/bench.h"

namespace chancery::test {
namespace {

using change::split_command;
using Words = std::vector<std::string>;

TEST(CommandLine, IsSplitAsAShellWould) {
  EXPECT_EQ((Words{"nginx", "-s", "reload"}), split_command("  nginx -s\treload "));
  EXPECT_EQ((Words{"a b", "c\"d", "", "e'f"}), split_command(R"('a b' "c\"d" '' e\'f)"));
  EXPECT_EQ((Words{"$HOME", "*", "a;b", "`x`"}), split_command("$HOME * a;b `x`"));
  EXPECT_EQ((Words{"a\\b", "a\\n"}), split_command(R"('a\b' "a\n")"));
  EXPECT_EQ((Words{}), split_command("   "));
  EXPECT_EQ("bad-command", code_of([] { (void)split_command("a 'b"); }));
}

TEST(OutsideConsumers, CommandsRunWithoutAShellAndTellWhatTheySaid) {
  const Workshop shop;
  const auto consumers = change::outside_consumers();
  const auto reload = [&](const std::string& command) {
    consumers->reload({.name = "mail", .identity = "portal", .reload = command, .probe = {}, .requires_lines = {}});
  };
  reload("true");
  reload("");  // watches its files by itself
  reload("touch '" + shop.path("a b") + "'");
  EXPECT_TRUE(std::filesystem::exists(shop.path("a b")));
  EXPECT_EQ("reload-failed", code_of([&] { reload("false"); }));
  EXPECT_EQ("reload-failed", code_of([&] { reload("/no/such/program"); }));
  try {
    reload(R"(sh -c 'echo "line 3: no such file" >&2; exit 7')");
    ADD_FAILURE() << "not refused";
  } catch (const Failure& failure) {
    EXPECT_EQ("consumer mail", failure.subject());
    EXPECT_NE(std::string::npos, failure.cause().find("exited with 7 and said: line 3: no such file"));
  }
  // A daemon left behind holds the output open; nobody waits for it.
  const auto start = std::chrono::steady_clock::now();
  reload("sh -c 'sleep 20 &'");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // Our environment is none of its business.
  ::setenv("CHANCERY_TEST_SECRET", "x", 1);
  EXPECT_EQ("", code_of([&] { reload(R"(sh -c 'test -z "$CHANCERY_TEST_SECRET"')"); }));
  ::unsetenv("CHANCERY_TEST_SECRET");
  reload("sh -c 'head -c 1000000 /dev/zero'");  // output is drained
}

TEST(RequiredLines, LinesAndElements) {
  const Workshop shop;
  shop.write("lighttpd.conf", "# ssl.ca-file = \"/x/intermediate.crt\"\n\tssl.pemfile = \"/x/combined.pem\"  \r\nlast");
  shop.write("server.xml",
             "<a>\n <!-- <certificate_chain_file>/old</certificate_chain_file> -->\n"
             " <certificate_chain_file>\n   /x/fullchain.pem\n </certificate_chain_file></a>");
  const auto missing = [&](const std::string& file, const std::string& line) {
    return change::missing_lines({.name = "c",
                                  .identity = "p",
                                  .reload = "",
                                  .probe = {},
                                  .requires_lines = {shop.path(file) + ":" + line}})
               .size() == 1;
  };
  EXPECT_FALSE(missing("lighttpd.conf", "ssl.pemfile = \"/x/combined.pem\""));
  EXPECT_FALSE(missing("lighttpd.conf", "last"));
  EXPECT_TRUE(missing("lighttpd.conf", "ssl.ca-file = \"/x/intermediate.crt\""));  // commented out
  EXPECT_TRUE(missing("lighttpd.conf", "ssl.pemfile"));                            // only part of a line
  EXPECT_TRUE(missing("absent.conf", "last"));
  EXPECT_FALSE(missing("server.xml", "<certificate_chain_file>/x/fullchain.pem</certificate_chain_file>"));
  EXPECT_TRUE(missing("server.xml", "<certificate_chain_file>/old</certificate_chain_file>"));
}

class NginxTest : public Bench {
 protected:
  NginxTest() {
    const FakeServer port_finder(state_path(), "engine", shared_memory());
    port = port_finder.port();
  }
  ~NginxTest() override {
    pid_t master = 0;
    std::ifstream(shop.path("nginx.pid")) >> master;
    if (master > 1) ::kill(master, SIGTERM);
  }

  void start_nginx() {
    const std::string identity = state_path("current/identities/engine/");
    const std::string user = ::geteuid() == 0 ? "user root;\n" : "";
    shop.write("nginx.conf",
               user + "daemon on;\npid " + shop.path("nginx.pid") + ";\nerror_log " + shop.path("error.log") +
                   ";\nworker_processes 1;\nevents { worker_connections 64; }\nhttp {\n access_log off;\n" +
                   " client_body_temp_path " + shop.path("b") + "; proxy_temp_path " + shop.path("p") +
                   "; fastcgi_temp_path " + shop.path("f") + "; uwsgi_temp_path " + shop.path("u") +
                   "; scgi_temp_path " + shop.path("s") + ";\n server {\n  listen 127.0.0.1:" + std::to_string(port) +
                   " ssl;\n  ssl_certificate " + identity + "fullchain.pem;\n  ssl_certificate_key " + identity +
                   "key.pem;\n }\n}\n");
    shop.run(nginx);
    const Consumer consumer{
        .name = "nginx",
        .identity = "engine",
        .reload = nginx + " -s reload",
        .probe = {{"127.0.0.1", port, ""}},
        .requires_lines = {shop.path("nginx.conf") + ":ssl_certificate " + identity + "fullchain.pem;"}};
    (void)changed(change::plan_policy(generations->current(), appliance, "consumers/nginx.toml", to_toml(consumer)));
  }
  change::Outcome changed(change::Plan plan) {
    change::Workplace place = workplace();
    const auto real = change::outside_consumers();
    const change::Workplace with_real{.appliance = place.appliance,
                                      .state = place.state,
                                      .generations = place.generations,
                                      .sets = place.sets,
                                      .programs = place.programs,
                                      .consumers = *real,
                                      .on_step = {},
                                      .own_patience = place.own_patience,
                                      .consumer_patience = std::chrono::seconds(10)};
    return change::Transaction(with_real).run(std::move(plan), cause());
  }

  int port = 0;
  std::string nginx = "nginx -p " + shop.path() + " -c " + shop.path("nginx.conf");
};

TEST_F(NginxTest, FollowsCurrentAndIsRolledBackWhenItCannotReload) {
  start_nginx();
  EXPECT_EQ(leaf_of(1), served(port));
  const change::Outcome outcome = changed(replace_plan());
  EXPECT_EQ(change::Step::committed, outcome.step);
  const auto proven = outcome.generation;
  EXPECT_EQ(leaf_of(proven), served(port));
  wholly(proven);

  // Its configuration breaks: `nginx -s reload` says so, and everything goes back. nginx itself never left.
  std::ofstream(shop.path("nginx.conf"), std::ios::app) << "nonsense;\n";
  try {
    (void)changed(replace_plan("other"));
    ADD_FAILURE() << "not refused";
  } catch (const Failure& failure) {
    EXPECT_EQ("rollback-incomplete", failure.code());  // the reload fails on the way back as well: a person is needed
    EXPECT_TRUE(failure.needs_person());
    EXPECT_NE(std::string::npos, failure.cause().find("nonsense")) << failure.cause();
  }
  EXPECT_EQ(proven, generations->current_number());
  EXPECT_EQ(leaf_of(proven), served(port));
}

}  // namespace
}  // namespace chancery::test
