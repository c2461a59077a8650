// Rehearsals (C4), as the certificate manager does them before a change: who would break? It asks the programs of this
// appliance, these ask collectors and members, and what it knows of other trust stores it judges itself.
//
//   change::Plan plan = …;
//   const std::optional<Rehearsed> rehearsed = rehearse(bench, plan, rehearsal_options(call));
//   json reply = finish(bench, std::move(plan), call);            // refused with "would-break" where too many would
//   put_rehearsal(reply, rehearsed);
//
// Collectors and trust stores are counted; appliances that would no longer trust each other are told of and stop nothing:
// nobody is locked out of them, and a root is appended there at any time (P24). Programs that are stopped have nobody
// connected, and are not asked. Trust stores: those that Chancery put something into, and the operating system's; one
// that does not anchor the present chain is not broken by another one. The generation's own stores are judged by the
// programs that use them. Not rehearsed: consumers, because nobody here knows their clients.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "appliance/manager/bench.h"
#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"

namespace chancery::manager {

// no_rehearsal, accept_breakage, deadline_seconds. Failure("bad-argument").
struct RehearsalOptions {
  bool skip = false;
  std::size_t accepted = 0;  // so many may break
  std::chrono::milliseconds deadline{3000};
};
[[nodiscard]] RehearsalOptions rehearsal_options(const Call& call);
// Of what goes back to what was, keeps what a hand has edited, or closes what somebody has named: it is told who would
// break, and nobody is stopped unless the call says how many are too many. The way out of a bad night must not be the
// one that is barred.
[[nodiscard]] RehearsalOptions advisory_options(const Call& call);

struct Rehearsed {
  rehearsal::Report report;
};
[[nodiscard]] nlohmann::json to_json(const Rehearsed& rehearsed);

// What identities present after the change, each chain with those that present it.
struct Candidate {
  std::vector<std::string> identities;
  std::vector<Certificate> chain;
  std::vector<Certificate> roots;  // what it ends at, as far as known
};
[[nodiscard]] Rehearsed rehearse(Bench& bench, const std::vector<Candidate>& candidates,
                                 std::chrono::milliseconds deadline);
// Anchors that go from the trust of these programs ("engine", "portal").
[[nodiscard]] Rehearsed rehearse_removal(Bench& bench, const std::vector<std::string>& programs,
                                         const std::vector<std::string>& fingerprints,
                                         std::chrono::milliseconds deadline);
// Roots that nobody in the federation is to trust any more; chains without cross certificates.
[[nodiscard]] Rehearsed rehearse_retirement(Bench& bench, const std::vector<std::string>& roots,
                                            std::chrono::milliseconds deadline);

// Of any plan: certificates, profiles, endpoints and trust as it leaves them (rehearsal_serving.cpp), with findings added
// to the plan's report; nullopt where it is left out: skipped, refused already, or nothing changes that clients see.
// `served`, where it is given, is what programs serve instead of the files as they stand now.
[[nodiscard]] std::optional<Rehearsed> rehearse(Bench& bench, change::Plan& plan, const RehearsalOptions& options,
                                                const backup::Edits* served = nullptr);
// The files of the generation in force as it was made, laid over what a hand has made of them: programs go on serving
// those. Failure as BackupSets::pristine.
[[nodiscard]] backup::Edits as_made(Bench& bench);
// How collectors are watched after the change: as the settings and the call's watch_seconds and watch_share say. Who is
// known to break and was accepted, and who was silent, is not waited for; with no_rehearsal only where the call says so.
void set_watch(Bench& bench, const Call& call, const std::optional<Rehearsed>& rehearsed);
// finish() after a rehearsal, and watched.
[[nodiscard]] nlohmann::json finish_rehearsed(Bench& bench, change::Plan plan, const Call& call,
                                              const RehearsalOptions& options, const backup::Edits* served = nullptr);
// "would-break" for each who would, as an error where they are more than accepted; a note of who is silent.
void weigh(preflight::Report& report, const Rehearsed& rehearsed, std::size_t accepted);
void put_rehearsal(nlohmann::json& reply, const std::optional<Rehearsed>& rehearsed);

}  // namespace chancery::manager
