#include "appliance/console/verb_table.h"

#include <array>

namespace chancery::console {

namespace {

constexpr std::array known_scopes{std::string_view("read"),      std::string_view("certificates"),
                                  std::string_view("backups"),   std::string_view("trust"),
                                  std::string_view("policy"),    std::string_view("federation"),
                                  std::string_view("authority"), std::string_view("audit")};

// Words that several verbs have in common.
#define ROOT_ACCESS " root_key:file root_passphrase:secret root_pin:secret"
#define REHEARSED " no_rehearsal:bool accept_breakage:int deadline_seconds:int"
#define WATCHED " watch_seconds:int watch_share:int"

constexpr std::array table{
    VerbRoute{"GET", "/status", "status", "read", "", "What runs, what is in force, what is in doubt"},
    VerbRoute{"GET", "/metrics", "metrics", "read", "",
              "The inventory with its dates, and what doctor says, in the text format of Prometheus", Reply::text},
    VerbRoute{"GET", "/doctor", "doctor", "read", "", "Permissions, drift, expiry, changes in doubt"},
    VerbRoute{"GET", "/progress", "progress", "read", "after:int", "The newest steps of changes, by number"},
    VerbRoute{"POST", "/resolution", "resolve", "backups", "", "Resolves a change that was left in doubt"},
    // Certificates
    VerbRoute{"GET", "/certificates", "cert-list", "read", "probe:bool", "All identities: installed beside served"},
    VerbRoute{"GET", "/certificates/{identity}", "cert-show", "read", "identity:text", "One identity in detail"},
    VerbRoute{"POST", "/certificates/check", "cert-check", "read",
              "files.certificate:files files.key:files files.intermediate:files files.trust:files names:list at:text "
              "purpose:text passphrase:secret accept:list keep_root:bool",
              "Preflight of any files; changes nothing"},
    VerbRoute{"POST", "/certificates/replace", "cert-replace", "certificates",
              "files.certificate:files files.key:files files.intermediate:files files.also_trust:files "
              "passphrase:secret identities:list accept:list keep_root:bool" REHEARSED WATCHED " dry_run:bool",
              "Replaces the group of this appliance's role, or the named identities"},
    VerbRoute{"POST", "/certificates/{identity}/reset", "cert-reset", "certificates",
              "identity:text" REHEARSED WATCHED " dry_run:bool", "Back to the ad-hoc certificate"},
    VerbRoute{"POST", "/certificates/{identity}/request", "cert-csr", "certificates",
              "identity:text sans:list key_type:text dry_run:bool", "Makes a key here and a signing request for it"},
    VerbRoute{"POST", "/rehearsal", "rehearse", "read",
              "files.certificate:files files.key:files files.intermediate:files files.also_trust:files "
              "passphrase:secret identities:list keep_root:bool remove_trust:list store:text profile:text "
              "settings:object deadline_seconds:int",
              "Who would break: collectors, appliances and stores judge a change before it is made"},
    // Backups and generations
    VerbRoute{"GET", "/backups", "backup-list", "read", "", "All backup sets"},
    VerbRoute{"GET", "/backups/{id}", "backup-show", "read", "id:text", "What a set holds"},
    VerbRoute{"GET", "/backups/{id}/verification", "backup-verify", "read", "id:text", "Whether a set is whole"},
    VerbRoute{"POST", "/backups/{id}/restore", "backup-restore", "backups",
              "id:text components:list" REHEARSED WATCHED " dry_run:bool", "Puts a set's components in force"},
    VerbRoute{"POST", "/backups/{id}/export", "backup-export", "backups", "id:text passphrase:secret",
              "The set as a file under a passphrase", Reply::download, true, "chancery-backup.sealed"},
    VerbRoute{"POST", "/backups/import", "backup-import", "backups", "file:file passphrase:secret dry_run:bool",
              "Takes in an exported set"},
    VerbRoute{"POST", "/backups/prune", "backup-prune", "backups", "keep:int dry_run:bool", "Removes old sets"},
    VerbRoute{"GET", "/generations", "generation-list", "read", "", "All generations"},
    VerbRoute{"GET", "/generations/diff", "generation-diff", "read", "a:int b:int", "What differs between two"},
    VerbRoute{"POST", "/generations/rollback", "generation-rollback", "backups",
              "number:int" REHEARSED WATCHED " dry_run:bool", "Puts the content of an earlier generation in force"},
    VerbRoute{"POST", "/generations/adopt", "generation-adopt", "backups", REHEARSED WATCHED " dry_run:bool",
              "Takes over edits by hand"},
    VerbRoute{"POST", "/generations/undo", "generation-undo", "backups", "dry_run:bool", "Undoes edits by hand"},
    VerbRoute{"POST", "/generations/purge", "generation-purge", "backups", "key:text dry_run:bool",
              "Removes a compromised key from all generations and sets"},
    // Trust
    VerbRoute{"GET", "/trust", "trust-list", "read", "store:text", "What a trust store holds"},
    VerbRoute{"POST", "/trust/append", "trust-append", "trust",
              "files:files store:text alias:text storepass:secret dry_run:bool", "Adds CA certificates to a store"},
    VerbRoute{"POST", "/trust/remove", "trust-remove", "trust",
              "fingerprint:text store:text storepass:secret" REHEARSED " dry_run:bool",
              "Takes a certificate out of a store"},
    VerbRoute{"POST", "/trust/system/install", "trust-os-install", "trust", "files:files storepass:secret dry_run:bool",
              "Adds CA certificates to the operating system's trust"},
    VerbRoute{"POST", "/trust/system/remove", "trust-os-remove", "trust",
              "fingerprint:text storepass:secret dry_run:bool", "Takes one out of the operating system's trust"},
    VerbRoute{"POST", "/keystores/put", "keystore-put", "trust",
              "store:text file:file expected_sha256:text storepass:secret former_storepass:secret reason:text "
              "dry_run:bool",
              "Puts an edited Java keystore in place"},
    VerbRoute{"POST", "/keystores/repair", "keystore-repair", "trust", "store:text storepass:secret dry_run:bool",
              "Puts back managed certificates that others have removed"},
    // Policy
    VerbRoute{"GET", "/profiles", "profile-list", "read", "", "All security profiles"},
    VerbRoute{"GET", "/profiles/{name}", "profile-show", "read", "name:text", "One security profile"},
    VerbRoute{"PUT", "/profiles/{name}", "profile-set", "policy",
              "name:text settings:object trusted:files" REHEARSED WATCHED " dry_run:bool",
              "Makes or changes a security profile"},
    VerbRoute{"DELETE", "/profiles/{name}", "profile-delete", "policy", "name:text dry_run:bool", "Deletes a profile"},
    VerbRoute{"GET", "/endpoints", "endpoint-list", "read", "", "All endpoints"},
    VerbRoute{"GET", "/endpoints/{name}", "endpoint-show", "read", "name:text", "One endpoint"},
    VerbRoute{"PUT", "/endpoints/{name}", "endpoint-set", "policy",
              "name:text settings:object" REHEARSED WATCHED " dry_run:bool", "Changes an endpoint"},
    VerbRoute{"DELETE", "/endpoints/{name}", "endpoint-delete", "policy", "name:text" REHEARSED WATCHED " dry_run:bool",
              "Deletes an endpoint"},
    VerbRoute{"GET", "/consumers", "consumer-list", "read", "", "Outside services that use our certificates"},
    VerbRoute{"GET", "/consumers/{name}", "consumer-show", "read", "name:text", "One of them"},
    VerbRoute{"PUT", "/consumers/{name}", "consumer-set", "policy", "name:text settings:object dry_run:bool",
              "Declares an outside service"},
    VerbRoute{"DELETE", "/consumers/{name}", "consumer-delete", "policy", "name:text dry_run:bool",
              "Forgets an outside service"},
    VerbRoute{"GET", "/settings", "settings-show", "read", "program:text",
              "Settings of the appliance's processes: values, meanings, where each comes from"},
    VerbRoute{"PUT", "/settings/{program}", "settings-set", "policy", "program:text settings:object dry_run:bool",
              "Changes settings of one process; an empty value takes one away"},
    // Federation
    VerbRoute{"GET", "/federation/members", "federation-list", "read", "", "All members and how they are"},
    VerbRoute{"DELETE", "/federation/members/{name}", "federation-remove", "federation", "name:text dry_run:bool",
              "Removes a member and revokes its certificates"},
    VerbRoute{"GET", "/federation/tokens", "federation-tokens-list", "read", "", "All join tokens"},
    VerbRoute{"POST", "/federation/tokens", "federation-token", "federation",
              "role:text name:text internal_name:text sans:list ttl_seconds:int dry_run:bool" ROOT_ACCESS,
              "Makes a join token, good for one appliance", Reply::secret_text},
    VerbRoute{"DELETE", "/federation/tokens/{id}", "federation-tokens-revoke", "federation", "id:text dry_run:bool",
              "Revokes a join token"},
    VerbRoute{"POST", "/federation/join", "federation-join", "federation", "primary:text token:secret dry_run:bool",
              "Joins the federation of a primary"},
    VerbRoute{"POST", "/federation/renew", "federation-renew", "federation", "due_only:bool dry_run:bool",
              "Renews the ad-hoc certificates"},
    VerbRoute{"GET", "/federation/rotation", "federation-rotate-status", "read", "show_blockers:bool",
              "How far the rotation of the root is, and who has not proven the new one"},
    VerbRoute{"POST", "/federation/rotation/prepare", "federation-rotate-prepare", "federation",
              "dry_run:bool" ROOT_ACCESS, "Makes a new root beside the present one"},
    VerbRoute{"POST", "/federation/rotation/activate", "federation-rotate-activate", "federation",
              "dry_run:bool" ROOT_ACCESS, "Issues under the new root"},
    VerbRoute{"POST", "/federation/rotation/retire", "federation-rotate-retire", "federation",
              "forget:list emergency:bool" REHEARSED " dry_run:bool" ROOT_ACCESS, "Ends the trust in the former root"},
    VerbRoute{"GET", "/federation/rollouts", "rollout-status", "read", "id:text", "Rollouts and how they went"},
    VerbRoute{"POST", "/federation/rollouts", "rollout-begin", "federation",
              "entries:object files.*:files passphrase:secret waves:text dry_run:bool",
              "Begins replacing certificates across members in waves"},
    VerbRoute{"POST", "/federation/rollouts/{id}/step", "rollout-step", "federation",
              "id:text again:bool patience_seconds:int", "Goes on with a rollout by one step"},
    VerbRoute{"POST", "/federation/rollouts/{id}/undo", "rollout-undo", "federation",
              "id:text without:list dry_run:bool",
              "Begins to put every member back to what it had before a rollout; .../step goes on with it"},
    VerbRoute{"POST", "/federation/rollouts/{id}/stop", "rollout-stop", "federation", "id:text dry_run:bool",
              "Stops a rollout"},
    // Collectors
    VerbRoute{"GET", "/collectors", "collector-list", "read", "",
              "Collectors that the portal knows, and who is blocked"},
    VerbRoute{"POST", "/collectors/installer", "collector-installer", "federation",
              "trust:text files:files portal:text engines:list tags:list dry_run:bool",
              "The files that make a collector one of this federation, as a zip", Reply::download, true,
              "collector-installer.zip"},
    VerbRoute{"POST", "/collectors/block", "collector-block", "federation", "id:text blocked:bool dry_run:bool",
              "Blocks a collector, or lets it in again"},
    VerbRoute{"POST", "/collectors/trust", "collector-install-trust", "federation",
              "files:files only:list dry_run:bool", "Hands collectors a CA that they shall trust as well"},
    VerbRoute{"POST", "/collectors/move", "collector-move", "federation",
              "host:text port:int name:text files:files only:list dry_run:bool", "Sends collectors to another engine"},
    VerbRoute{"POST", "/collectors/repair", "collector-repair-make", "federation",
              "host:text port:int name:text files:files only:list ttl_seconds:int dry_run:bool",
              "Makes a signed repair file", Reply::download, false, "repair.json"},
    VerbRoute{"GET", "/collectors/repair-key", "collector-repair-key", "read", "",
              "The key that repair files are signed by", Reply::download, false, "repair-key.json"},
    VerbRoute{"POST", "/collectors/repair-key", "collector-repair-rotate", "federation", "dry_run:bool",
              "Makes the next key that signs repair files"},
    VerbRoute{"GET", "/customer-key", "customer-key-status", "read", "", "How far the Customer Key's rotation is"},
    VerbRoute{"POST", "/customer-key/rotate", "customer-key-rotate", "federation",
              "overlap_seconds:int end_overlap:bool dry_run:bool", "Makes a new Customer Key, with overlap"},
    VerbRoute{"GET", "/rules", "rule-list", "read", "", "Rules that assign collectors to engines"},
    VerbRoute{"GET", "/rules/{name}", "rule-show", "read", "name:text", "One rule"},
    VerbRoute{"PUT", "/rules/{name}", "rule-set", "policy", "name:text settings:object dry_run:bool",
              "Makes or changes a rule"},
    VerbRoute{"DELETE", "/rules/{name}", "rule-delete", "policy", "name:text dry_run:bool", "Deletes a rule"},
    VerbRoute{"POST", "/rules/{name}/preview", "rule-preview", "read", "name:text settings:object delete:bool",
              "Where collectors would go by a rule"},
    // Alerts
    VerbRoute{"GET", "/alerts", "alert-list", "read", "", "What stands in the federation, and who was told of it"},
    VerbRoute{"POST", "/alerts/test", "alert-test", "policy", "channel:text", "Sends a test over mail and webhook"},
    // Authority
    VerbRoute{"GET", "/authority/root", "authority-root", "read", "", "The federation's root and its SHA-256"},
    VerbRoute{"GET", "/authority/certificates", "authority-list", "read", "", "What was signed by hand"},
    VerbRoute{"POST", "/authority/certificates", "authority-sign", "authority",
              "file:file purpose:text sans:list dry_run:bool" ROOT_ACCESS, "Signs a certificate from a request"},
    VerbRoute{"DELETE", "/authority/certificates/{sha256}", "authority-revoke", "authority", "sha256:text dry_run:bool",
              "Revokes what was signed by hand"},
    VerbRoute{"GET", "/storage", "storage-status", "read", "", "Where the register is kept"},
    VerbRoute{"POST", "/storage/migrate", "storage-migrate", "authority", "to:text password_file:text dry_run:bool",
              "Moves the register"},
    VerbRoute{"POST", "/storage/downgrade", "storage-downgrade", "authority", "version:int dry_run:bool",
              "Takes the register one version back"},
    // Audit
    VerbRoute{"GET", "/audit", "audit-show", "read",
              "after:int since:text until:text kind:text verb:text outcome:text who:text limit:int",
              "Records of the audit, newest that fit, oldest first"},
    VerbRoute{"GET", "/audit/verification", "audit-verify", "read", "", "Whether the chain is whole, by its peers too"},
    VerbRoute{"POST", "/audit/key", "audit-rotate-key", "audit", "dry_run:bool", "Makes a new key for the audit"},
};

#undef ROOT_ACCESS
#undef REHEARSED
#undef WATCHED

}  // namespace

std::span<const VerbRoute> verb_table() { return table; }
std::span<const std::string_view> scopes() { return known_scopes; }

std::vector<ArgumentType> arguments_of(const VerbRoute& route) {
  std::vector<ArgumentType> types;
  std::string_view rest = route.arguments;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    const std::size_t colon = word.find(':');
    types.push_back({.name = word.substr(0, colon), .type = word.substr(colon + 1)});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return types;
}

}  // namespace chancery::console
