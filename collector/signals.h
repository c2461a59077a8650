// What ends a collector, and what makes it look at its state again, as descriptors that can be waited for.
//
//   Signals signals;                  // SIGTERM and SIGINT stop it; SIGPIPE is ignored
//   poll(signals.stop()) …            // readable: it is time to stop; stays so
//   signals.wake();                   // from any thread; taken back by clear_wake()
#pragma once

namespace chancery::collector {

class Signals {
 public:
  Signals();  // once in a process
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int stop() const;
  int woken() const { return wake_; }
  void wake() const;
  void clear_wake() const;

 private:
  int wake_ = -1;
};

}  // namespace chancery::collector
