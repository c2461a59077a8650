// Every fuzz target over its seeds and over deterministic mutations of them, for about a second each. What libFuzzer
// finds in its hours (./dev fuzz) is added to fuzz/corpus/<target>/ and runs here from then on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>

#include "tests/keystore/fuzz/targets.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using Target = void (*)(ByteView);

std::vector<Bytes> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (!std::filesystem::exists(folder)) return {};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> out;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return out;
}

Bytes mutated(Bytes bytes, const std::vector<Bytes>& seeds, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random()) % limit; };
  const auto at = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
  for (std::size_t rounds = 1 + below(4); rounds > 0 && !bytes.empty(); --rounds) {
    const std::size_t where = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[where] = static_cast<std::uint8_t>(bytes[where] ^ (1U << below(8)));
        break;
      case 1: {
        constexpr std::uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0x84, 0xff, '\n', '-', 0x30, 0x02};
        bytes[where] = interesting[below(std::size(interesting))];
        break;
      }
      case 2:
        bytes.resize(where);
        break;
      case 3:
        bytes.erase(at(where), at(std::min(bytes.size(), where + 1 + below(16))));
        break;
      case 4: {
        const Bytes copy(at(where), at(std::min(bytes.size(), where + 1 + below(64))));
        bytes.insert(at(below(bytes.size())), copy.begin(), copy.end());
        break;
      }
      default: {
        const Bytes& other = seeds[below(seeds.size())];
        const std::size_t cut = below(other.size());
        bytes.resize(where);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(cut), other.end());
      }
    }
  }
  return bytes;
}

// The input at hand, for the handler that keeps it when it brings the test down.
Bytes current_input;

void keep_input(int signal_number) {
  constexpr char name[] = "/tmp/chancery-fuzz-crash";
  const int file = ::open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  (void)!::write(file, current_input.data(), current_input.size());
  constexpr char message[] = "fuzz_test: the input is in /tmp/chancery-fuzz-crash\n";
  (void)!::write(STDERR_FILENO, message, sizeof message - 1);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

class FuzzTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run("bash " CHANCERY_SOURCE_DIR "/tests/keystore/fuzz/make_seeds.sh " + shop_->path("seeds"));
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }
  static void run(const std::string& name, Target target) {
    std::vector<Bytes> seeds = files_in(shop_->path("seeds/" + name));
    ASSERT_FALSE(seeds.empty());
    for (Bytes& found : files_in(CHANCERY_SOURCE_DIR "/tests/keystore/fuzz/corpus/" + name)) seeds.push_back(found);
    seeds.push_back({});
    for (const Bytes& seed : seeds) {
      current_input = seed;
      target(seed);
    }
    std::signal(SIGABRT, keep_input);
    std::signal(SIGSEGV, keep_input);
    std::mt19937 random(20261121);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(900);
    std::size_t count = 0;
    for (; std::chrono::steady_clock::now() < end; ++count) {
      current_input = mutated(seeds[random() % seeds.size()], seeds, random);
      const double start = processor_seconds();
      target(current_input);
      ASSERT_LT(processor_seconds() - start, 5) << "mutation " << count;
    }
    std::signal(SIGABRT, SIG_DFL);
    std::signal(SIGSEGV, SIG_DFL);
    RecordProperty("mutations", static_cast<int>(count));
  }
  static Workshop* shop_;
};
Workshop* FuzzTest::shop_ = nullptr;

TEST_F(FuzzTest, Material) { run("material", fuzz::material); }
TEST_F(FuzzTest, Certificate) { run("certificate", fuzz::certificate); }
TEST_F(FuzzTest, Request) { run("request", fuzz::request); }
TEST_F(FuzzTest, Name) { run("name", fuzz::name); }
TEST_F(FuzzTest, Cursor) { run("cursor", fuzz::cursor); }

}  // namespace
}  // namespace chancery
