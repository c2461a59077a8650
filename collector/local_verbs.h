// What a local administrator does to a collector, running or not, with a network or without one (T5): each checks, writes
// trust.json in one step, and tells the running collector to look. All of it is tried before what worked is given up.
//
//   Answer answer = install_trust(state, "ca.pem", read_file("ca.pem", material_limit), Doing{.dry_run = false});
//
// repair_apply() takes a file of the federation's repair key (appliance/repair); the key stands in repair-key.json of the
// state, as the installer put it there: Failure("no-repair-key") without. reset() goes back to what the collector was
// shipped with, at once, and forgets what it has learned of roots since; not the number of the last repair file.
// Failures: those of files, "not-a-certificate", "bad-address", the refusals of RepairFile::open, "nothing-shipped".
#pragma once

#include <string>

#include "collector/standing.h"
#include "keystore/x509/instant.h"

namespace chancery::collector {

struct Answer {
  std::string outcome;  // "done", "planned", "unchanged"
  std::string trust;    // described(): what is tried next, or is in force
  std::uint64_t number = 0;
};

[[nodiscard]] Answer install_trust(const Folder& state, const std::string& source, ByteView file, bool dry_run);
// `ca`: who the server is under; empty: who is trusted now. `name`: what its certificate bears; "": the host.
[[nodiscard]] Answer move_here(const Folder& state, const tls::Target& server, const std::string& source, ByteView ca,
                               bool dry_run);
[[nodiscard]] Answer repair_apply(const Folder& state, ByteView file, Instant now, bool dry_run);
[[nodiscard]] Answer reset(const Folder& state, bool dry_run);

}  // namespace chancery::collector
