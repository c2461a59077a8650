#include "appliance/serving/changeover.h"

#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::serving {

Changeover::Changeover(const Folder& state, std::string program)
    : program_(std::move(program)), generations_(Folder::open(state.path()), {}) {
  current_ = generations_.current();
  live_ = std::make_unique<tls::Live>(tls::ServingSnapshot::build(*current_, program_));
}

void Changeover::add(Program::Prepare prepare) { prepares_.push_back(std::move(prepare)); }

void Changeover::begin() { put_in_force(make(generation(), live_->get())); }

void Changeover::serve_with(tls::Listener* listener) {
  std::lock_guard turn(turn_);
  if (listener == nullptr) {
    if (listener_ != nullptr) listener_->serve({});
    listener_ = nullptr;
    std::lock_guard guard(mutex_);
    sockets_.clear();
    return;
  }
  listener_ = listener;
  std::map<std::string, std::shared_ptr<tls::Descriptor>> open;
  for (const auto& [endpoint, socket] : sockets()) open[endpoint] = socket.descriptor;
  listener_->serve(open);
}

Changeover::Prepared Changeover::make(backup::Generation generation,
                                      std::shared_ptr<const tls::ServingSnapshot> snapshot) const {
  Prepared prepared{
      .generation = std::move(generation), .snapshot = std::move(snapshot), .activations = {}, .sockets = {}};
  prepared.sockets = bind(*prepared.snapshot);
  for (const Program::Prepare& prepare : prepares_) prepared.activations.push_back(prepare(prepared.generation));
  return prepared;
}

// A socket that is open already on the wanted address goes on serving, under whatever endpoint has the address now.
std::map<std::string, BoundSocket> Changeover::bind(const tls::ServingSnapshot& snapshot) const {
  const std::map<std::string, BoundSocket> open = sockets();
  std::map<std::string, BoundSocket> wanted;
  for (const auto& [name, entry] : snapshot.endpoints) {
    const Endpoint& endpoint = entry.endpoint;
    if (!endpoint.enabled) continue;
    BoundSocket socket{.host = endpoint.host, .port = endpoint.port, .descriptor = nullptr};
    for (const auto& [other, candidate] : open) {
      if (candidate.host == endpoint.host && candidate.port == endpoint.port) socket.descriptor = candidate.descriptor;
    }
    if (!socket.descriptor) {
      socket.descriptor = std::make_shared<tls::Descriptor>(tls::listen_tcp(endpoint.host, endpoint.port));
    }
    wanted[name] = std::move(socket);
  }
  return wanted;
}

void Changeover::put_in_force(Prepared prepared) {
  for (const auto& activation : prepared.activations) {
    if (activation) activation();
  }
  live_->set(prepared.snapshot);
  {
    std::lock_guard guard(mutex_);
    current_ = std::move(prepared.generation);
    sockets_ = prepared.sockets;
  }
  if (listener_ == nullptr) return;
  std::map<std::string, std::shared_ptr<tls::Descriptor>> open;
  for (const auto& [endpoint, socket] : prepared.sockets) open[endpoint] = socket.descriptor;
  listener_->serve(open);
}

void Changeover::prepare(backup::GenerationNumber number) {
  std::lock_guard turn(turn_);
  prepared_.reset();
  backup::Generation generation = generations_.open(number);
  auto snapshot = tls::ServingSnapshot::build(generation, program_);
  prepared_.emplace(make(std::move(generation), std::move(snapshot)));
}

void Changeover::activate(backup::GenerationNumber number) {
  std::lock_guard turn(turn_);
  if (!prepared_ || prepared_->generation.number() != number) {
    prepared_.reset();
    backup::Generation generation = generations_.open(number);
    auto snapshot = tls::ServingSnapshot::build(generation, program_);
    prepared_.emplace(make(std::move(generation), std::move(snapshot)));
  }
  Prepared prepared = std::move(*prepared_);
  prepared_.reset();
  put_in_force(std::move(prepared));
}

void Changeover::abandon() {
  std::lock_guard turn(turn_);
  prepared_.reset();
}

backup::Generation Changeover::generation() const {
  std::lock_guard guard(mutex_);
  return *current_;
}

std::map<std::string, BoundSocket> Changeover::sockets() const {
  std::lock_guard guard(mutex_);
  return sockets_;
}

}  // namespace chancery::serving
