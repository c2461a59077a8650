#include "appliance/http/event_stream.h"

#include <poll.h>

namespace chancery::http {

namespace {

constexpr std::size_t kept = 512;
constexpr std::chrono::seconds keep_alive{15};

std::string event_text(const std::string& event, const std::string& data) {
  return "event: " + event + "\ndata: " + data + "\n\n";
}

// Whoever closes a page says so at once; without a look at the connection that would be seen only where something is
// written to it for the second time.
bool has_gone(int descriptor) {
  pollfd look{.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

struct EventStream::Listener {
  EventStream& stream;
  int descriptor;  // of the connection, which is there as long as it is answered
  std::function<bool()> is_welcome;
  std::uint64_t next;
  bool has_begun = false;
  Listener(EventStream& of, int connection, std::function<bool()> welcome, std::uint64_t from)
      : stream(of), descriptor(connection), is_welcome(std::move(welcome)), next(from) {}
  ~Listener() {
    const std::lock_guard lock(stream.mutex_);
    --stream.listeners_;
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
};

Answer EventStream::answer(const Call& call, std::function<bool()> is_welcome) {
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    if (!is_closed_ && listeners_ < most_listeners_) {
      ++listeners_;
      listener = std::make_shared<Listener>(*this, call.connection.descriptor(), std::move(is_welcome), told_);
    }
  }
  if (!listener) {
    Answer refusal = Answer::problem(503, "busy", "Too many pages listen already", "Try again later.");
    refusal.headers["Retry-After"] = "10";
    return refusal;
  }
  changed_.notify_all();
  Answer answer = Answer::json("");
  answer.content_type = "text/event-stream; charset=utf-8";
  answer.stream = [listener] { return listener->stream.next(*listener); };
  return answer;
}

std::string EventStream::next(Listener& listener) {
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    if (has_gone(listener.descriptor) || !listener.is_welcome()) return "";
    std::unique_lock lock(mutex_);
    if (is_closed_) return "";
    if (!listener.has_begun) {
      listener.has_begun = true;
      return "retry: 1000\n" + event_text("hello", greeting_);
    }
    if (listener.next < told_) {
      const std::uint64_t oldest = told_ - events_.size();
      std::string text;
      for (std::uint64_t at = std::max(listener.next, oldest); at < told_; ++at) text += events_[at - oldest];
      listener.next = told_;
      return text;
    }
    if (std::chrono::steady_clock::now() - begun >= keep_alive) return ": still here\n\n";
    changed_.wait_for(lock, std::chrono::seconds(1), [&] { return is_closed_ || listener.next < told_; });
  }
}

void EventStream::tell(const std::string& event, const std::string& json) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(event_text(event, json));
    if (events_.size() > kept) events_.pop_front();
    ++told_;
  }
  changed_.notify_all();
}

void EventStream::greet_with(const std::string& json) {
  const std::lock_guard lock(mutex_);
  greeting_ = json;
}

bool EventStream::is_heard() const {
  const std::lock_guard lock(mutex_);
  return listeners_ > 0;
}

void EventStream::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace chancery::http
