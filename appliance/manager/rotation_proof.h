// A member proves to its primary's authority that it, and every trust store it knows of, can do without the root that
// goes (federation/anchor_proof.h).
//
//   if (bulletin.phase == authority::Phase::activated) prove_anchor(bench, bulletin);
//
// Each store that holds the coming root is proven by a handshake of its own, with the certificate as it stands there. On
// a primary the same handshakes go to its own authority, and the proofs go into its register. Failures: those of
// report_proofs; "untrusted-root" while the authority does not serve under the coming root yet. Thread safety: one thread.
#pragma once

#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/bulletin.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

void prove_anchor(Bench& bench, const federation::Bulletin& bulletin);

}  // namespace chancery::manager
