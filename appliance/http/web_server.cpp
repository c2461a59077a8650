#include "appliance/http/web_server.h"

#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "appliance/http/exchange.h"

namespace chancery::http {

struct WebServer::State {
  State(const Routes& all_routes, WebServerOptions chosen) : routes(all_routes), options(std::move(chosen)) {}

  const Routes& routes;
  const WebServerOptions options;
  const ExchangeLimits limits;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<tls::Arrival> waiting;
  std::set<int> busy;  // descriptors of connections that are being answered
  std::size_t idle = 0;
  std::size_t turning_away = 0;  // calls of take() that still use `options.drain`
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      changed.wait(lock, [&] { return stopping || !waiting.empty(); });
      --idle;
      if (stopping) return;
      tls::Arrival arrival = std::move(waiting.front());
      waiting.pop_front();
      const int descriptor = arrival.connection.descriptor();
      busy.insert(descriptor);
      lock.unlock();
      const After after = exchange(arrival, routes, limits, stopping, options.log);
      lock.lock();
      busy.erase(descriptor);
      if (stopping) changed.notify_all();  // only stop() waits for this; the other workers would wake for nothing
      lock.unlock();
      if (after == After::resume) {
        options.resume(std::move(arrival));
      } else {
        options.drain(std::move(arrival.connection));
      }
      lock.lock();
    }
  }
};

WebServer::WebServer(const Routes& routes, WebServerOptions options)
    : state_(std::make_unique<State>(routes, std::move(options))) {}

WebServer::~WebServer() { stop(std::chrono::milliseconds(0)); }

void WebServer::take(tls::Arrival arrival) {
  State& state = *state_;
  {
    std::lock_guard guard(state.mutex);
    if (state.stopping) return;
    if (state.waiting.size() < state.options.queue) {
      state.waiting.push_back(std::move(arrival));
      if (state.idle < state.waiting.size() && state.threads.size() < state.options.threads) {
        state.threads.emplace_back([&state] { state.work(); });
      }
      state.changed.notify_one();
      return;
    }
    ++state.turning_away;
  }
  static constexpr std::string_view overfull =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  try {
    arrival.connection.try_write(view_of(overfull));
    state.options.drain(std::move(arrival.connection));
  } catch (const std::exception&) {
    // It has gone already.
  }
  std::lock_guard guard(state.mutex);
  --state.turning_away;
  state.changed.notify_all();
}

void WebServer::stop(std::chrono::milliseconds patience) {
  State& state = *state_;
  std::vector<std::thread> threads;
  {
    std::unique_lock lock(state.mutex);
    state.stopping = true;
    state.waiting.clear();
    state.changed.notify_all();
    state.changed.wait_for(lock, patience, [&] { return state.busy.empty(); });
    for (const int descriptor : state.busy) ::shutdown(descriptor, SHUT_RDWR);
    // What these use goes away after this call; they never wait.
    state.changed.wait(lock, [&] { return state.turning_away == 0; });
    threads.swap(state.threads);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace chancery::http
