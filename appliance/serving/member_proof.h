// A member's own proof of the federation's newest root (architecture.md, "Rotation's proof"): while a generation knows
// more than one root, a full handshake with another member's server, with that root alone in the store, and a request
// as a member that is answered, so that the other end takes our certificate too.
//
//   MemberProof proof;
//   program.on_generation([&](const backup::Generation& generation) { return proof.prepare(generation); });
//   proof.attempt({portal, authority});          // from a background thread; the first that proves it is enough
//
// attempt() does nothing where no proof is wanted, once it is proven (for an hour), and within half a minute of a
// failure. Nothing is kept: a restarted program proves anew. Thread safe; attempt() waits for up to 5 s a server.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appliance/tls/connection.h"
#include "backup/generations/generation.h"
#include "keystore/x509/instant.h"

namespace chancery::serving {

class MemberProof {
 public:
  std::function<void()> prepare(const backup::Generation& generation);
  void attempt(const std::vector<tls::Target>& servers);

  struct Report {
    std::vector<std::string> held;  // SHA-256 of the roots, newest last; empty outside a federation
    std::map<std::string, Instant> proven;
  };
  Report report() const;

 private:
  struct Question;  // of one generation
  mutable std::mutex mutex_;
  std::shared_ptr<const Question> question_;
  std::map<std::string, Instant> proven_;
  std::chrono::steady_clock::time_point next_{};
  bool said_failure_ = false;
};

}  // namespace chancery::serving
