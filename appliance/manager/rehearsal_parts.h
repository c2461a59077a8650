// What the parts of a rehearsal share; for rehearsal*.cpp and policy_change.cpp alone.
#pragma once

#include <string>
#include <vector>

#include "appliance/manager/rehearsal.h"

namespace chancery::manager {

struct Inquiry {
  std::string program;  // "engine", "portal"
  rehearsal::Question question;
};
// Programs in parallel; one that does not run has nobody connected, and is not asked. Whoever is named twice counts once.
[[nodiscard]] Rehearsed ask_all(const Bench& bench, const std::vector<Inquiry>& inquiries);
[[nodiscard]] bool runs_any(const Bench& bench);

// The roots that `chain` ends at, among all that this appliance knows or is given.
[[nodiscard]] std::vector<Certificate> roots_of(const CertificatePool& anchors, const std::vector<Certificate>& chain);

// What an identity presents in the generation in force, leaf first; empty where it has no certificate.
[[nodiscard]] std::vector<Certificate> chain_in_force(Bench& bench, const std::string& identity);

// rehearsal_serving.cpp: who would be asked what, if these edits were in force: of each group of endpoints that present
// one chain by one policy, and would present another, ask more of clients, or be gone. Endpoints whose files cannot be
// read, now or then, are left out: a restore is the way out of that.
struct ServingChange {
  std::vector<Inquiry> inquiries;
  struct Chain {
    std::vector<Certificate> present;
    std::vector<Certificate> next;
  };
  std::vector<Chain> chains;  // for trust stores of others
};
[[nodiscard]] ServingChange serving_change(Bench& bench, const backup::Edits& edits,
                                           const std::vector<Certificate>& given_roots,
                                           std::chrono::milliseconds deadline, const backup::Edits* served);
// Anchors that go from the trust of engine and portal.
[[nodiscard]] std::vector<Inquiry> trust_change(Bench& bench, const backup::Edits& edits,
                                                std::chrono::milliseconds deadline, const backup::Edits* served);
// Everything, asked; nullopt where there is nothing to ask. `served` as rehearse() has it.
[[nodiscard]] std::optional<Rehearsed> rehearse_edits(Bench& bench, const backup::Edits& edits,
                                                      const std::vector<Certificate>& given_roots,
                                                      std::chrono::milliseconds deadline,
                                                      const backup::Edits* served = nullptr);

}  // namespace chancery::manager
