// A real PostgreSQL server for the tests of storage: one per process, TLS only, started at the first use.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "appliance/storage/database.h"
#include "appliance/storage/postgres.h"
#include "tests/federation/fixture.h"

namespace chancery::storage {

class PostgresServer {
 public:
  static PostgresServer& instance() {
    static PostgresServer server;
    return server;
  }
  ~PostgresServer() { (void)testing::run_command(script("stop") + " " + dir_); }

  PostgresOptions options() const {
    return {.host = "localhost",
            .port = port_,
            .user = "engine",
            .database = "engine",
            .trust_file = [file = folder_.file("server.crt")] { return file; },
            .password = [] { return secret_copy(std::string_view("geheim")); }};
  }
  std::string other_certificate() const { return folder_.file("other.crt"); }
  void empty() const { sql("DROP OWNED BY engine; GRANT ALL ON SCHEMA public TO engine"); }
  std::string sql(const std::string& statement) const {
    return must(script("sql") + " " + dir_ + " \"" + statement + "\"");
  }
  void kill() const { (void)must(script("kill") + " " + dir_); }
  void again() const { (void)must(script("again") + " " + dir_); }

 private:
  PostgresServer() {
    for (const char* name : {"server", "other"}) {
      (void)must(
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj /CN=localhost -addext "
          "subjectAltName=DNS:localhost -keyout " +
          folder_.file(std::string(name) + ".key") + " -out " + folder_.file(std::string(name) + ".crt"));
    }
    std::istringstream where(
        must(script("start") + " " + folder_.file("server.crt") + " " + folder_.file("server.key") + " geheim"));
    where >> dir_ >> port_;
  }
  static std::string script(const std::string& verb) {
    return std::string(CHANCERY_SOURCE_DIR) + "/tests/storage/postgres_server.sh " + verb;
  }
  static std::string must(const std::string& command) {
    const testing::CommandResult done = testing::run_command(command);
    if (done.exit_code != 0) throw std::runtime_error(command + ": " + done.output);
    return done.output;
  }

  testing::TemporaryFolder folder_;
  std::string dir_;
  int port_ = 0;
};

}  // namespace chancery::storage
