// What a change is to do: bytes per path of the next generation, and what has to be proven afterwards. Replace, reset,
// append, remove, import, restore, rollback, renew, rotate and policy differ only here; the transaction is one.
//
// A plan is a value and does nothing. `describe` is what --dry-run prints: files, endpoints, findings; never a secret.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"
#include "appliance/settings/appliance.h"
#include "appliance/settings/policy.h"
#include "backup/generations/generations.h"

namespace chancery::change {

struct ForeignEdit {
  std::string path;                  // absolute, links resolved
  std::string expected_sha256;       // of the bytes the plan was made from; "" = absent
  std::optional<SecretBytes> bytes;  // nullopt: the file goes
};

struct Plan {
  std::string reason;                 // "replace", "trust append", "restore 2026…"
  backup::GenerationNumber base = 0;  // the generation it was made from: anything else in force is "state-changed"
  backup::Edits edits;
  std::vector<ForeignEdit> foreign;
  std::vector<std::string> identities;  // whose endpoints are probed, with the leaf they must present afterwards
  std::vector<std::string> components;  // for the backup set: identities, "trust/engine", "profiles", "endpoints", …
  preflight::Report report;             // a refusal here stops the transaction before anything is staged
  backup::Adopt adopt = backup::Adopt::no;

  bool is_empty() const { return edits.empty() && foreign.empty(); }
};

[[nodiscard]] nlohmann::json describe(const Plan& plan, const backup::Generation& base, const Appliance& appliance);

// Leaves out edits that would change nothing (same bytes and mode), fills `components` from what is left, and adds the
// finding `consumer-config` for each line that a consumer of the plan's identities lacks. Every plan ends with it.
void finish_plan(Plan& plan, const backup::Generation& base);

// Bytes of identities/<identity>/ (certificate.pem, key.pem, intermediate.crt, fullchain.pem, combined.pem, keystore.p12,
// keystore.password) as edits. The keystore's password is kept from `base` where there is one, else made.
void put_identity(backup::Edits& edits, const backup::Generation* base, const Appliance& appliance,
                  const std::string& identity, const preflight::Identity& material);
// Bytes of defaults/<identity>/.
void put_default(backup::Edits& edits, const Appliance& appliance, const std::string& identity,
                 const preflight::Identity& material);
void put_file(backup::Edits& edits, const Appliance& appliance, const std::string& path, ByteView bytes);
// What stands in identities/ or defaults/ now; nullopt when absent. Failure("identity-damaged") when it does not parse.
[[nodiscard]] std::optional<preflight::Identity> read_identity(const backup::Generation& generation,
                                                               const std::string& folder);
[[nodiscard]] bool is_default(const backup::Generation& generation, const std::string& identity);

// The plans. Each reads `base` and returns; none writes.
[[nodiscard]] Plan plan_replace(const backup::Generation& base, const Appliance& appliance,
                                const std::vector<std::string>& identities, const preflight::Answer& answer,
                                const std::vector<Certificate>& also_trust);
[[nodiscard]] Plan plan_reset(const backup::Generation& base, const Appliance& appliance, const std::string& identity,
                              const preflight::Knowledge& knowledge, Instant now);
// New defaults for these identities, from the federation's authority. An identity that presents its default presents the
// new one; a custom certificate stays in force, and only the default beside it is renewed. An earlier default, from the
// issuing CA of the new ones or from one of `former_issuers`, is no custom certificate.
[[nodiscard]] Plan plan_renew(const backup::Generation& base, const Appliance& appliance,
                              const std::map<std::string, preflight::Identity>& renewed,
                              const std::vector<Certificate>& former_issuers = {});
// The engine's CA bundle; Java keystores are plan_stores.h's.
[[nodiscard]] Plan plan_trust_append(const backup::Generation& base, const Appliance& appliance,
                                     const preflight::BundleAnswer& answer);
[[nodiscard]] Plan plan_trust_remove(const backup::Generation& base, const Appliance& appliance,
                                     const std::string& fingerprint);
// "AB:CD…" and "abcd…" alike to lower-case hex; anything but a whole SHA-256 is Failure("bad-fingerprint").
[[nodiscard]] std::string normal_fingerprint(const std::string& given);
// Components empty: all that `files` holds (callers pass those of the set). Files of the components that the set does
// not have are removed (P17); a file outside the state ("foreign/…") that the set does not have is removed as well, because
// it was not there then. Customer key, federation/, trust/federation/ and waiting keys never go back: asked for,
// they are a warning ("never-goes-back"). Preflighted against the present: revoked leaves, retired anchors and keys that
// do not match refuse, everything else warns. Edits by hand in what is overwritten are undone by it; elsewhere staging
// says "drift".
[[nodiscard]] Plan plan_restore(const backup::Generation& base, const Appliance& appliance, const std::string& set_id,
                                const std::map<std::string, backup::NewFile>& files,
                                const std::vector<std::string>& components, const preflight::Knowledge& knowledge,
                                Instant now);
// A new generation with the content of `target`, but for what never goes back (above) and the identities and defaults of
// member and authority-tls, whose present keys the other appliances know. A target edited by hand is Failure("drift").
[[nodiscard]] Plan plan_rollback(const backup::Generation& base, const Appliance& appliance,
                                 const backup::Generation& target, const preflight::Knowledge& knowledge, Instant now);
// path: "profiles/NAME.toml", "endpoints/…", "consumers/…"; no toml deletes. Failure for names, values and references
// that cannot be ("in-use" for a profile that an endpoint uses, "bad-profile" for plain text where that may not be).
// `beside`: further files that the setting rests on.
[[nodiscard]] Plan plan_policy(const backup::Generation& base, const Appliance& appliance, const std::string& path,
                               const std::optional<std::string>& toml, backup::Edits beside = {});
// The edits by hand of `base` as they are now; unsound ones are errors in the report. certificate.pem, key.pem and
// intermediate.crt lead, derived files are made anew, files that no generation has are left out. Empty without drift.
[[nodiscard]] Plan plan_adopt(const backup::Generation& base, const Appliance& appliance,
                              const preflight::Knowledge& knowledge, Instant now);
// The content of `base` as it was made (`pristine`: the files of its pristine copy), whatever was edited, added or
// removed by hand since, manifest included. Judges nothing: all of it is what is in force. Empty without drift.
[[nodiscard]] Plan plan_undo(const backup::Generation& base, const std::map<std::string, backup::NewFile>& pristine);

}  // namespace chancery::change
