// What the tests of authority and federation share: a folder that goes away, somebody else's tools, a clock to turn.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "appliance/authority/authority.h"
#include "keystore/fault.h"
#include "tests/failure_code.h"

namespace chancery::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where that is possible: nothing here is about durability, and every fsync costs milliseconds.
    const std::string base = std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = base + "/chancery-federation-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, ByteView bytes) const {
    std::ofstream(file(name), std::ios::binary) << text_of(bytes);
    return file(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

struct CommandResult {
  int exit_code;
  std::string output;  // stdout and stderr
};

inline CommandResult run_command(const std::string& command) {
  FILE* pipe = ::popen(("(" + command + ") 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
  return {WEXITSTATUS(::pclose(pipe)), output};
}

inline void must_run(const std::string& command) {
  const CommandResult result = run_command(command);
  ASSERT_EQ(result.exit_code, 0) << command << "\n" << result.output;
}

// A clock that tests turn.
struct TurningClock {
  std::shared_ptr<Instant> now = std::make_shared<Instant>(system_now());
  Clock clock() const {
    return [at = now] { return *at; };
  }
  void advance(std::chrono::seconds span) const { *now += span; }
};

inline std::int64_t count_certificates(authority::Authority& authority) {
  return authority.store().rows("SELECT count(*) FROM certificates").front().integer(0);
}

}  // namespace chancery::testing
