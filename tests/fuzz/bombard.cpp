#include "tests/fuzz/bombard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace chancery::fuzz {
namespace {

namespace fs = std::filesystem;

// Bytes that mean something to DER, JSON, TOML, HTTP, zip or PEM.
constexpr std::string_view tokens[] = {
    "{\"a\":",
    "[[[[[[[[[[[[",
    "-1",
    "1e999",
    "18446744073709551616",
    "null",
    "\"\\ud800\"",
    "../",
    "\"\"",
    ",",
    "=",
    "\r\n",
    "\n\n",
    "\n ",
    ": ",
    "0\r\n\r\n",
    "ffffffffffffffff",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END",
    "PK\x05\x06",
    "PK\x01\x02",
    std::string_view("\0\0\0\0", 4),
    std::string_view("\0\0\0\1", 4),
    "\xff\xff\xff\xff",
    "\x30\x80",
    "\x30\x84\x7f\xff\xff\xff",
};

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& seeds) : seeds_(seeds) {}

  Bytes next() {
    Bytes bytes = seeds_[below(seeds_.size())];
    for (std::size_t rounds = 1 + below(4); rounds > 0 && !bytes.empty(); --rounds) change(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_()) % limit; }

  void change(Bytes& bytes) {
    const std::size_t where = below(bytes.size());
    const auto at = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    switch (below(8)) {
      case 0:
        bytes[where] = static_cast<std::uint8_t>(bytes[where] ^ (1U << below(8)));
        return;
      case 1: {
        constexpr std::uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0x84, 0xff, '\n', '-', 0x30, 0x02, '"', '{', ']'};
        bytes[where] = interesting[below(std::size(interesting))];
        return;
      }
      case 2:
        bytes[where] = static_cast<std::uint8_t>(below(256));
        return;
      case 3:
        bytes.resize(where);
        return;
      case 4:
        bytes.erase(at(where), at(std::min(bytes.size(), where + 1 + below(16))));
        return;
      case 5: {
        const Bytes copy(at(where), at(std::min(bytes.size(), where + 1 + below(64))));
        bytes.insert(at(below(bytes.size())), copy.begin(), copy.end());
        return;
      }
      case 6: {
        const std::string_view token = tokens[below(std::size(tokens))];
        bytes.insert(at(where), token.begin(), token.end());
        return;
      }
      default: {
        const Bytes& other = seeds_[below(seeds_.size())];
        const std::size_t cut = other.empty() ? 0 : below(other.size());
        bytes.resize(where);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(cut), other.end());
      }
    }
  }

  const std::vector<Bytes>& seeds_;
  std::mt19937 random_{20261121};
};

// The input at hand, for the handler that keeps it when it brings the test down.
Bytes current_input;
std::string kept_in;

void keep_input(int signal_number) {
  const int file = ::open(kept_in.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  (void)!::write(file, current_input.data(), current_input.size());
  (void)!::write(STDERR_FILENO, "the input is in ", 16);
  (void)!::write(STDERR_FILENO, kept_in.data(), kept_in.size());
  (void)!::write(STDERR_FILENO, "\n", 1);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void write_seeds(const fs::path& folder, const std::vector<Bytes>& seeds) {
  fs::create_directories(folder);
  for (std::size_t number = 0; number < seeds.size(); ++number) {
    std::ofstream out(folder / std::to_string(number), std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(seeds[number].data()), static_cast<std::streamsize>(seeds[number].size()));
  }
}

std::chrono::milliseconds budget() {
  const char* given = std::getenv("CHANCERY_FUZZ_SECONDS");
  return given == nullptr ? std::chrono::seconds(5)
                          : std::chrono::milliseconds(static_cast<long>(std::strtod(given, nullptr) * 1000));
}

}  // namespace

std::vector<Bytes> files_in(const std::string& folder) {
  if (!fs::exists(folder)) return {};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> out;
  for (const fs::path& path : paths) {
    std::ifstream in(path, std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return out;
}

void bombard(const std::string& name, const std::function<void(ByteView)>& target, std::vector<Bytes> seeds) {
  ASSERT_FALSE(seeds.empty());
  if (const char* folder = std::getenv("CHANCERY_FUZZ_SEEDS")) {
    write_seeds(fs::path(folder) / name, seeds);
    return;
  }
  for (Bytes& found : files_in(CHANCERY_SOURCE_DIR "/tests/fuzz/corpus/" + name)) seeds.push_back(std::move(found));
  seeds.emplace_back();
  kept_in = "/tmp/chancery-fuzz-" + name;
  for (const int crash : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGTRAP}) std::signal(crash, keep_input);

  const auto run = [&](Bytes input) {
    current_input = std::move(input);
    const double start = processor_seconds();
    target(current_input);
    const double taken = processor_seconds() - start;
    if (taken > 5) std::abort();
  };
  for (const Bytes& seed : seeds) run(seed);
  Mutator mutator(seeds);
  const auto end = std::chrono::steady_clock::now() + budget();
  int count = 0;
  while (std::chrono::steady_clock::now() < end && ++count > 0) run(mutator.next());

  for (const int crash : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGTRAP}) std::signal(crash, SIG_DFL);
  ::testing::Test::RecordProperty("mutations", count);
  EXPECT_GT(count, 0);
}

}  // namespace chancery::fuzz
