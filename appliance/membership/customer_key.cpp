#include "appliance/membership/customer_key.h"

#include <memory>

#include "keystore/fault.h"

namespace chancery {

namespace {
constexpr const char* customer_key_path = "customer-key/customer.key";
}

SecretBytes CustomerKey::get() const {
  const std::lock_guard lock(mutex_);
  if (key_.empty()) {
    throw Failure({.code = "no-customer-key",
                   .subject = customer_key_path,
                   .cause = "this appliance has no Customer Key yet, so no collector can be admitted",
                   .hint = "join the federation: chancery federation join --primary HOST:PORT --token-file F"});
  }
  return key_;
}

std::function<void()> CustomerKey::prepare(const backup::Generation& generation) {
  auto next = std::make_shared<SecretBytes>();
  if (generation.has(customer_key_path)) *next = generation.read_secret(customer_key_path);
  return [this, next] {
    const std::lock_guard lock(mutex_);
    key_ = *next;
  };
}

}  // namespace chancery
