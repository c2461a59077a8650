// Renewing what `authority sign` signed, by whoever holds its key, wherever that is.
//
//   std::vector<Certificate> chain = renew_signed({.authority = …, .roots = …, .certificate = …, .key = …, .next = …}, clock);
//
// POST /renew as for a member (renewal.h, transcript.h): TLS 1.3, the request signed with the present certificate's key
// over a transcript bound to this session. The holder knows no pin; it believes an authority whose TLS certificate
// stands under the federation's root and bears the name it was asked by. Names, purpose and owner come from the
// register. Only while the certificate is good: afterwards it is signed anew by hand (`renew-too-late`). A retry with
// the same key within a day is given the same certificate. Failures: those of renewal.h, "no-trust".
#pragma once

#include "appliance/federation/join.h"

namespace chancery::federation {

struct SignedRenewal {
  tls::Target authority;
  std::vector<Certificate> roots;  // the federation's: one, in the middle of a rotation two
  Certificate certificate;
  PrivateKey key;   // of that certificate
  PrivateKey next;  // for the new one; the same where it is to be kept
  std::chrono::milliseconds deadline{10000};
};

// The new certificate and what is above it, root left out, proven to be what was asked for.
[[nodiscard]] std::vector<Certificate> renew_signed(const SignedRenewal& request, const Clock& clock);

}  // namespace chancery::federation
