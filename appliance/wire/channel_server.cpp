#include "appliance/wire/channel_server.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "appliance/wire/frames.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr std::size_t unsent_limit = 1024 * 1024;
constexpr std::size_t reads_per_turn = 8;  // so that one talkative peer does not starve the others

class LiveSession final : public Session {
 public:
  LiveSession(tls::Connection link, std::string endpoint, std::uint64_t number)
      : link_(std::move(link)), endpoint_(std::move(endpoint)), number_(number) {}

  const tls::Connection& connection() const override { return link_; }
  const std::string& endpoint() const override { return endpoint_; }
  std::uint64_t number() const override { return number_; }

  void send(std::string_view message) override {
    const Bytes frame = encode_frame(message);
    if (unsent_.size() + frame.size() > unsent_limit) {
      ending_ = broken_ = true;
      return;
    }
    unsent_.insert(unsent_.end(), frame.begin(), frame.end());
  }
  void end() override { ending_ = true; }

  // True while the session lives.
  bool flush() {
    if (broken_) return false;
    std::size_t sent = 0;
    while (sent < unsent_.size()) {
      const std::size_t taken = link_.try_write(ByteView(unsent_).subspan(sent));
      if (taken == 0) break;
      sent += taken;
    }
    if (sent == unsent_.size()) {
      unsent_ = Bytes();  // and its memory: most sessions are idle
    } else {
      unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
    }
    return !(ending_ && unsent_.empty());
  }
  bool wants_write() const { return !unsent_.empty() || link_.wants_write(); }
  bool is_ending() const { return ending_; }

  tls::Connection& link() { return link_; }
  FrameReader frames;
  SteadyTime last_heard = std::chrono::steady_clock::now();
  bool has_spoken = false;
  bool has_begun = false;  // on_begin has come back
  std::uint32_t watched = 0;

 private:
  tls::Connection link_;
  std::string endpoint_;
  std::uint64_t number_;
  Bytes unsent_;
  bool ending_ = false;
  bool broken_ = false;
};

}  // namespace

struct ChannelServer::State {
  explicit State(ChannelHandlers given) : handlers(std::move(given)) {
    poll = ::epoll_create1(EPOLL_CLOEXEC);
    wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poll < 0 || wake < 0) throw system_failure(errno, "open an event loop for", "the collector channel");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = wake;
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, wake, &event) != 0)
      throw system_failure(errno, "watch", "the collector channel");
    loop = std::thread([this] { run(); });
  }
  ~State() {
    if (poll >= 0) ::close(poll);
    if (wake >= 0) ::close(wake);
  }

  void awaken() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);
  }

  void run() {
    std::array<epoll_event, 256> events{};
    SteadyTime next_sweep = std::chrono::steady_clock::now();
    while (!stopping) {
      const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 1000);
      for (int i = 0; i < count; ++i) {
        const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
        if (descriptor == wake) {
          take_arrivals();
        } else if (const auto found = sessions.find(descriptor); found != sessions.end()) {
          guarded(descriptor, *found->second, [&](LiveSession& session) { serve(session); });
        }
      }
      const SteadyTime now = std::chrono::steady_clock::now();
      if (now >= next_sweep) {
        drop_silent(now);
        next_sweep = now + std::chrono::seconds(1);
      }
    }
    for (auto& [descriptor, session] : sessions) end(*session);
    sessions.clear();
  }

  void take_arrivals() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto got = ::read(wake, &ignored, sizeof ignored);
    std::vector<std::unique_ptr<LiveSession>> fresh;
    std::vector<std::function<void(Session&)>> jobs;
    {
      const std::lock_guard lock(mutex);
      fresh.swap(arrivals);
      jobs.swap(tasks);
    }
    for (auto& session : fresh) {
      const int descriptor = session->link().descriptor();
      epoll_event event{};
      event.events = session->watched = EPOLLIN;
      event.data.fd = descriptor;
      if (::epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) != 0) continue;  // the session is dropped with its link
      LiveSession& kept = *sessions.insert_or_assign(descriptor, std::move(session)).first->second;
      guarded(descriptor, kept, [&](LiveSession& s) {
        if (handlers.on_begin) handlers.on_begin(s);
        s.has_begun = true;
        serve(s);  // what came with the handshake's last record is already here
      });
    }
    for (const auto& job : jobs) {
      std::vector<int> descriptors;
      for (const auto& entry : sessions) descriptors.push_back(entry.first);
      for (const int descriptor : descriptors) {
        const auto found = sessions.find(descriptor);
        if (found != sessions.end()) guarded(descriptor, *found->second, [&](LiveSession& s) { job(s); });
      }
    }
  }

  void serve(LiveSession& session) {
    std::array<std::uint8_t, 16384> buffer{};
    for (std::size_t turn = 0; turn < reads_per_turn && !session.is_ending(); ++turn) {
      const auto got = session.link().try_read(buffer);
      if (!got) return;
      if (*got == 0) {
        session.end();
        return;
      }
      session.last_heard = std::chrono::steady_clock::now();
      session.frames.feed(ByteView(buffer).first(*got));
      while (!session.is_ending()) {
        const auto message = session.frames.next();
        if (!message) break;
        session.has_spoken = true;
        handlers.on_frame(session, *message);
      }
    }
  }

  // Runs `work`, then sends what it left to be sent; ends the session when it is over or anything is thrown.
  template <typename Work>
  void guarded(int descriptor, LiveSession& session, Work work) {
    bool alive = false;
    try {
      work(session);
      alive = session.flush();
      if (alive) watch(session);
    } catch (const std::exception& error) {
      spdlog::info("[{}] {} {}: {}", session.number(), session.endpoint(), session.connection().peer_address(),
                   error.what());
    }
    if (alive) return;
    end(session);
    ::epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, nullptr);
    sessions.erase(descriptor);
  }

  // What the owner of the handlers set up at the beginning is there, or the end is not told.
  void end(LiveSession& session) const noexcept {
    if (!session.has_begun || !handlers.on_end) return;
    try {
      handlers.on_end(session);
    } catch (const std::exception& error) {
      spdlog::error("[{}] {}: {}", session.number(), session.endpoint(), error.what());
    }
  }

  void watch(LiveSession& session) {
    const std::uint32_t wanted = EPOLLIN | (session.wants_write() ? EPOLLOUT : 0U);
    // OpenSSL may hold decrypted bytes that epoll cannot see.
    if (session.link().has_buffered()) awaken_for(session);
    if (wanted == session.watched) return;
    epoll_event event{};
    event.events = session.watched = wanted;
    event.data.fd = session.link().descriptor();
    ::epoll_ctl(poll, EPOLL_CTL_MOD, session.link().descriptor(), &event);
  }

  void awaken_for(const LiveSession& session) {
    {
      const std::lock_guard lock(mutex);
      const std::uint64_t number = session.number();
      tasks.emplace_back([this, number](Session& each) {
        if (each.number() == number) serve(static_cast<LiveSession&>(each));
      });
    }
    awaken();
  }

  void drop_silent(SteadyTime now) {
    std::vector<int> silent;
    for (const auto& [descriptor, session] : sessions) {
      const auto quiet = now - session->last_heard;
      if (quiet > (session->has_spoken ? handlers.idle : handlers.first_frame)) silent.push_back(descriptor);
    }
    for (const int descriptor : silent) {
      LiveSession& session = *sessions.at(descriptor);
      spdlog::info("[{}] {} {}: silent for too long, dropped", session.number(), session.endpoint(),
                   session.connection().peer_address());
      end(session);
      ::epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, nullptr);
      sessions.erase(descriptor);
    }
  }

  ChannelHandlers handlers;
  int poll = -1;
  int wake = -1;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> next_number{1};
  std::unordered_map<int, std::unique_ptr<LiveSession>> sessions;  // the loop's thread only
  std::mutex mutex;
  std::vector<std::unique_ptr<LiveSession>> arrivals;
  std::vector<std::function<void(Session&)>> tasks;
  std::thread loop;
};

ChannelServer::ChannelServer(ChannelHandlers handlers) : state_(std::make_unique<State>(std::move(handlers))) {}

ChannelServer::~ChannelServer() { stop(); }

void ChannelServer::adopt(tls::Connection connection, const std::string& endpoint) {
  auto session = std::make_unique<LiveSession>(std::move(connection), endpoint, state_->next_number++);
  {
    const std::lock_guard lock(state_->mutex);
    state_->arrivals.push_back(std::move(session));
  }
  state_->awaken();
}

void ChannelServer::for_each(std::function<void(Session&)> task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->tasks.push_back(std::move(task));
  }
  state_->awaken();
}

void ChannelServer::stop() {
  if (!state_->loop.joinable()) return;
  state_->stopping = true;
  state_->awaken();
  state_->loop.join();
}

}  // namespace chancery::wire
