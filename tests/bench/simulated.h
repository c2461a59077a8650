// Simulated secondaries of a running authority: they join, renew, and follow a rotation as real ones do, without an
// appliance of their own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/federation/join.h"

namespace chancery::bench {

struct Simulated {
  std::string name;
  federation::JoinRequest request;
  std::optional<SecretBytes> token;
  std::optional<federation::Joined> joined;
};

class Federation {
 public:
  // `state`: of the primary whose authority runs as `pid` and listens at `target`.
  Federation(const std::string& state, tls::Target target, std::string pid);
  ~Federation();

  void invite(int count, std::size_t identities);
  // What it costs the authority, in microseconds.
  double join(Simulated& member);
  double renew(Simulated& member);
  double learn();
  double prove(Simulated& member);

  const std::string& state() const { return state_; }
  std::vector<Simulated> members;

 private:
  struct Primary;
  double cost_of(const std::function<void()>& work) const;

  std::string state_;
  tls::Target target_;
  std::string pid_;
  std::unique_ptr<Primary> primary_;
};

}  // namespace chancery::bench
