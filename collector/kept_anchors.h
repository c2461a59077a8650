// The federation's roots that a collector was given over its channel, beside the ones it was installed with; in
// anchors.json (0600) of its state.
//
//   KeptAnchors anchors(state, system_now);
//   anchors.take(offer, given);             // what an engine says; `given`: root file or operating system's store
//   anchors.added(given);                   // trusted as well, at the next connection
//
// What was added counts beside the root whose word brought it, in one step or several, dropped since or not: whoever is
// given another CA (a move, a repair, another root file) trusts that alone. What was added by a root of the operating
// system's store counts as long as that store is used, also when somebody tidies the old root away.
//
// A root is added only where a cross certificate has its name and key and the signature of a self-signed root that this
// collector trusts: an engine whose leaf was stolen can plant nothing. A root is dropped only when it is told retired
// and a root that it has vouched for, in one step or several, is proven here (C9: until then the last trust that worked
// stays); a dropped root never comes back. What is wrong in an offer is passed over, not told.
// Not checked here: that the offer came over a connection that was verified, and from a server that has proven the
// Customer Key (uplink.cpp). Failure("state-damaged"), and those of Folder. Thread safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "appliance/wire/collector_messages.h"
#include "keystore/files/folder.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/instant.h"

namespace chancery::collector {

class KeptAnchors {
 public:
  // What an administrator gave, and whether that is the operating system's store.
  struct Given {
    // NOLINTNEXTLINE(google-explicit-constructor): most callers have nothing but a pool.
    Given(const CertificatePool& given_pool, bool given_by_system = false)
        : pool(given_pool), is_system(given_by_system) {}
    const CertificatePool& pool;
    bool is_system;
  };
  KeptAnchors(const Folder& state, Clock clock, std::string file_name = "anchors.json");

  std::vector<Certificate> added() const;  // all of them, whoever brought them
  std::vector<Certificate> added(const Given& given) const;
  bool is_dropped(const std::string& fingerprint) const { return dropped_.contains(fingerprint); }
  bool has_dropped() const { return !dropped_.empty(); }

  // True when what is trusted has changed.
  bool take(const wire::Anchors& offer, const Given& given);
  // What to answer to the last offer (its `lists` are somebody else's).
  wire::Holds holds() const;
  // A root of the last offer that this collector holds; nullopt for any other.
  std::optional<Certificate> held(const std::string& fingerprint) const;
  void set_proven(const std::string& fingerprint);

 private:
  static bool depends_through_others(const std::vector<Certificate>& roots, const CertificatePool& given);
  bool counts(const std::string& fingerprint, const Given& given) const;
  bool trusts(const std::string& fingerprint, const Given& given) const;
  std::vector<Certificate> vouchers_of(const Certificate& cross, const std::set<std::string>& federation,
                                       const Given& given) const;
  void note_vouchers(const std::vector<Certificate>& roots, const std::vector<Certificate>& crosses,
                     const std::set<std::string>& retired, const Given& given);
  void drop_retired(const std::set<std::string>& retired, const Given& given);
  bool succeeds(const std::string& newer, const std::string& older) const;
  void read();
  void write() const;

  const Folder& state_;
  Clock clock_;
  std::string file_name_;
  // Kept.
  std::map<std::string, Certificate> added_;
  std::set<std::string> by_system_;  // of these: brought by the word of a root of the operating system's store
  std::set<std::pair<std::string, std::string>> vouched_;  // newer root, older root that has signed its name and key
  std::map<std::string, Instant> proven_;
  std::set<std::string> dropped_;
  // Of the last offer.
  std::map<std::string, Certificate> federation_;
  bool needs_ = false;
};

}  // namespace chancery::collector
