#include "appliance/manager/certificate_manager.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "appliance/manager/collector_list.h"
#include "appliance/manager/doctor.h"
#include "appliance/manager/progress.h"
#include "appliance/manager/verbs.h"
#include "appliance/manager/witness.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

// What a verb does to the state, and so to the audit: nothing, a change with its one record, or a record and no more.
enum class Access { reads, exports, changes, reports };

struct Entry {
  std::string_view name;
  Access access;
  Verb verb;
  std::string_view arguments;  // those it takes, in words
};

constexpr std::array verbs{
    Entry{"status", Access::reads, status, ""},
    Entry{"resolve", Access::changes, resolve, ""},
    Entry{"cert-list", Access::reads, cert_list, "probe"},
    Entry{"cert-show", Access::reads, cert_show, "identity"},
    Entry{"cert-check", Access::reads, cert_check, "files names at purpose passphrase accept keep_root"},
    Entry{"cert-replace", Access::changes, cert_replace,
          "files passphrase identities accept keep_root no_rehearsal accept_breakage deadline_seconds watch_seconds "
          "watch_share dry_run"},
    Entry{"cert-reset", Access::changes, cert_reset,
          "identity no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"rehearse", Access::reads, rehearse_change,
          "files passphrase identities keep_root remove_trust store profile settings deadline_seconds"},
    Entry{"cert-csr", Access::changes, cert_csr, "identity sans key_type dry_run"},
    Entry{"backup-list", Access::reads, backup_list, ""},
    Entry{"backup-show", Access::reads, backup_show, "id"},
    Entry{"backup-verify", Access::reads, backup_verify, "id"},
    Entry{"backup-restore", Access::changes, backup_restore,
          "id components no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"backup-export", Access::exports, backup_export, "id passphrase"},
    Entry{"backup-import", Access::changes, backup_import, "file passphrase dry_run"},
    Entry{"backup-prune", Access::changes, backup_prune, "keep dry_run"},
    Entry{"generation-list", Access::reads, generation_list, ""},
    Entry{"generation-diff", Access::reads, generation_diff, "a b"},
    Entry{"generation-rollback", Access::changes, generation_rollback,
          "number no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"generation-adopt", Access::changes, generation_adopt,
          "no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"generation-undo", Access::changes, generation_undo, "dry_run"},
    Entry{"generation-purge", Access::changes, generation_purge, "key dry_run"},
    Entry{"trust-list", Access::reads, trust_list, "store"},
    Entry{"trust-append", Access::changes, trust_append, "store files alias storepass dry_run"},
    Entry{"trust-remove", Access::changes, trust_remove,
          "store fingerprint storepass no_rehearsal accept_breakage deadline_seconds dry_run"},
    Entry{"trust-os-install", Access::changes, trust_os_install, "files storepass dry_run"},
    Entry{"trust-os-remove", Access::changes, trust_os_remove, "fingerprint storepass dry_run"},
    Entry{"keystore-put", Access::changes, keystore_put,
          "store file expected_sha256 storepass former_storepass reason dry_run"},
    Entry{"keystore-repair", Access::changes, keystore_repair, "store storepass dry_run"},
    Entry{"profile-set", Access::changes, profile_set,
          "name settings trusted no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"profile-show", Access::reads, profile_show, "name"},
    Entry{"profile-list", Access::reads, profile_list, ""},
    Entry{"profile-delete", Access::changes, profile_delete, "name dry_run"},
    Entry{"endpoint-set", Access::changes, endpoint_set,
          "name settings no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"endpoint-show", Access::reads, endpoint_show, "name"},
    Entry{"endpoint-list", Access::reads, endpoint_list, ""},
    Entry{"endpoint-delete", Access::changes, endpoint_delete,
          "name no_rehearsal accept_breakage deadline_seconds watch_seconds watch_share dry_run"},
    Entry{"consumer-set", Access::changes, consumer_set, "name settings dry_run"},
    Entry{"consumer-show", Access::reads, consumer_show, "name"},
    Entry{"consumer-list", Access::reads, consumer_list, ""},
    Entry{"consumer-delete", Access::changes, consumer_delete, "name dry_run"},
    Entry{"federation-token", Access::changes, federation_token,
          "role name internal_name sans ttl_seconds root_key root_passphrase root_pin dry_run"},
    Entry{"federation-tokens-list", Access::reads, federation_tokens_list, ""},
    Entry{"federation-tokens-revoke", Access::changes, federation_tokens_revoke, "id dry_run"},
    Entry{"federation-list", Access::reads, federation_list, ""},
    Entry{"federation-join", Access::changes, federation_join, "primary token dry_run"},
    Entry{"federation-renew", Access::changes, federation_renew, "due_only dry_run"},
    Entry{"federation-remove", Access::changes, federation_remove, "name dry_run"},
    Entry{"federation-rotate-prepare", Access::changes, federation_rotate_prepare,
          "root_key root_passphrase root_pin dry_run"},
    Entry{"federation-rotate-activate", Access::changes, federation_rotate_activate,
          "root_key root_passphrase root_pin dry_run"},
    Entry{"federation-rotate-retire", Access::changes, federation_rotate_retire,
          "forget emergency no_rehearsal accept_breakage deadline_seconds root_key root_passphrase root_pin dry_run"},
    Entry{"federation-rotate-status", Access::reads, federation_rotate_status, "show_blockers"},
    Entry{"collector-list", Access::reads, collector_list, ""},
    Entry{"collector-block", Access::changes, collector_block, "id blocked dry_run"},
    Entry{"collector-install-trust", Access::changes, collector_install_trust, "files only dry_run"},
    Entry{"collector-move", Access::changes, collector_move, "host port name files only dry_run"},
    Entry{"collector-repair-make", Access::changes, collector_repair_make,
          "host port name files only ttl_seconds dry_run"},
    Entry{"collector-repair-key", Access::reads, collector_repair_key, ""},
    Entry{"collector-repair-rotate", Access::changes, collector_repair_rotate, "dry_run"},
    Entry{"rule-set", Access::changes, rule_set, "name settings dry_run"},
    Entry{"rule-show", Access::reads, rule_show, "name"},
    Entry{"rule-list", Access::reads, rule_list, ""},
    Entry{"rule-delete", Access::changes, rule_delete, "name dry_run"},
    Entry{"rule-preview", Access::reads, rule_preview, "name settings delete"},
    Entry{"alert-list", Access::reads, alert_list, ""},
    Entry{"alert-test", Access::reads, alert_test, "channel"},
    Entry{"customer-key-status", Access::reads, customer_key_status, ""},
    Entry{"customer-key-rotate", Access::changes, customer_key_rotate, "overlap_seconds end_overlap dry_run"},
    Entry{"collector-installer", Access::exports, collector_installer,
          "trust files portal engines tags collector dry_run"},
    Entry{"member-order", Access::reports, member_order, "order"},
    Entry{"order-undo", Access::changes, order_undo, "order set dry_run"},
    Entry{"rollout-begin", Access::changes, rollout_begin, "entries files passphrase waves dry_run"},
    Entry{"rollout-step", Access::reports, rollout_step, "id again patience_seconds"},
    Entry{"rollout-stop", Access::changes, rollout_stop, "id dry_run"},
    Entry{"rollout-undo", Access::changes, rollout_undo, "id without dry_run"},
    Entry{"rollout-status", Access::reads, rollout_status, "id"},
    Entry{"metrics", Access::reads, metrics, ""},
    Entry{"settings-show", Access::reads, settings_show, "program"},
    Entry{"settings-set", Access::changes, settings_set, "program settings dry_run"},
    Entry{"storage-status", Access::reads, storage_status, ""},
    Entry{"storage-migrate", Access::changes, storage_migrate, "to password_file dry_run"},
    Entry{"storage-downgrade", Access::changes, storage_downgrade, "version dry_run"},
    Entry{"authority-root", Access::reads, authority_root, ""},
    Entry{"authority-sign", Access::changes, authority_sign,
          "file purpose sans root_key root_passphrase root_pin dry_run"},
    Entry{"authority-list", Access::reads, authority_list, ""},
    Entry{"authority-revoke", Access::changes, authority_revoke, "sha256 dry_run"},
    Entry{"authority-root-export", Access::changes, authority_root_export,
          "passphrase root_key root_passphrase dry_run"},
    Entry{"authority-root-remove", Access::changes, authority_root_remove, "root_key root_passphrase dry_run"},
    Entry{"audit-show", Access::reads, audit_show, "after since until kind verb outcome who limit"},
    Entry{"audit-verify", Access::reads, audit_verify, ""},
    Entry{"audit-rotate-key", Access::changes, audit_rotate_key, "dry_run"},
    Entry{"audit-report", Access::reports, audit_report, "program events"},
};

const Entry* find_verb(std::string_view name) {
  const auto found =
      std::find_if(verbs.begin(), verbs.end(), [name](const Entry& entry) { return entry.name == name; });
  return found == verbs.end() ? nullptr : &*found;
}

json parse_request(const std::string& text) {
  json request = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (request.is_object() && request.contains("verb") && request["verb"].is_string()) return request;
  throw Failure({.code = "bad-request",
                 .subject = "request",
                 .cause = "it is not a JSON object with a verb",
                 .hint = "ask with chancery; docs/state.md describes the protocol"});
}

// The person on whose behalf a program asks, as that says: the administrator behind the console.
std::string asking(const json& document, const std::string& who) {
  constexpr std::size_t longest = 128;
  const auto person = document.find("person");
  if (person == document.end() || !person->is_string() || person->get_ref<const std::string&>().empty()) return who;
  return who + " for " + person->get<std::string>().substr(0, longest);
}

json performed(const Entry& entry, Bench& bench, Call& call, const json& arguments) {
  Deed deed{.who = call.who(), .verb = std::string(entry.name), .arguments = audit::redacted_arguments(arguments)};
  if (entry.access == Access::changes && entry.verb != resolve && !call.flag("dry_run")) {
    return witnessed(bench, std::move(deed), [&] { return entry.verb(bench, call); });
  }
  json reply = entry.verb(bench, call);
  const bool leaves = !call.flag("dry_run") && reply.value("outcome", "done") == "done";
  if (entry.access == Access::exports && leaves) {
    // What leaves the appliance holds keys: without a record it does not leave.
    record_event(bench, {.kind = "export",
                         .who = std::move(deed.who),
                         .verb = std::move(deed.verb),
                         .arguments = std::move(deed.arguments),
                         .outcome = "done"});
  }
  return reply;
}

std::string to_text(const json& document) {
  // File names in findings may hold any byte.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

struct CertificateManager::State {
  std::string state_path;
  Clock clock;
};

CertificateManager::CertificateManager(std::string state_path, Clock clock)
    : state_(std::make_unique<State>(State{std::move(state_path), std::move(clock)})) {
  try {
    static_cast<void>(Appliance::load(state_->state_path));
  } catch (const Failure& failure) {
    // A damaged setting must not keep the doctor from saying so.
    if (failure.code() == "not-initialised") throw;
  }
}

CertificateManager::~CertificateManager() = default;

control::Message CertificateManager::handle(const control::Message& request, const std::string& who) {
  const json document = parse_request(request.json);
  const std::string verb = document["verb"].get<std::string>();
  const json arguments = document.value("arguments", json::object());
  Call call(arguments, request.attachments, asking(document, who));
  if (verb == "doctor") {
    Examination examination;
    examine(examination, state_->state_path, state_->clock);
    return {.json = to_text(examination.to_json()), .attachments = {}};
  }
  if (verb == "progress") {
    call.expect_only("after");
    return {.json = to_text(Progress::of_process().since(call.number("after").value_or(0))), .attachments = {}};
  }
  const Entry* entry = find_verb(verb);
  if (entry == nullptr) {
    throw Failure({.code = "unknown-verb",
                   .subject = verb,
                   .cause = "there is no such command",
                   .hint = "chancery help lists the commands; are both programs of the same version?"});
  }
  call.expect_only(std::string(entry->arguments));
  Bench bench(state_->state_path, state_->clock);
  const json reply = performed(*entry, bench, call, arguments);
  return {.json = to_text(reply), .attachments = std::move(call.reply_attachments)};
}

bool is_reading(const std::string& verb) {
  if (verb == "doctor" || verb == "progress") return true;
  const Entry* entry = find_verb(verb);
  return entry != nullptr && entry->access == Access::reads;
}

}  // namespace chancery::manager
