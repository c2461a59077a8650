// What the manager lets the programs of its appliance know of how it is (appliance/health/report.h), made of one
// examination: drift, what is not served as it is installed, and the certificates of all identities.
//
//   HealthNotice notice;
//   notice.write(bench, examination.checks());     // after each look
//
// It remembers since when each finding stands, until the manager ends. Thread safety: one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "appliance/manager/doctor.h"

namespace chancery::manager {

class HealthNotice {
 public:
  // Throws what reading the register or writing the file throws.
  void write(Bench& bench, const std::vector<Check>& checks);
  // Something was found that no earlier look had seen: worth a second look soon, as it may be a program that has just
  // been started, or a change in its middle.
  bool has_news() const noexcept { return has_news_; }

 private:
  std::map<std::string, Instant> since_;
  bool has_news_ = false;
};

}  // namespace chancery::manager
