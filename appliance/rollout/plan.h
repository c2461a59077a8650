// What a rollout is to put in force where, as a person writes it: a TOML or JSON file, a folder, or a zip of a folder.
//
//   for (PlanEntry& entry : read_plan("/root/delivery/plan.toml")) …
//
//   [member."engine1.example.com"]            # one member's own
//   certificate = "engine1.pem"               # paths from where the plan lies; several as a list; key may be left out
//   key = "engine1.key"                       # where it is in the same file or waits on the member for its certificate
//   intermediate = "chain.pem"
//   also-trust = "root.pem"                   # as of `cert replace`, and so are identity and accept
//   identity = ["engine"]
//   address = "192.0.2.7:443"                 # where its engine is asked; else where its heartbeats come from
//
//   [[shared]]                                # one for several; without `members` for all whose names it bears
//   members = ["engine2.example.com", "engine3.example.com"]
//   certificate = "both.pem"
//
// JSON has the same shape: {"member":{NAME:{…}},"shared":[{…}]}. In a folder or zip, a folder in it is one member's own,
// by its name, with every certificate and key file in it; of the files beside such folders each certificate that is no
// CA's is one entry, with the key that belongs to it and all files that hold only CA certificates: for the member that
// the file is called after ("engine1.example.com.pem"), else for all whose names it bears.
//
// A plan is untrusted until it is read: 4 MiB a file, 10,000 members, 64 MiB in all; of a zip (16 MiB) only plain files
// under plain names, no links, nothing encrypted or twice. Failures: "plan-invalid" (with the place), "empty-input",
// "too-large", "not-found". Not checked: whether certificate, key and member fit (preflight does, for all at once).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"
#include "keystore/fault.h"

namespace chancery::rollout {

struct PlanEntry {
  std::vector<std::string> members = {};  // empty: the one called `label`, else all whose names the certificate bears
  std::string label = {};
  std::string address = {};
  std::vector<preflight::SourceFile> certificate = {};
  std::vector<preflight::SourceFile> key = {};
  std::vector<preflight::SourceFile> intermediate = {};
  std::vector<preflight::SourceFile> also_trust = {};
  std::vector<std::string> identities = {};
  std::vector<std::string> accept = {};
};

// `passphrase` opens keys where that is needed to tell which certificate they belong to.
[[nodiscard]] std::vector<PlanEntry> read_plan(const std::string& path, const SecretBytes* passphrase = nullptr);

// The parts, for tests and fuzzing. `read` gives the file of a path as it stands in the plan.
using ReadFile = std::function<preflight::SourceFile(const std::string& path)>;
[[nodiscard]] std::vector<PlanEntry> read_plan_text(std::string_view text, const std::string& name,
                                                    const ReadFile& read);
// Files by their path in the folder or zip: "engine1.example.com/key.pem", "both.pem".
using PlanFiles = std::map<std::string, preflight::SourceFile>;
[[nodiscard]] std::vector<PlanEntry> sort_plan_files(PlanFiles files, const std::string& name,
                                                     const SecretBytes* passphrase = nullptr);
// What came without a folder of its own (dropped on a page): one zip, or a plan (.toml, .json) beside the files that it
// names, or just files.
[[nodiscard]] std::vector<PlanEntry> read_plan_files(PlanFiles files, const SecretBytes* passphrase = nullptr);
[[nodiscard]] PlanFiles read_plan_archive(ByteView zip, const std::string& name);

[[nodiscard]] Failure plan_invalid(const std::string& where, const std::string& cause, const std::string& hint);

}  // namespace chancery::rollout
