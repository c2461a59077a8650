#include "appliance/console/events.h"

#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::console {

namespace {

using nlohmann::json;

constexpr std::size_t most_listeners = 24;
constexpr std::size_t kept = 512;
constexpr std::chrono::milliseconds interval{200};
constexpr std::chrono::seconds keep_alive{15};

std::string event_text(const std::string& event, const std::string& data) {
  return "event: " + event + "\ndata: " + data + "\n\n";
}

}  // namespace

struct EventHub::Listener {
  EventHub& hub;
  std::function<bool()> is_welcome;
  std::uint64_t next;
  bool has_begun = false;
  Listener(EventHub& of, std::function<bool()> welcome, std::uint64_t from)
      : hub(of), is_welcome(std::move(welcome)), next(from) {}
  ~Listener() {
    const std::lock_guard lock(hub.mutex_);
    --hub.listeners_;
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
};

std::optional<std::function<std::string()>> EventHub::listen(std::function<bool()> is_welcome) {
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_ || listeners_ >= most_listeners) return std::nullopt;
    ++listeners_;
    listener = std::make_shared<Listener>(*this, std::move(is_welcome), told_);
  }
  changed_.notify_all();
  return [listener] { return listener->hub.next(*listener); };
}

std::string EventHub::next(Listener& listener) {
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    if (!listener.is_welcome()) return "";
    std::unique_lock lock(mutex_);
    if (is_closed_) return "";
    if (!listener.has_begun) {
      listener.has_begun = true;
      const json hello{{"manager", manager_runs_.value_or(true)}};
      return "retry: 1000\n" + event_text("hello", hello.dump());
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

void EventHub::tell(const std::string& event, const std::string& data) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(event_text(event, data));
    if (events_.size() > kept) events_.pop_front();
    ++told_;
  }
  changed_.notify_all();
}

void EventHub::look() {
  bool runs = true;
  try {
    const control::Message reply =
        manager_.ask("progress", {{"after", seen_}}, {}, "", std::chrono::milliseconds(5000));
    const json document = json::parse(reply.json);
    if (document.contains("error")) return;
    const std::string epoch = document.at("epoch").get<std::string>();
    // Another epoch: the manager was started anew, and what was before is not told.
    const bool is_new = epoch != epoch_;
    if (!is_new) {
      for (const json& event : document.at("events")) tell("progress", event.dump());
    }
    if (is_new && !epoch_.empty()) tell("hello", R"({"manager":true})");
    epoch_ = epoch;
    seen_ = document.at("last").get<std::int64_t>();
  } catch (const Failure&) {
    runs = false;
  } catch (const json::exception&) {
    runs = false;
  }
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    is_news = manager_runs_.has_value() && *manager_runs_ != runs;
    manager_runs_ = runs;
  }
  if (is_news) tell("manager", runs ? R"({"running":true})" : R"({"running":false})");
}

void EventHub::run(serving::Program& program) {
  for (unsigned tick = 0; program.pause(interval); ++tick) {
    bool is_heard = false;
    {
      const std::lock_guard lock(mutex_);
      is_heard = listeners_ > 0;
    }
    // Now and then also while nobody listens, so that who begins to listen is told of nothing old.
    if (is_heard || tick % 5 == 0) look();
  }
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace chancery::console
