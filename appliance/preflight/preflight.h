// Everything that is wrong or odd with a pile of files that shall become an identity, at once, and the identity that
// they make when nothing is wrong.
//
//   Answer answer = preflight::check(question, knowledge);
//   if (answer.report.verdict() == Verdict::refuse) …
//   answer.identity->leaf, ->intermediates, ->key
//
// Builds the chain from what was given, what stood in the same files and what the appliance already knows; orders it;
// leaves the root out (unless keep_root); a given cross certificate of a CA in the chain is sent as well. Refuses what
// a careful client of any kind would refuse (RFC 5280, RFC 6125, CA/Browser baseline), not only what OpenSSL refuses.
// Changes nothing, opens no connection, never throws for bad input. Not checked: revocation beyond `knowledge.revoked`;
// what clients out there trust (rehearsal does). Thread safety: pure functions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "appliance/preflight/finding.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/private_key.h"

namespace chancery::preflight {

struct SourceFile {
  std::string name;  // as the person gave it: "portal.pem"
  SecretBytes bytes;
};

enum class Purpose { server, client };

struct RequiredName {
  enum class Role { external, internal } role = Role::external;  // P12: each mismatch is its own finding
  std::string name;
};

struct Question {
  std::vector<SourceFile> certificate;  // leaf, perhaps with chain and key in the same file
  std::vector<SourceFile> key;          // empty: a key among `certificate`, or `waiting_key`
  std::vector<SourceFile> intermediate;
  std::vector<SourceFile> trust;       // --trust: only these anchor; empty: knowledge.anchors
  std::vector<SourceFile> also_trust;  // --also-trust: anchors besides
  std::optional<SecretBytes> passphrase;
  std::optional<PrivateKey> waiting_key;  // key of a pending CSR
  std::vector<RequiredName> names;
  Purpose purpose = Purpose::server;
  Instant at{};
  bool needs_key = false;  // replace: a missing key is an error ("key-missing")
  bool keep_root = false;  // A5
  bool pinned = false;     // v1 / SAN-less / self-signed only warn (D3)
  std::set<std::string> accepted;
  std::vector<std::string> key_paths;  // paths on disk whose permissions are looked at (T8)
  std::string key_reader;              // the user that must be able to read them; "": who runs this
};

// A collector that trusts only the roots it was given, as it last reported (fingerprints).
struct PinnedCollector {
  std::string name;
  std::vector<std::string> roots;
};

// What this appliance knows. All optional: a bare `cert check` on a laptop has only the OS's anchors.
struct Knowledge {
  std::shared_ptr<const CertificatePool> anchors;        // roots: appliance trust + federation + OS
  std::shared_ptr<const CertificatePool> intermediates;  // known to the appliance
  std::set<std::string> retired_anchors;                 // fingerprints
  std::set<Sha256> retired_keys = {};                    // the same by their keys, whatever certificate bears them
  std::set<std::string> revoked;                         // fingerprints, or "issuer-key-id:serial"
  bool federated = true;                                 // false: not-federated warning
  std::vector<PinnedCollector> pinned_collectors;        // those that the identity would be served to
};

// What goes into force: matched, ordered, verified as far as the report says.
struct Identity {
  Certificate leaf;
  std::vector<Certificate> intermediates;  // in sending order; the root last only with keep_root
  std::optional<PrivateKey> key;
};

struct Answer {
  Report report;
  std::optional<Identity> identity;  // absent when no leaf could be told
};

// Throws only Failure("cannot-accept"), for a code in question.accepted that nobody may accept.
[[nodiscard]] Answer check(const Question& question, const Knowledge& knowledge);

// For trust stores (CA bundles): each certificate must be a CA or a certificate meant to be pinned; keys, garbage and
// expired roots are findings. `fresh` are those not yet in `existing`.
struct BundleAnswer {
  Report report;
  std::vector<Certificate> fresh;
  std::vector<Certificate> present;
};
[[nodiscard]] BundleAnswer check_bundle(const std::vector<SourceFile>& files, const CertificatePool& existing,
                                        Instant at);

// The present state of an identity, for restore, rollback, doctor and list: chain, dates, revocation, retired anchors.
// What is wrong for good stays an error: revoked, retired-anchor, key-mismatch. Everything else is a warning here, mere
// expiry too: it was accepted when it went into force, and an old certificate can be better than none. An intermediate
// that the identity lacks is not silently completed, because clients would not get it: missing-intermediate.
[[nodiscard]] Report check_identity(const Identity& identity, const Knowledge& knowledge,
                                    const std::vector<RequiredName>& names, Instant at);

// The "key-permissions" findings alone, for key files on disk: strangers that may read them, and a `reader` (a user's
// name; "": who runs this) that cannot, traversal of the folders included.
void judge_key_permissions(const std::vector<std::string>& paths, const std::string& reader, Report& report);

}  // namespace chancery::preflight
