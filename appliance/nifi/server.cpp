#include "appliance/nifi/server.h"

#include <sys/socket.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "appliance/nifi/http_head.h"
#include "appliance/nifi/wire.h"
#include "appliance/tls/listener.h"
#include "appliance/tls/tcp.h"

namespace chancery::nifi {
namespace {

constexpr char endpoint_name[] = "nifi";
constexpr std::size_t threads = 16;
constexpr std::size_t longest_queue = 256;
constexpr std::chrono::seconds body_time{10};
constexpr std::chrono::seconds answer_time{10};
constexpr std::chrono::seconds patience{2};

std::shared_ptr<const tls::ServingSnapshot> snapshot_of(const CertificateAuthority& authority,
                                                        const ServerOptions& options) {
  const Endpoint endpoint{.name = endpoint_name,
                          .host = options.host,
                          .port = options.port,
                          .enabled = true,
                          .profile = endpoint_name,
                          .identity = endpoint_name};
  SecurityProfile profile;
  profile.name = endpoint_name;
  return tls::ServingSnapshot::single(
      {.endpoint = endpoint, .profile = profile, .chain = {authority.certificate()}, .key = authority.key()});
}

// The body, of which `received` has the beginning. False: the peer ended it early.
bool read_body(tls::Connection& connection, std::string& body, std::size_t length) {
  const tls::Deadline until = tls::within(body_time);
  std::array<std::uint8_t, 16 * 1024> block{};
  while (body.size() < length) {
    const std::size_t count = connection.read(block, until);
    if (count == 0) return false;
    body.append(reinterpret_cast<const char*>(block.data()), count);
  }
  body.resize(length);
  return true;
}

}  // namespace

struct Server::State {
  State(Desk& a_desk, ServerOptions chosen)
      : desk(a_desk), options(std::move(chosen)), live(snapshot_of(desk.authority(), options)) {}

  void log(const std::string& line) const {
    if (options.log) options.log(line);
  }

  void take(tls::Arrival arrival) {
    const std::lock_guard guard(mutex);
    if (is_stopping || waiting.size() >= longest_queue) return;
    waiting.push_back(std::move(arrival));
    changed.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return is_stopping || !waiting.empty(); });
      if (is_stopping) return;
      tls::Arrival arrival = std::move(waiting.front());
      waiting.pop_front();
      const int descriptor = arrival.connection.descriptor();
      busy.insert(descriptor);
      lock.unlock();
      serve(arrival);
      lock.lock();
      busy.erase(descriptor);
      changed.notify_all();
      lock.unlock();
      listener->drain(std::move(arrival.connection));
      lock.lock();
    }
  }

  void serve(tls::Arrival& arrival) {
    const std::string peer = arrival.connection.peer_address();
    try {
      const Desk::Answer answer = answer_to(arrival, peer);
      log(peer + ": " + answer.line);
      const std::string text = write_answer(answer.status, answer.body);
      arrival.connection.write_all(view_of(text), tls::within(answer_time));
    } catch (const std::exception& problem) {
      log(peer + ": not answered, " + problem.what());
    }
  }

  Desk::Answer answer_to(tls::Arrival& arrival, const std::string& peer) {
    const std::string_view received = text_of(arrival.received);
    const Head head = read_head(received);
    if (head.refusal != 0) {
      const std::string error = head.refusal == 413 ? "request is larger than 1 MiB" : "POST / with a Content-Length";
      return {.status = head.refusal,
              .body = write_reply({.mac = {}, .certificate_pem = {}, .error = error}),
              .line = "refused, HTTP status " + std::to_string(head.refusal)};
    }
    std::string body(received.substr(head.size));
    if (head.expects_continue && body.size() < head.length) {
      arrival.connection.write_all(view_of("HTTP/1.1 100 Continue\r\n\r\n"), tls::within(answer_time));
    }
    if (!read_body(arrival.connection, body, head.length)) {
      return {.status = 400,
              .body = write_reply({.mac = {}, .certificate_pem = {}, .error = "the request ended early"}),
              .line = "refused, its body ended early"};
    }
    return desk.answer(body, peer);
  }

  Desk& desk;
  const ServerOptions options;
  tls::Live live;
  std::shared_ptr<tls::Descriptor> socket;
  std::unique_ptr<tls::Listener> listener;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_stopping = false;
  std::deque<tls::Arrival> waiting;
  std::set<int> busy;  // descriptors of connections that are being answered
  std::vector<std::thread> workers;
};

Server::Server(Desk& desk, ServerOptions options) : state_(std::make_unique<State>(desk, std::move(options))) {
  State& state = *state_;
  state.socket = std::make_shared<tls::Descriptor>(tls::listen_tcp(state.options.host, state.options.port));
  tls::ListenerHandlers handlers;
  handlers.http = [&state](tls::Arrival arrival) { state.take(std::move(arrival)); };
  handlers.log = [&state](const std::string& line) { state.log(line); };
  state.listener = std::make_unique<tls::Listener>(state.live, std::move(handlers));
  for (std::size_t count = 0; count < threads; ++count) state.workers.emplace_back([&state] { state.work(); });
  state.listener->serve({{endpoint_name, state.socket}});
}

Server::~Server() {
  State& state = *state_;
  state.listener->serve({});
  {
    std::unique_lock lock(state.mutex);
    state.is_stopping = true;
    state.waiting.clear();
    state.changed.notify_all();
    state.changed.wait_for(lock, patience, [&] { return state.busy.empty(); });
    for (const int descriptor : state.busy) ::shutdown(descriptor, SHUT_RDWR);
  }
  for (std::thread& worker : state.workers) worker.join();
  state.listener.reset();
}

int Server::port() const { return tls::local_address(state_->socket->get()).port(); }

}  // namespace chancery::nifi
