// The verbs behind CertificateManager::handle, one family per source file. Each takes the bench of this request and
// the call, and returns the reply's JSON; failures are thrown. A changing verb takes the writer's lock itself, first.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "appliance/manager/bench.h"
#include "appliance/manager/call.h"

namespace chancery::manager {

using Verb = nlohmann::json (*)(Bench&, Call&);

// metrics.cpp
nlohmann::json metrics(Bench&, Call&);
// status.cpp
nlohmann::json status(Bench&, Call&);
nlohmann::json resolve(Bench&, Call&);
// inventory.cpp
nlohmann::json cert_list(Bench&, Call&);
nlohmann::json cert_show(Bench&, Call&);
// certificates.cpp
nlohmann::json cert_check(Bench&, Call&);
nlohmann::json cert_replace(Bench&, Call&);
nlohmann::json cert_reset(Bench&, Call&);
// rehearse.cpp
nlohmann::json rehearse_change(Bench&, Call&);
// requests.cpp
nlohmann::json cert_csr(Bench&, Call&);
// backups.cpp
nlohmann::json backup_list(Bench&, Call&);
nlohmann::json backup_show(Bench&, Call&);
nlohmann::json backup_verify(Bench&, Call&);
nlohmann::json backup_restore(Bench&, Call&);
nlohmann::json backup_export(Bench&, Call&);
nlohmann::json backup_import(Bench&, Call&);
nlohmann::json backup_prune(Bench&, Call&);
// generations.cpp
nlohmann::json generation_list(Bench&, Call&);
nlohmann::json generation_diff(Bench&, Call&);
nlohmann::json generation_rollback(Bench&, Call&);
nlohmann::json generation_adopt(Bench&, Call&);
nlohmann::json generation_undo(Bench&, Call&);
// purge.cpp
nlohmann::json generation_purge(Bench&, Call&);
// trust.cpp
nlohmann::json trust_list(Bench&, Call&);
nlohmann::json trust_append(Bench&, Call&);
nlohmann::json trust_remove(Bench&, Call&);
// os_trust.cpp
nlohmann::json trust_os_install(Bench&, Call&);
nlohmann::json trust_os_remove(Bench&, Call&);
// keystores.cpp
nlohmann::json keystore_put(Bench&, Call&);
nlohmann::json keystore_repair(Bench&, Call&);
// policy.cpp
nlohmann::json profile_set(Bench&, Call&);
nlohmann::json profile_show(Bench&, Call&);
nlohmann::json profile_list(Bench&, Call&);
nlohmann::json profile_delete(Bench&, Call&);
nlohmann::json endpoint_set(Bench&, Call&);
nlohmann::json endpoint_show(Bench&, Call&);
nlohmann::json endpoint_list(Bench&, Call&);
nlohmann::json endpoint_delete(Bench&, Call&);
nlohmann::json consumer_set(Bench&, Call&);
nlohmann::json consumer_show(Bench&, Call&);
nlohmann::json consumer_list(Bench&, Call&);
nlohmann::json consumer_delete(Bench&, Call&);
// federation.cpp
nlohmann::json federation_token(Bench&, Call&);
nlohmann::json federation_tokens_list(Bench&, Call&);
nlohmann::json federation_tokens_revoke(Bench&, Call&);
nlohmann::json federation_list(Bench&, Call&);
// join.cpp
nlohmann::json federation_join(Bench&, Call&);
// renewal.cpp
nlohmann::json federation_renew(Bench&, Call&);
// revocations.cpp
nlohmann::json federation_remove(Bench&, Call&);
// rotation.cpp
nlohmann::json federation_rotate_prepare(Bench&, Call&);
nlohmann::json federation_rotate_activate(Bench&, Call&);
nlohmann::json federation_rotate_retire(Bench&, Call&);
nlohmann::json federation_rotate_status(Bench&, Call&);
// collector_block.cpp
nlohmann::json collector_block(Bench&, Call&);
// collector_trust.cpp
nlohmann::json collector_move(Bench&, Call&);
nlohmann::json collector_install_trust(Bench&, Call&);
nlohmann::json collector_repair_make(Bench&, Call&);
nlohmann::json collector_repair_key(Bench&, Call&);
nlohmann::json collector_repair_rotate(Bench&, Call&);
// rules.cpp
nlohmann::json rule_set(Bench&, Call&);
nlohmann::json rule_show(Bench&, Call&);
nlohmann::json rule_list(Bench&, Call&);
nlohmann::json rule_delete(Bench&, Call&);
nlohmann::json rule_preview(Bench&, Call&);
// alerts.cpp
nlohmann::json alert_list(Bench&, Call&);
nlohmann::json alert_test(Bench&, Call&);
// customer_key.cpp
nlohmann::json customer_key_status(Bench&, Call&);
nlohmann::json customer_key_rotate(Bench&, Call&);
// installer.cpp
nlohmann::json collector_installer(Bench&, Call&);
// orders.cpp
nlohmann::json member_order(Bench&, Call&);
nlohmann::json order_undo(Bench&, Call&);
// rollout.cpp
nlohmann::json rollout_begin(Bench&, Call&);
nlohmann::json rollout_step(Bench&, Call&);
nlohmann::json rollout_stop(Bench&, Call&);
nlohmann::json rollout_status(Bench&, Call&);
// rollout_undo.cpp
nlohmann::json rollout_undo(Bench&, Call&);
// settings.cpp
nlohmann::json settings_show(Bench&, Call&);
nlohmann::json settings_set(Bench&, Call&);
// storage.cpp
nlohmann::json storage_status(Bench&, Call&);
nlohmann::json storage_migrate(Bench&, Call&);
nlohmann::json storage_downgrade(Bench&, Call&);
// authority.cpp
nlohmann::json authority_root(Bench&, Call&);
nlohmann::json authority_sign(Bench&, Call&);
// root_key.cpp
nlohmann::json authority_root_export(Bench&, Call&);
nlohmann::json authority_root_remove(Bench&, Call&);
// signed_certificates.cpp
nlohmann::json authority_list(Bench&, Call&);
nlohmann::json authority_revoke(Bench&, Call&);
// audit.cpp
nlohmann::json audit_show(Bench&, Call&);
nlohmann::json audit_verify(Bench&, Call&);
nlohmann::json audit_rotate_key(Bench&, Call&);
nlohmann::json audit_report(Bench&, Call&);

}  // namespace chancery::manager
