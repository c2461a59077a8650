// What an engine itself can tell of a collector when its endpoints are about to ask more of clients (C4): whether the
// profile would still agree with what that collector has offered, whether plain text would still be taken, whether
// anybody would listen there. Nobody is asked for that: the handshake has shown it, and the last report.
//
//   Demands demands(question);
//   const Demand demand = demands.of(device, was_plain);
//
// A client that the lists in force refuse already is not broken by others. Of one whose offer is not known (plain text,
// or not seen since an earlier version) nobody can tell. Thread safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"
#include "appliance/tls/negotiation.h"
#include "engine/devices.h"

namespace chancery::engine {

struct Demand {
  enum class Kind { none, refused, unknown, elsewhere };
  Kind kind = Kind::none;
  std::string reason = {};  // of a refusal
  std::string detail = {};
};

class Demands {
 public:
  // Failure("bad-profile") for lists that cannot be.
  Demands(const rehearsal::Question& question, bool about_portal);
  // `was_plain`: its session has no TLS.
  [[nodiscard]] Demand of(const Device& device, bool was_plain);
  // Nothing is left to ask collectors, whatever trust and clock they have.
  [[nodiscard]] static bool are_all(const rehearsal::Question& question);

 private:
  Demand by_lists(const std::string& offer);
  Demand judged(const std::string& offer) const;
  Demand by_closing(const Device& device) const;

  const rehearsal::Question& question_;
  bool about_portal_;
  std::optional<tls::NegotiatingServer> present_;
  std::optional<tls::NegotiatingServer> next_;
  std::map<std::string, Demand> known_;  // thousands of collectors make few offers
};

}  // namespace chancery::engine
