// Processor time, for the programs of the benches.
#pragma once

#include <time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace chancery::bench {

inline double microseconds_by(clockid_t clock) {
  timespec spent{};
  ::clock_gettime(clock, &spent);
  return static_cast<double>(spent.tv_sec) * 1e6 + static_cast<double>(spent.tv_nsec) * 1e-3;
}
inline double own_microseconds() { return microseconds_by(CLOCK_PROCESS_CPUTIME_ID); }
inline double thread_microseconds() { return microseconds_by(CLOCK_THREAD_CPUTIME_ID); }

// The processor time of another process, to the nanosecond: the scheduler's own account of each of its threads.
inline double microseconds_of(const std::string& pid) {
  double sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + pid + "/task")) {
    std::ifstream file(thread.path() / "schedstat");
    double spent = 0;
    if (file >> spent) sum += spent * 1e-3;
  }
  return sum;
}

// The same when it has done what follows an answer as well: closing, writing its log, checkpoints.
inline double settled_microseconds_of(const std::string& pid) {
  constexpr timespec moment{.tv_sec = 0, .tv_nsec = 500'000};
  double before = microseconds_of(pid);
  for (int equal = 0; equal < 3;) {
    ::nanosleep(&moment, nullptr);
    const double now = microseconds_of(pid);
    equal = now == before ? equal + 1 : 0;
    before = now;
  }
  return before;
}

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// A folder in memory (or below `parent`) that goes with the object.
class Scratch {
 public:
  explicit Scratch(const std::string& parent = "/dev/shm") {
    std::string pattern = parent + "/chancery-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp in " + parent);
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace chancery::bench
