// Adopting edits by hand: what stands in current/ becomes the next generation, after it was found sound.
//
// certificate.pem, key.pem and intermediate.crt of an identity are taken as they are now and everything derived from
// them is made anew. Files that no generation has (an editor's leftovers) are left out. What must not be edited by hand
// (customer key, federation, waiting keys) refuses.

#include <algorithm>
#include <array>
#include <set>

#include "appliance/change/generation_policy.h"
#include "appliance/change/plan_parts.h"
#include "appliance/change/plan_stores.h"
#include "keystore/x509/material.h"

namespace chancery::change {
namespace {

using backup::Drift;

// Errors by hand stay errors, so that the report refuses.
void refuse(Plan& plan, const std::string& code, const std::string& subject, const std::string& message,
            const std::string& hint) {
  plan.report.findings.push_back(
      {.code = code, .severity = preflight::Severity::error, .subject = subject, .message = message, .hint = hint});
}

struct Place {
  std::string group;  // "identities", "defaults", …
  std::string name;   // "portal"
  std::string file;   // "key.pem"
};

Place place_of(const std::string& path) {
  Place place;
  const std::size_t first = path.find('/');
  place.group = path.substr(0, first);
  if (first == std::string::npos) return place;
  const std::size_t last = path.rfind('/');
  if (last > first) place.name = path.substr(first + 1, last - first - 1);
  place.file = path.substr(last + 1);
  return place;
}

bool is_known_file(const Appliance& appliance, const std::string& path) {
  const Place place = place_of(path);
  const std::vector<std::string> identities = identities_of(appliance.role);
  const bool is_identity = std::find(identities.begin(), identities.end(), place.name) != identities.end();
  static constexpr std::array sources{"certificate.pem", "key.pem", "intermediate.crt"};
  static constexpr std::array derived{"fullchain.pem", "combined.pem", "keystore.p12", "keystore.password"};
  const bool is_source = std::find(sources.begin(), sources.end(), place.file) != sources.end();
  const bool is_derived = std::find(derived.begin(), derived.end(), place.file) != derived.end();
  if (place.group == "identities") return is_identity && (is_source || is_derived);
  if (place.group == "defaults") return is_identity && is_source;
  if (place.group == "trust") {
    return path.ends_with("/ca-bundle.crt") || path == "trust/appliance/known.pem" ||
           path == trust::portal_store_path || path == trust::portal_password_path;
  }
  const bool is_policy =
      place.group == "profiles" || place.group == "endpoints" || place.group == "consumers" || place.group == "rules";
  return is_policy && place.name.empty() && place.file.ends_with(".toml");
}

void adopt_identity(Plan& plan, const backup::Generation& base, const Appliance& appliance, const std::string& folder,
                    const preflight::Knowledge& knowledge, Instant now) {
  const Place place = place_of(folder + "/");
  std::optional<preflight::Identity> identity;
  try {
    identity = read_identity(base, folder);
  } catch (const Failure& failure) {
    refuse(plan, failure.code(), failure.subject(), failure.cause(), failure.hint());
    return;
  }
  if (!identity) {
    refuse(plan, "identity-damaged", folder, "certificate.pem is missing",
           "put it back, or undo the edits with chancery generation undo");
    return;
  }
  if (!identity->key->belongs_to(identity->leaf)) {
    refuse(plan, "key-mismatch", folder, "the key does not belong to the certificate",
           "put the matching key.pem there, or undo the edits with chancery generation undo");
    return;
  }
  merge(plan.report, preflight::check_identity(*identity, knowledge, names_of_identity(appliance, place.name), now));
  if (place.group == "defaults") {
    put_default(plan.edits, appliance, place.name, *identity);
    return;
  }
  const std::string password_path = folder + "/keystore.password";
  SecretBytes password = base.has(password_path) ? base.read_secret(password_path) : SecretBytes{};
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
  put_identity_files(plan.edits, appliance, place.name, *identity, std::move(password));
  plan.identities.push_back(place.name);
}

void adopt_trust(Plan& plan, const backup::Generation& base, const Appliance& appliance, const std::string& path,
                 const preflight::Knowledge& knowledge) {
  if (!base.has(path)) {
    refuse(plan, "empty-input", path, "the trust store is gone",
           "put it back, or undo the edits with chancery generation undo");
    return;
  }
  const Bytes bytes = base.read(path);
  const Material held = read_material(bytes, {.source = path});
  const bool has_key = !held.keys.empty() || std::any_of(held.notes.begin(), held.notes.end(),
                                                         [](const auto& note) { return note.code == "key-encrypted"; });
  if (has_key) {
    refuse(plan, "key-in-bundle", path, "a private key stands in a trust store", "take the key out of this file");
  }
  if (held.certificates.empty()) {
    refuse(plan, "not-a-certificate", path, "no certificate can be read in it",
           "put the bundle back, or undo the edits with chancery generation undo");
  }
  for (const MaterialNote& note : held.notes) {
    if (note.code == "damaged-block") refuse(plan, note.code, note.subject, note.message, note.hint);
  }
  for (const Certificate& anchor : held.certificates) {
    if (!knowledge.retired_anchors.contains(anchor.fingerprint())) continue;
    plan.report.add("retired-anchor", path, anchor.subject() + " was retired and may not come back",
                    "remove this certificate from the file");
  }
  put_file(plan.edits, appliance, path, bytes);
}

// The keystore and its password are one: whichever was edited, they must fit. A store whose password was changed by Java's
// own keytool is adopted once the new password stands in the portal's copy.
void adopt_portal_store(Plan& plan, const backup::Generation& base, const Appliance& appliance,
                        const preflight::Knowledge& knowledge) {
  const std::string path = trust::portal_store_path;
  try {
    const trust::OpenStore open = trust::open_portal_store(base);
    const std::vector<Bytes> anchors = trust::anchors_of(open.store);
    if (anchors.empty()) {
      refuse(plan, "not-a-certificate", path, "no certificate can be read in it",
             "put the store back, or undo the edits with chancery generation undo");
    }
    for (const Bytes& anchor : anchors) {
      if (!knowledge.retired_anchors.contains(sha256_hex(anchor))) continue;
      plan.report.add("retired-anchor", path,
                      "an anchor in it was retired and may not come back: " + sha256_hex(anchor),
                      "delete this certificate from the store");
    }
    put_portal_store(plan.edits, appliance, base.read(path), open.password);
  } catch (const Failure& failure) {
    refuse(plan, failure.code(), failure.subject(), failure.cause(),
           "put the store's password into " + std::string(trust::portal_password_path) +
               ", or undo the edits with chancery generation undo");
  }
}

void adopt_policy(Plan& plan, const backup::Generation& base, const Appliance& appliance, const std::string& path) {
  std::optional<std::string> toml;
  if (base.has(path)) toml = std::string(text_of(base.read(path)));
  try {
    Plan one = plan_policy(base, appliance, path, toml);
    plan.identities.insert(plan.identities.end(), one.identities.begin(), one.identities.end());
    if (toml) put_file(plan.edits, appliance, path, view_of(*toml));
  } catch (const Failure& failure) {
    if (!toml && failure.code() == "unknown-name") return;  // deleted by hand, and nobody needs it
    refuse(plan, failure.code(), failure.subject(), failure.cause(), failure.hint());
  }
}

bool is_of_manifest(const Drift& drift) { return drift.kind == Drift::Kind::manifest; }

// Where the manifest itself is damaged, every file counts as edited: all of it has to be looked at.
std::vector<Drift> edits_by_hand(const backup::Generation& base) {
  std::vector<Drift> drift = base.drift();
  if (std::none_of(drift.begin(), drift.end(), is_of_manifest)) return drift;
  std::erase_if(drift, [](const Drift& one) { return !is_of_manifest(one); });
  for (const std::string& path : base.files("")) {
    if (path == "manifest.json") continue;
    drift.push_back({Drift::Kind::changed, path, "may have been edited: the manifest is damaged"});
  }
  return drift;
}

void leave_out(Plan& plan, const std::string& path) {
  plan.edits[path] = std::nullopt;
  plan.report.add("drift", path, "is not part of a generation and is left out of the next one",
                  "nothing to do; keep files of your own elsewhere");
}

}  // namespace

Plan plan_adopt(const backup::Generation& base, const Appliance& appliance, const preflight::Knowledge& knowledge,
                Instant now) {
  Plan plan;
  plan.reason = "adopt";
  plan.base = base.number();
  std::set<std::string> folders;
  bool is_portal_store_edited = false;
  const std::vector<Drift> edited = edits_by_hand(base);
  const bool is_sealed = std::none_of(edited.begin(), edited.end(), is_of_manifest);
  for (const Drift& drift : edited) {
    plan.adopt = backup::Adopt::yes;
    if (is_of_manifest(drift)) {
      plan.report.add("drift", "manifest.json", drift.message, "the next generation has a manifest again");
      continue;
    }
    // Without a manifest nothing says what these were; they are taken as they are, since nothing better is known.
    if (!is_sealed && never_goes_back(drift.path)) continue;
    if (never_goes_back(drift.path)) {
      refuse(plan, "drift", drift.path, "must not be edited by hand: " + drift.message,
             "undo the edits with chancery generation undo");
      continue;
    }
    plan.report.add("drift", drift.path, drift.message, "it becomes part of the next generation");
    const Place place = place_of(drift.path);
    if (!is_known_file(appliance, drift.path))
      leave_out(plan, drift.path);
    else if (place.group == "identities" || place.group == "defaults")
      folders.insert(place.group + "/" + place.name);
    else if (drift.path == trust::portal_store_path || drift.path == trust::portal_password_path)
      is_portal_store_edited = true;
    else if (place.group == "trust")
      adopt_trust(plan, base, appliance, drift.path, knowledge);
    else
      adopt_policy(plan, base, appliance, drift.path);
  }
  for (const std::string& folder : folders) adopt_identity(plan, base, appliance, folder, knowledge, now);
  if (is_portal_store_edited) adopt_portal_store(plan, base, appliance, knowledge);
  std::sort(plan.identities.begin(), plan.identities.end());
  plan.identities.erase(std::unique(plan.identities.begin(), plan.identities.end()), plan.identities.end());

  // The edits stay, also those that repeat what the hand wrote: staging takes nothing else from there.
  const backup::Edits all = plan.edits;
  finish_plan(plan, base);
  if (plan.adopt == backup::Adopt::yes) plan.edits = all;
  return plan;
}

}  // namespace chancery::change
