#include "appliance/wire/channel_loop.h"

#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "keystore/fault.h"

namespace chancery::wire {

namespace {

constexpr std::size_t reads_per_turn = 8;  // so that one talkative peer does not starve the others
// Answers go out together: whoever waits for several of them is woken once, and the code that reads stays in the cache
// while it reads. Few enough that the first does not wait long for the last.
constexpr std::size_t answers_at_once = 16;
constexpr auto sweep_interval = std::chrono::seconds(1);

void log_end(const LiveSession& session, const char* why) {
  spdlog::info("[{}] {} {}: {}", session.number(), session.endpoint(), session.connection().peer_address(), why);
}

}  // namespace

ChannelLoop::ChannelLoop(ChannelShared& shared)
    : shared_(shared), poll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!poll_ || !wake_) throw system_failure(errno, "open an event loop for", "the collector channel");
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
  if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw system_failure(errno, "watch", "the collector channel");
  }
  thread_ = std::thread([this] { run(); });
}

ChannelLoop::~ChannelLoop() = default;

void ChannelLoop::awaken() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void ChannelLoop::add(std::unique_ptr<LiveSession> session) {
  {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back(std::move(session));
  }
  awaken();
}

void ChannelLoop::for_each(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  awaken();
}

void ChannelLoop::begin_to_stop(Task farewell) {
  farewell_ = std::move(farewell);
  stopping_ = true;
  awaken();
}

void ChannelLoop::join() {
  if (thread_.joinable()) thread_.join();
}

void ChannelLoop::run() {
  // Whoever sends goes on sending instead of making way for the first message: more are served by one waking. An idle
  // processor takes it at once as ever; where that is not allowed, nothing is lost.
  const sched_param no_priority{};
  static_cast<void>(::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &no_priority));
  std::array<epoll_event, 256> events{};
  SteadyTime next_sweep = std::chrono::steady_clock::now() + sweep_interval;
  while (!stopping_) {
    const int patience = unread_.empty() ? static_cast<int>(std::chrono::milliseconds(sweep_interval).count()) : 0;
    const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), patience);
    const std::vector<int> unread = std::exchange(unread_, {});
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      woken = woken || descriptor == wake_.get();
      if (descriptor != wake_.get()) serve_ready(descriptor);
    }
    for (const int descriptor : unread) serve_ready(descriptor);
    answer_served();
    // After the events: what arrives may bear the number of a descriptor that was just closed.
    if (woken) {
      take_arrivals();
      take_tasks();
    }
    if (const SteadyTime now = std::chrono::steady_clock::now(); now >= next_sweep) {
      drop_overdue(now);
      next_sweep = now + sweep_interval;
    }
  }
  end_all();
}

void ChannelLoop::take_arrivals() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &ignored, sizeof ignored);
  std::vector<std::unique_ptr<LiveSession>> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(arrivals_);
  }
  for (auto& session : fresh) enter(std::move(session));
}

void ChannelLoop::enter(std::unique_ptr<LiveSession> entering) {
  const int descriptor = entering->link().descriptor();
  epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
  if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return;  // dropped with its link
  entering->watched = EPOLLIN;
  const auto place = static_cast<std::size_t>(descriptor);
  if (place >= sessions_.size()) sessions_.resize(place + 1);
  sessions_[place] = std::move(entering);
  ++shared_.sessions;
  guarded(*sessions_[place], [this](LiveSession& session) {
    call(session, shared_.handlers.on_begin);
    session.has_begun = true;
    serve(session);  // what came with the handshake's last record is already here
  });
}

void ChannelLoop::take_tasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) {
    for (std::size_t place = 0; place < sessions_.size(); ++place) {
      if (!sessions_[place]) continue;
      guarded(*sessions_[place], [this, &task](LiveSession& session) { call(session, *task); });
    }
  }
}

void ChannelLoop::call(LiveSession& session, const std::function<void(Session&)>& handler) {
  if (!handler) return;
  const std::lock_guard turn(shared_.turn);
  handler(session);
}

void ChannelLoop::serve(LiveSession& session) {
  std::array<std::uint8_t, 16384> buffer;
  for (std::size_t turn = 0; turn < reads_per_turn && !session.is_ending(); ++turn) {
    const auto got = session.link().try_read(buffer);
    if (!got) return;
    if (*got == 0) {
      session.end();
      return;
    }
    session.frames.feed(ByteView(buffer).first(*got));
    while (!session.is_ending()) {
      const auto message = session.frames.next();
      if (!message) break;
      const std::lock_guard guard(shared_.turn);
      shared_.handlers.on_frame(session, *message);
    }
    session.heard(std::chrono::steady_clock::now());
    if (!session.link().has_buffered()) return;  // what comes next shows in epoll
  }
  // The others first; what is read already shows in no epoll.
  if (!session.is_ending()) unread_.push_back(session.link().descriptor());
}

void ChannelLoop::serve_ready(int descriptor) {
  const auto& session = sessions_[static_cast<std::size_t>(descriptor)];
  if (!session || !survives(*session, [this](LiveSession& each) { serve(each); })) return;
  served_.push_back(descriptor);
  if (served_.size() == answers_at_once) answer_served();
}

void ChannelLoop::answer_served() {
  for (const int descriptor : served_) {
    // Who was served twice may have left with the first answer.
    if (const auto& session = sessions_[static_cast<std::size_t>(descriptor)]) guarded(*session, [](LiveSession&) {});
  }
  served_.clear();
}

// Runs `work`; false where it threw, and the session is ended.
template <typename Work>
bool ChannelLoop::survives(LiveSession& session, Work work) {
  try {
    work(session);
    return true;
  } catch (const std::exception& error) {
    log_end(session, error.what());
  }
  leave(session);
  return false;
}

// Runs `work`, then sends what it left to be sent; ends the session when it is over or anything is thrown.
template <typename Work>
void ChannelLoop::guarded(LiveSession& session, Work work) {
  bool alive = false;
  const bool survived = survives(session, [&](LiveSession& each) {
    work(each);
    alive = each.flush();
    if (alive) watch(each);
  });
  if (survived && !alive) leave(session);
}

void ChannelLoop::watch(LiveSession& session) {
  const std::uint32_t wanted = EPOLLIN | (session.wants_write() ? EPOLLOUT : 0U);
  if (wanted == session.watched) return;
  const int descriptor = session.link().descriptor();
  epoll_event event{.events = wanted, .data = {.fd = descriptor}};
  session.watched = wanted;
  ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void ChannelLoop::leave(LiveSession& session) {
  tell_end(session);
  const int descriptor = session.link().descriptor();
  ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  sessions_[static_cast<std::size_t>(descriptor)].reset();
  --shared_.sessions;
}

// What the owner of the handlers set up at the beginning is there, or the end is not told.
void ChannelLoop::tell_end(LiveSession& session) noexcept {
  if (!session.has_begun) return;
  try {
    call(session, shared_.handlers.on_end);
  } catch (const std::exception& error) {
    spdlog::error("[{}] {}: {}", session.number(), session.endpoint(), error.what());
  }
}

void ChannelLoop::drop_overdue(SteadyTime now) {
  for (const auto& session : sessions_) {
    if (!session) continue;
    const std::string_view why = session->overdue(shared_.handlers, now);
    if (why.empty()) continue;
    log_end(*session, (std::string(why) + ", dropped").c_str());
    leave(*session);
  }
}

void ChannelLoop::end_all() {
  for (const auto& session : sessions_) {
    if (!session) continue;
    try {
      if (farewell_) {
        call(*session, *farewell_);
        static_cast<void>(session->flush());  // nobody is waited for
      }
    } catch (const std::exception& error) {
      log_end(*session, error.what());
    }
    tell_end(*session);
    --shared_.sessions;
  }
  sessions_.clear();
}

}  // namespace chancery::wire
