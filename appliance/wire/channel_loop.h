// One thread with an epoll set of sessions. For channel_server.cpp only.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "appliance/tls/descriptor.h"
#include "appliance/wire/live_session.h"

namespace chancery::wire {

// What the loops of one server share.
struct ChannelShared {
  ChannelHandlers handlers;
  std::mutex turn;  // held while a handler or task runs
  std::atomic<std::size_t> sessions = 0;
};

class ChannelLoop {
 public:
  using Task = std::shared_ptr<const std::function<void(Session&)>>;

  explicit ChannelLoop(ChannelShared& shared);
  ~ChannelLoop();  // after stop()
  void add(std::unique_ptr<LiveSession> session);
  void for_each(Task task);
  void begin_to_stop(Task farewell);  // nullptr: none
  void join();

 private:
  void run();
  void awaken() const;
  void take_arrivals();
  void take_tasks();
  void enter(std::unique_ptr<LiveSession> session);
  void serve(LiveSession& session);
  void serve_ready(int descriptor);
  void answer_served();
  template <typename Work>
  bool survives(LiveSession& session, Work work);
  template <typename Work>
  void guarded(LiveSession& session, Work work);
  void call(LiveSession& session, const std::function<void(Session&)>& handler);
  void watch(LiveSession& session);
  void leave(LiveSession& session);
  void tell_end(LiveSession& session) noexcept;
  void drop_overdue(SteadyTime now);
  void end_all();

  ChannelShared& shared_;
  tls::Descriptor poll_;
  tls::Descriptor wake_;
  std::vector<std::unique_ptr<LiveSession>> sessions_;  // by descriptor; the loop's thread only
  std::vector<int> unread_;                             // whose turn was over before everything was read
  std::vector<int> served_;                             // who was read from, and is still to be answered
  std::atomic<bool> stopping_ = false;
  Task farewell_;
  std::mutex mutex_;  // of what other threads leave here
  std::vector<std::unique_ptr<LiveSession>> arrivals_;
  std::vector<Task> tasks_;
  std::thread thread_;
};

}  // namespace chancery::wire
