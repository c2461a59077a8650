// How a running program moves from one generation to the next: prepare builds everything aside and may refuse, activate
// puts it in force and must not fail, abandon forgets it. For program.cpp only. Thread safety: synchronised.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "appliance/serving/serving_program.h"
#include "appliance/tls/listener.h"
#include "backup/generations/generations.h"

namespace chancery::serving {

struct BoundSocket {
  std::string host;
  int port = 0;
  std::shared_ptr<tls::Descriptor> descriptor;
};

class Changeover {
 public:
  // Opens the generation in force; no socket is bound yet.
  Changeover(const Folder& state, std::string program);

  void add(Program::Prepare prepare);
  // Runs every Prepare on the generation at hand and binds its sockets: once, before the listener starts.
  void begin();
  void serve_with(tls::Listener* listener);  // nullptr: closes every socket, callers are refused from then on

  void prepare(backup::GenerationNumber number);
  void activate(backup::GenerationNumber number);
  void abandon();

  backup::Generation generation() const;
  tls::Live& live() { return *live_; }
  const tls::Live& live() const { return *live_; }
  std::map<std::string, BoundSocket> sockets() const;

 private:
  struct Prepared {
    backup::Generation generation;
    std::shared_ptr<const tls::ServingSnapshot> snapshot;
    std::vector<std::function<void()>> activations;
    std::map<std::string, BoundSocket> sockets;
  };
  Prepared make(backup::Generation generation, std::shared_ptr<const tls::ServingSnapshot> snapshot) const;
  std::map<std::string, BoundSocket> bind(const tls::ServingSnapshot& snapshot) const;
  void put_in_force(Prepared prepared);

  const std::string program_;
  const backup::Generations generations_;
  std::unique_ptr<tls::Live> live_;
  std::vector<Program::Prepare> prepares_;
  std::mutex turn_;  // one changeover at a time
  std::optional<Prepared> prepared_;
  mutable std::mutex mutex_;  // guards what readers see: current_, sockets_
  std::optional<backup::Generation> current_;
  std::map<std::string, BoundSocket> sockets_;
  tls::Listener* listener_ = nullptr;
};

}  // namespace chancery::serving
