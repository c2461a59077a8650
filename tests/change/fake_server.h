// A TLS server in a thread of the test that behaves like another process: what it presents is the identity of the
// generation whose number stands in shared memory, so that a forked child can switch it and be killed.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace chancery::test {

// What the test and its forked children share.
struct Shared {
  std::atomic<std::uint64_t> generation{0};  // in force in the program
  std::atomic<std::uint64_t> stuck_at{0};    // not 0: what it presents, whatever it says
  std::atomic<bool> is_running{true};
  std::atomic<bool> is_silent{false};
  std::atomic<int> refuse_prepare{0};  // how many times
  std::atomic<int> refuse_activate{0};
  std::atomic<int> activations{0};
};
// Zeroed memory that lives as long as the process and is shared with children.
Shared& shared_memory();

class FakeServer {
 public:
  FakeServer(std::string state, std::string identity, Shared& shared);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  int port() const { return port_; }
  const std::string& identity() const { return identity_; }

 private:
  void serve();
  void answer(int connection) const;

  std::string state_;
  std::string identity_;
  Shared& shared_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace chancery::test
