#include "appliance/membership/customer_key.h"

#include "keystore/fault.h"

namespace chancery {

std::shared_ptr<const CustomerKeys> CustomerKey::get() const {
  const std::lock_guard lock(mutex_);
  if (!keys_ || keys_->current.empty()) {
    throw Failure({.code = "no-customer-key",
                   .subject = CustomerKeys::current_path,
                   .cause = "this appliance has no Customer Key yet, so no collector can be admitted",
                   .hint = "join the federation: chancery federation join --primary HOST:PORT --token-file F"});
  }
  return keys_;
}

std::function<void()> CustomerKey::prepare(const backup::Generation& generation) {
  auto next = std::make_shared<const CustomerKeys>(customer_keys_of(generation));
  return [this, next] {
    const std::lock_guard lock(mutex_);
    keys_ = next;
  };
}

}  // namespace chancery
