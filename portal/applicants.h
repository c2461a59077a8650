// The collectors that have asked the portal for an engine: what each said of itself, and where it was sent. Kept in
// memory, written behind to databases/assignment.db, so that the collector channel never waits for a disk; what a crash
// loses is a few seconds, and a collector that asks again brings it back.
//
//   applicants.note(id, facts, peer, choice);
//   applicants.flush();                       // every second or so, on one thread
//
// At most 200,000; beyond that who is new is assigned and not remembered. Failures of flush() are the store's. Thread
// safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "appliance/assignment/rules.h"
#include "appliance/storage/store.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/x509/instant.h"

namespace chancery::portal {

// What rules look at: the address that it is seen at comes first.
[[nodiscard]] assignment::Applicant applicant_of(const wire::Facts& facts, const std::string& peer);

struct Applied {
  wire::Facts facts;
  std::string peer;      // the address that it was seen at
  std::string endpoint;  // which of the portal's it came by; "" where an earlier version noted it
  std::string engine;    // "" where there was none
  std::string rule;
  Instant seen{};
};

class Applicants {
 public:
  Applicants(std::unique_ptr<storage::Store> store, Clock clock);  // reads what there is; the store's failures
  ~Applicants();                                                   // writes what is left

  void note(const std::string& id, const wire::Facts& facts, const std::string& peer, const std::string& endpoint,
            const assignment::Choice& choice);
  std::map<std::string, Applied> all() const;
  void flush();

  // databases/assignment.db of this state.
  [[nodiscard]] static std::unique_ptr<storage::Store> open_store(const Folder& state);

 private:
  std::unique_ptr<storage::Store> store_;
  Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Applied> applied_;
  std::set<std::string> changed_;
};

}  // namespace chancery::portal
