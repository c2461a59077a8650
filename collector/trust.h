// Whom a collector believes (P19): with a root file only that; with none the operating system's trust store, and the roots
// that its engine has handed it (collector install-trust); besides, the certificates of the `trusted` list (D3: CAs, or
// servers' own certificates), and the federation's roots that its engine has added (kept_anchors.h), less those that
// were dropped. Read anew for every connection, so that a changed file counts at the next one.
//
// Intermediates in the operating system's store help to build a path and never anchor one; in a root file, in the
// `trusted` list and in what was handed over, every certificate anchors.
//
// A server whose own certificate is named is that server, whatever it calls itself: host names are compared under CAs
// only. `is_found` says that discovery has found the server, of which only an address is known: its CA is checked, and
// its name where the settings say so or the operating system's store is trusted (T6).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/tls/client_context.h"
#include "collector/kept_anchors.h"
#include "collector/kept_revocations.h"
#include "collector/situation.h"

namespace chancery::collector {

struct Trust {
  tls::ClientContext context;
  std::string mode;                // "pinned", "operating-system", "none"
  std::vector<std::string> roots;  // fingerprints of the pinned ones; empty for the operating system's
  // What an administrator gave it, and what counts in all; nothing is checked in mode "none", so both are empty.
  std::shared_ptr<const CertificatePool> given;
  std::shared_ptr<const CertificatePool> counting;
};

[[nodiscard]] Trust read_trust(const Situation& situation, const std::string& alpn, const KeptAnchors& anchors,
                               const KeptRevocations& revocations, bool is_found = false);

// For a proof: that root alone, whatever else is trusted. No cross certificate can help, because only `root` anchors.
[[nodiscard]] tls::ClientContext proof_context(const Situation& situation, const std::string& alpn,
                                               const Certificate& root, const KeptRevocations& revocations,
                                               bool is_found = false);

}  // namespace chancery::collector
