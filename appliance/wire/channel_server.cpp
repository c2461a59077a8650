#include "appliance/wire/channel_server.h"

#include <algorithm>
#include <set>

#include "appliance/wire/channel_loop.h"

namespace chancery::wire {

namespace {
constexpr unsigned most_loops = 4;
}

unsigned usual_loops() { return std::clamp(std::thread::hardware_concurrency(), 1U, most_loops); }

struct ChannelServer::State {
  ChannelShared shared;
  std::atomic<std::uint64_t> next_number{1};
  std::mutex mutex;
  std::set<std::string> endpoints;  // one text for all sessions of an endpoint
  std::vector<std::unique_ptr<ChannelLoop>> loops;
  bool stopped = false;
};

ChannelServer::ChannelServer(ChannelHandlers handlers, unsigned loops) : state_(std::make_unique<State>()) {
  state_->shared.handlers = std::move(handlers);
  for (unsigned i = 0; i < std::max(loops, 1U); ++i) {
    state_->loops.push_back(std::make_unique<ChannelLoop>(state_->shared));
  }
}

ChannelServer::~ChannelServer() { stop(); }

void ChannelServer::adopt(tls::Connection connection, const std::string& endpoint) {
  const std::uint64_t number = state_->next_number++;
  const std::string* name = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    name = &*state_->endpoints.insert(endpoint).first;
  }
  state_->loops[number % state_->loops.size()]->add(
      std::make_unique<LiveSession>(std::move(connection), *name, number));
}

void ChannelServer::for_each(std::function<void(Session&)> task) {
  const auto shared = std::make_shared<const std::function<void(Session&)>>(std::move(task));
  for (const auto& loop : state_->loops) loop->for_each(shared);
}

std::size_t ChannelServer::sessions() const { return state_->shared.sessions; }

void ChannelServer::stop(const std::function<void(Session&)>& farewell) {
  if (std::exchange(state_->stopped, true)) return;
  const ChannelLoop::Task task = farewell ? std::make_shared<const std::function<void(Session&)>>(farewell) : nullptr;
  for (const auto& loop : state_->loops) loop->begin_to_stop(task);
  for (const auto& loop : state_->loops) loop->join();
}

}  // namespace chancery::wire
