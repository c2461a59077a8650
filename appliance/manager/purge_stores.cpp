#include "appliance/manager/purge_stores.h"

#include <algorithm>

#include "appliance/change/foreign.h"
#include "appliance/trust/portal_store.h"
#include "backup/sets/store_sets.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/java/java_keystore.h"
#include "keystore/java/pkcs12.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/certificate.h"

namespace chancery::manager {
namespace {

// nullopt: not without its password.
std::optional<java::Keystore> opened(ByteView bytes, const std::vector<SecretBytes>& more) {
  const SecretBytes empty;
  const SecretBytes usual = secret_copy(std::string_view("changeit"));
  std::vector<const SecretBytes*> passwords{nullptr, &usual, &empty};
  for (const SecretBytes& each : more) passwords.push_back(&each);
  for (const SecretBytes* password : passwords) {
    try {
      return java::open_keystore(bytes,
                                 {.source = "backup set", .password = password, .accept_absent_integrity = true});
    } catch (const Failure& failure) {
      const std::string& code = failure.code();
      if (code != "password-needed" && code != "wrong-password") throw;
    }
  }
  return std::nullopt;
}

bool is_of(const std::set<std::string>& digests, ByteView der) {
  try {
    const Certificate certificate = Certificate::from_der(der);
    return digests.contains(certificate.fingerprint()) || digests.contains(to_hex(certificate.key_digest()));
  } catch (const Failure&) {
    return false;  // what no program here can decode has no digest that could be asked for
  }
}

Holds holds_key(const std::set<std::string>& digests, const java::Keystore& store, const java::Entry& entry) {
  if (entry.kind != java::EntryKind::private_key) return Holds::no;
  if (!entry.certificates.empty()) return is_of(digests, entry.certificates.front().der) ? Holds::yes : Holds::no;
  try {
    const java::KeyMaterial key = java::open_key(store, entry, SecretBytes());
    return digests.contains(to_hex(java::to_private_key(key, entry.alias).key_digest())) ? Holds::yes : Holds::no;
  } catch (const Failure&) {
    return Holds::unknown;  // sealed, and without a certificate that would tell whose it is
  }
}

}  // namespace

Holds KeyHunt::look_into(ByteView keystore) const {
  std::optional<java::Keystore> store;
  try {
    store = opened(keystore, passwords_);
  } catch (const Failure& failure) {
    return failure.code() == "not-a-keystore" ? Holds::no : Holds::unknown;
  }
  if (!store) return Holds::unknown;
  Holds found = Holds::no;
  for (const java::Entry& entry : store->entries) {
    const Holds one = holds_key(digests_, *store, entry);
    if (one == Holds::yes) return one;
    if (one == Holds::unknown) found = one;
  }
  return found;
}

StorePurge purge_store_sets(const std::string& state, const KeyHunt& hunt, bool is_dry) {
  StorePurge out;
  for (const backup::StoreSets& place : backup::StoreSets::for_reading(state)) {
    for (const std::string& id : place.ids()) {
      Holds holds = Holds::unknown;
      try {
        holds = hunt.look_into(view_of(place.open(id).copy.file.bytes));
      } catch (const Failure& failure) {
        if (failure.code() != "backup-damaged") throw;
      }
      if (holds == Holds::unknown) out.undecided.push_back(id);
      if (holds != Holds::yes) continue;
      if (!is_dry) place.remove(id);
      out.removed.push_back(id);
    }
  }
  return out;
}

bool is_store_in_set(const std::string& path) {
  return path == trust::portal_store_path || change::path_of_set_name(path).has_value();
}

StorePurge purge_kept_stores(const std::string& state, const KeyHunt& hunt, bool is_dry) {
  StorePurge out;
  const Folder root = Folder::open(state);
  if (!root.status(change::kept_foreign_folder)) return out;
  const Folder kept = root.open_folder(change::kept_foreign_folder);
  for (const std::string& name : kept.list()) {
    const auto status = kept.status(name);
    if (!status || status->kind != FileStatus::Kind::file) continue;
    const Holds holds = hunt.look_into(view_of(kept.read_secret(name, java::keystore_limit)));
    if (holds == Holds::unknown) out.undecided.push_back(name);
    if (holds != Holds::yes) continue;
    if (!is_dry) kept.remove(name);
    out.removed.push_back(name);
  }
  return out;
}

}  // namespace chancery::manager
