// Runs the scripts of tests/cli/scripts against the built program (see script.h).
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "appliance/cli/text.h"
#include "tests/cli/script.h"

namespace chancery::test {
namespace {

namespace fs = std::filesystem;

const fs::path kScripts = fs::path(CHANCERY_SOURCE_DIR) / "tests/cli/scripts";

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Everything in force, by path; empty where there is no state.
std::map<std::string, std::string> in_force(const fs::path& state) {
  std::map<std::string, std::string> files;
  std::error_code error;
  const fs::path link = fs::read_symlink(state / "current", error);
  if (error) return files;
  files["current"] = link.string();
  for (const auto& entry : fs::recursive_directory_iterator(state / link)) {
    if (entry.is_regular_file()) files[entry.path().string()] = contents(entry.path());
  }
  return files;
}

// Every file of every appliance below `folder`: databases and policy as well as what is in force. Left out is what reading
// alone may touch: who held the lock, sockets, and SQLite's own side files.
std::map<std::string, std::string> all_states(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& state : fs::directory_iterator(folder)) {
    if (!fs::is_symlink(fs::symlink_status(state.path() / "current"))) continue;
    files[state.path().string()] = fs::read_symlink(state.path() / "current").string();
    for (const auto& entry : fs::recursive_directory_iterator(state.path())) {
      const fs::path path = entry.path();
      const bool is_of_sqlite = path.extension() == ".db-wal" || path.extension() == ".db-shm";
      if (!entry.is_regular_file() || path.filename() == "lock" || is_of_sqlite) continue;
      files[path.string()] = contents(path);
    }
  }
  return files;
}

struct Result {
  int exit = -1;
  std::string out;
  std::string error;
};

class Workplace {
 public:
  Workplace() {
    std::string pattern = (fs::temp_directory_path() / "chancery-cli-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
  }
  ~Workplace() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  const fs::path& folder() const { return folder_; }
  fs::path state() const { return folder_ / "state"; }

  Result run(const std::string& command) const {
    {
      std::ofstream file(folder_ / ".command");
      file << command << "\n";
    }
    const std::string line = "cd '" + folder_.string() +
                             "' && env -u NO_COLOR XDG_STATE_HOME=\"$PWD/xdg\" CHANCERY_STATE='" + state().string() +
                             "' LC_ALL=C.UTF-8 PATH=\"" CHANCERY_BIN_DIR ":" CHANCERY_SOURCE_DIR
                             "/tests/cli:$PATH\" sh .command >.out 2>.error </dev/null";
    const int status = std::system(line.c_str());
    return {.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128,
            .out = contents(folder_ / ".out"),
            .error = contents(folder_ / ".error")};
  }

 private:
  fs::path folder_;
};

bool is_foreign_output(const std::string& command) {
  for (const char* word : {"--json", "completion", "--man", "--pem", "cert csr", "authority", "| ", "federation token ",
                           "--output -", "cat ", "init"}) {
    if (command.find(word) != std::string::npos) return true;
  }
  return false;
}

void expect_readable(const std::string& out, const std::string& where) {
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line, cli::escaped(line)) << where << ": unescaped characters";
    EXPECT_LE(cli::width_of(line), 80u) << where << ": " << line;
    EXPECT_FALSE(line.ends_with(' ')) << where << ": blanks at the end of: " << line;
  }
}

class Script : public testing::TestWithParam<std::string> {};

TEST_P(Script, Runs) {
  const Workplace workplace;
  const std::string path = (kScripts / (GetParam() + ".txt")).string();
  for (const ScriptStep& step : read_script(path)) {
    const std::string where = GetParam() + ".txt:" + std::to_string(step.line) + ": " + step.command;
    const auto before = in_force(workplace.state());
    const bool is_dry = !step.is_set_up && step.command.find("--dry-run") != std::string::npos;
    const auto everything = is_dry ? all_states(workplace.folder()) : in_force("");
    const Result result = workplace.run(step.command);
    if (step.is_set_up) {
      ASSERT_EQ(result.exit, 0) << where << "\n" << result.out << result.error;
      continue;
    }
    EXPECT_EQ(result.exit, step.exit) << where << "\n" << result.out << result.error;
    const std::string out = compare(step.out, result.out);
    EXPECT_TRUE(out.empty()) << where << "\nstdout " << out << result.error;
    const std::string error = compare(step.error, result.error);
    EXPECT_TRUE(error.empty()) << where << "\nstderr " << error;
    if (step.exit != 0) {
      EXPECT_TRUE(before == in_force(workplace.state())) << where << ": the state in force moved";
    }
    if (is_dry) {
      EXPECT_TRUE(everything == all_states(workplace.folder())) << where << ": a dry run changed something";
    }
    if (step.command.find("--json") != std::string::npos && step.command.find_first_of("|>") == std::string::npos) {
      EXPECT_TRUE(nlohmann::json::accept(result.out)) << where << ": not one JSON document\n" << result.out;
    }
    if (!is_foreign_output(step.command)) expect_readable(result.out, where);
    // Later steps build on this one: its first failure is the one worth reading.
    if (testing::Test::HasFailure()) return;
  }
}

std::vector<std::string> script_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kScripts)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Cli, Script, testing::ValuesIn(script_names()), [](const auto& script) {
  std::string name = script.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace chancery::test
