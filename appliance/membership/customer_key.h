// The Customer Key of the generation in force: what admits collectors (P9: replacing certificates never touches it).
//
//   CustomerKey key;
//   program.on_generation([&](const backup::Generation& generation) { return key.prepare(generation); });
//
// get() before joining is Failure("no-customer-key"). Thread safe.
#pragma once

#include <functional>
#include <mutex>

#include "backup/generations/generation.h"

namespace chancery {

class CustomerKey {
 public:
  SecretBytes get() const;
  // Reads it from `generation`; what is returned puts it in force.
  std::function<void()> prepare(const backup::Generation& generation);

 private:
  mutable std::mutex mutex_;
  SecretBytes key_;
};

}  // namespace chancery
