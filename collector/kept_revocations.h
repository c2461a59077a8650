// The revocation lists of the federation's issuing CAs that a collector was given, in revocations.pem (0600) of its
// state: a server whose certificate is in one of them is refused, also after a restart and with no engine that says so.
//
//   KeptRevocations lists(state);
//   lists.take(message, trusted);             // `trusted`: what this collector trusts
//   options.is_revoked = [kept = lists.snapshot()](const Certificate& each) { return kept->lists(each); };
//
// A list counts only when a CA signed it that a self-signed root among `trusted` has signed, and when its number is
// higher than that of the list kept of the same CA; it counts on after its end, because it only ever refuses. What is
// wrong is passed over. At most 8 lists. Failure("state-damaged"), and those of Folder. Thread safety: one thread; a
// snapshot may be shared.
#pragma once

#include <memory>
#include <vector>

#include "appliance/membership/revocation_list.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/files/folder.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::collector {

class KeptRevocations {
 public:
  explicit KeptRevocations(const Folder& state);

  // True when a list is new here.
  bool take(const wire::Revocations& message, const CertificatePool& trusted);
  bool lists(const Certificate& certificate) const;
  std::vector<std::string> digests() const;  // SHA-256 of each list

  // What counts now, for as long as somebody needs it.
  struct Snapshot {
    std::vector<RevocationList> all;
    bool lists(const Certificate& certificate) const;
  };
  std::shared_ptr<const Snapshot> snapshot() const { return kept_; }

 private:
  void write() const;
  const Folder& state_;
  std::shared_ptr<const Snapshot> kept_;
};

}  // namespace chancery::collector
