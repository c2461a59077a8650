// keytool -delete, -changealias, -storepasswd, -keypasswd.
#include <algorithm>

#include "appliance/keytool/commands.h"
#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

void remove_entry(java::Keystore& store, const std::string& alias) {
  const java::Entry* entry = java::find_entry(store, alias);
  store.entries.erase(store.entries.begin() + (entry - store.entries.data()));
}

}  // namespace

void delete_entry(Work& work) {
  const std::string alias = *work.given.alias;
  (void)entry_of(work.store, alias);
  remove_entry(work.store.keystore, alias);
  save_store(work);
}

void change_alias(Work& work) {
  java::Keystore& store = work.store.keystore;
  const std::string alias = work.alias();
  const std::string destination = *work.given.destination;
  if (java::find_entry(store, destination) != nullptr) {
    fail_plain("Destination alias <" + destination + "> already exists");
  }
  java::Entry moved = entry_of(work.store, alias);
  if (moved.key) {
    // Under the password it had, which has to be shown first.
    const OpenedKey opened = recover_key(work, alias);
    moved.alias = java::stored_alias(store.type, destination);
    moved.key = sealed(work.store, opened.key, opened.password);
  }
  moved.alias = java::stored_alias(store.type, destination);
  moved.created_ms = now_ms();
  store.entries.push_back(std::move(moved));
  remove_entry(store, alias);
  save_store(work);
}

void change_store_password(Work& work) {
  OpenStore& store = work.store;
  const SecretBytes next =
      work.given.new_password ? *work.given.new_password : new_password(work, "keystore password", store.password);
  if (store.is_pkcs12()) {
    for (java::Entry& entry : store.keystore.entries) {
      if (!entry.key) continue;
      const OpenedKey opened = recover_key_of(work, store, entry, work.given.key_password);
      entry.key = sealed(store, opened.key, next);
      entry.created_ms = now_ms();
    }
  }
  store.passwordless = false;
  save_store(work, next);
}

void change_key_password(Work& work) {
  const std::string alias = work.alias();
  const OpenedKey opened = recover_key(work, alias);
  const SecretBytes next = work.given.new_password
                               ? *work.given.new_password
                               : new_password(work, "key password for <" + alias + ">", opened.password);
  java::Entry& entry = *java::find_entry(work.store.keystore, alias);
  entry.key = sealed(work.store, opened.key, next);
  entry.created_ms = now_ms();
  save_store(work);
}

}  // namespace chancery::keytool
