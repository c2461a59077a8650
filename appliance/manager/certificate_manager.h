// The verbs of an appliance: everything `chancery` and the console can ask for, as one function from request to reply.
//
//   CertificateManager manager(state_path, system_now);
//   control::Message reply = manager.handle({.json = R"({"verb":"cert-list"})"}, "root (uid 0)");
//
// Used twice, the same: inside chancery-manager (asked over its socket) and inside the CLI where no manager runs. A verb
// that changes something takes STATE/lock (waits up to 30 s, then Failure "busy" that names the holder), resolves a
// change in doubt first, reads the inputs, preflights, plans, and runs the one transaction. Verbs that read take no lock.
//
// Request: {"verb":V,"arguments":{…}} + attachments. A file in arguments is {"name":"portal.pem","attachment":0}; secrets
// (passphrases, tokens) are {"attachment":3}. Reply: the JSON document that `--json` prints (contract.md, "JSON shapes"),
// without "ok"; failures are thrown. Attachments of a reply: file contents (backup-export, federation-token, csr).
//
// verb               arguments
// status             -                                           what runs, in force, in doubt, members
// cert-list          probe: bool (default true)
// cert-show          identity                                    (files and URLs are shown by the CLI itself)
// cert-check         files{certificate[],key[],intermediate[],trust[]}, names[], at, purpose, passphrase
// cert-replace       files{certificate[],key[],intermediate[],also_trust[]}, passphrase, identities[], accept[], keep_root, rehearsal arguments, dry_run
// cert-reset         identity, rehearsal arguments, dry_run
//                    (rehearsal arguments: no_rehearsal, accept_breakage, deadline_seconds, watch_seconds, watch_share; also of
//                    profile-set, endpoint-set and -delete, backup-restore, generation-rollback and -adopt; the first three of
//                    trust-remove and federation-rotate-retire. Their replies: {"rehearsal":{…}})
// rehearse           files{certificate[],intermediate[],also_trust[]}, passphrase, identities[], keep_root; or remove_trust[],
//                    store; or profile, settings; deadline_seconds        {"asked","would_trust","would_break","silent",…} (rehearsal.h)
// cert-csr           identity, sans[], key_type, dry_run         reply {"identity","request":PEM}
// backup-list/-show/-verify/-restore/-export/-import/-prune      id; restore: components[], dry_run; export: passphrase; import: file, passphrase, dry_run; prune: keep, dry_run
// generation-list/-diff/-rollback/-adopt/-undo/-purge            a, b; number, dry_run; key (SHA-256 of a public key or a certificate's fingerprint)
// progress           after                                       {"epoch","last","events":[…]}: what changes do (progress.h)
// trust-list/-append/-remove                                     store ("engine" where absent, "portal", "os" to list, or the
//                                                                path of a Java keystore); files[]; alias (of a Java store); fingerprint; storepass; dry_run
// trust-os-install/-remove                                       files[]; fingerprint; storepass (of Debian's Java store); dry_run
// keystore-put       store (a path), file, expected_sha256, storepass, former_storepass, reason, dry_run      managed_store.h
// keystore-repair    store ("" for all), storepass, dry_run      reply also {"restored":[{"store","alias","sha256"}],"skipped":[…]}
// profile|endpoint|consumer -set/-show/-list/-delete             name, settings{key:value}, dry_run
// federation-token   role, name, sans[], ttl_seconds, root access, dry_run    reply attachment 0: the token
// federation-tokens-list/-revoke, federation-list                id; revoke: dry_run
// federation-join    primary "HOST:PORT", token {attachment}, dry_run   dry: looks at the authority and asks it nothing
// federation-renew   due_only, dry_run                           reply also {"renewed":[identity…]}; due_only: nothing before its time
// federation-rotate-prepare/-activate/-retire/-status             root_key, root_passphrase, root_pin, dry_run; retire: forget[],
//                                                                emergency; status: show_blockers    (rotation.cpp)
// federation-remove  name, dry_run                               reply also {"member","revoked":[certificate…]}
// collector-install-trust  files[] (CAs), only[], dry_run                    the same: they stay, and trust these as well
// collector-move     host, port, name, files[] (CAs), only[], dry_run        asks the engine here; reply also {"told","absent"}
// collector-repair-make  host, port, name, files[], only[], ttl_seconds, dry_run   reply attachment 0: the repair file
// collector-repair-key, -rotate      -; rotate: dry_run          key's reply attachment 0: what an installer ships
// collector-installer trust "with-root"|"os-trust"|absent, files{root[]}, portal, engines[], tags[], collector (file), dry_run
//                                                                reply attachment 0: the zip (installer.cpp)
// customer-key-rotate, -status                                   overlap_seconds, end_overlap, dry_run   (customer_key.cpp)
// rule-set/-show/-list/-delete/-preview                          name, settings{key:value}, dry_run; preview: delete  (rules.cpp)
// collector-block    id (or a beginning of it), blocked, dry_run  asks the portal here; reply also {"id"}
// member-order       order {attachment}                          handed on by the engine (orders.h); reply attachment 0: the sealed answer
// order-undo         order (hex id)                              takes back what an order did here
// rollout-begin      entries{"0":{members[],label,address,identities[],accept[]}}, files{"0-certificate"[],"0-key"[],…}, passphrase, waves, dry_run
// rollout-step, -stop, -undo, -status                            id; step: again, patience_seconds; stop: dry_run; undo: without[], dry_run. Reply also {"events":[…]}
// authority-root, authority-sign                                 file, purpose, sans[], root access, dry_run
// authority-list, authority-revoke                               revoke: sha256, dry_run; reply also {"revoked":[certificate…]}
// authority-root-export/-remove      root access; export: passphrase; dry_run    export's reply attachment 0: the encrypted key
//                                    (root access: root_key {name, attachment}, root_passphrase, root_pin; root_access.h)
// audit-show         after, since, until, kind, verb, outcome, who, limit   newest that fit, oldest first
// audit-verify       -                                           {"verdict":"intact|warn|broken","findings":[…],"peers":[…]}
// audit-rotate-key   dry_run
// audit-report       program, events[]                           what console, portal and engine tell of sign-ins
// doctor             -                                           {"status":0..3,"checks":[{"check","status","message","hint"}]}
// resolve            -                                           resolves a change in doubt; also done by every change
// Reports of refusals: a Failure would lose the findings, so a refused change *returns* {"outcome":"refused","report":{…}}
// and a done one {"outcome":"done","generation":N,"backup_set":ID,"proofs":[…],"report":{…},"milliseconds":{…}}; dry_run
// {"outcome":"planned","plan":{…},"report":{…}}; a change that changes nothing {"outcome":"unchanged",…}.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/control/message.h"
#include "appliance/settings/appliance.h"
#include "appliance/settings/policy.h"
#include "backup/generations/generation.h"
#include "keystore/x509/instant.h"
#include "keystore/x509/private_key.h"

namespace chancery::manager {

class CertificateManager {
 public:
  CertificateManager(std::string state_path, Clock clock);  // Failure("not-initialised")
  ~CertificateManager();
  [[nodiscard]] control::Message handle(const control::Message& request, const std::string& who);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// True for verbs that only read (no lock, no manager needed).
[[nodiscard]] bool is_reading(const std::string& verb);

struct InitialOptions {
  std::string state;
  Role role = Role::single;
  std::string name;
  std::string internal_name;  // "": name
  std::vector<std::string> sans;
  std::string listen_host = "0.0.0.0";
  int port_base = 0;  // 0: the default ports
  // Absent: one is made. Shorter than 12 bytes is Failure("password-weak").
  std::optional<SecretBytes> administrator_password = {};
  // Of the root and the issuing CA: ecdsa_p256 or rsa_3072; anything else is Failure("bad-key-type").
  KeyType authority_key_type = KeyType::ecdsa_p256;
  // The root's key encrypted under a passphrase, or in a PKCS#11 token with its PIN (authority/root_key.h). Failure
  // "bad-argument" on a secondary, which has no root.
  std::optional<SecretBytes> root_passphrase = {};
  std::string root_token_uri = {};
  std::optional<SecretBytes> root_pin = {};
};
struct Initial {
  std::string federation;              // "" on a secondary
  SecretBytes administrator_password;  // the one made or given; shown once
  backup::GenerationNumber generation = 0;
};
// Makes STATE: keys, authority (primary, single), default certificates, Customer Key, repair key, administrator, and
// generation 1, complete or not at all. A state that is there already is Failure("already-initialised").
[[nodiscard]] Initial initialise(const InitialOptions& options, const Clock& clock);

struct InitialPlan {
  Appliance appliance;  // its state absolute
  std::vector<std::string> identities;
  std::vector<Endpoint> endpoints;
};
// What initialise would make, with every refusal of its own; writes nothing. Not checked: whether there is room, and
// whether the ports are free (nothing listens before the programs start).
[[nodiscard]] InitialPlan plan_initialise(const InitialOptions& options);

}  // namespace chancery::manager
