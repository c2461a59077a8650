// A small PKI made by openssl's own tool, once per test program: a root, an intermediate, and leaves for
// appliance.example.com; "expired" ended in 2021.
#pragma once

#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"
#include "tests/keystore/workshop.h"

namespace chancery::test {

class Pki {
 public:
  static const Pki& instance();
  // "old", "new", "other", "expired": leaf, intermediate and key.
  preflight::Identity identity(const std::string& name) const;
  Certificate root() const;
  Certificate stranger() const;  // a root that nobody here knows
  preflight::Knowledge knowledge() const;

 private:
  Pki();
  void make_leaf(const std::string& name, const std::string& validity) const;
  Workshop shop_;
};

}  // namespace chancery::test
