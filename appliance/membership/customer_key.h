// The Customer Keys of the generation in force, in a program that serves: what admits collectors (P9: replacing
// certificates never touches them).
//
//   CustomerKey key;
//   program.on_generation([&](const backup::Generation& generation) { return key.prepare(generation); });
//
// get() before joining is Failure("no-customer-key"). Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "appliance/membership/customer_keys.h"

namespace chancery {

class CustomerKey {
 public:
  std::shared_ptr<const CustomerKeys> get() const;
  // Reads them from `generation`; what is returned puts them in force.
  std::function<void()> prepare(const backup::Generation& generation);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const CustomerKeys> keys_;
};

}  // namespace chancery
