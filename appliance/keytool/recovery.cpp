// Keys out of stores, and the questions that may be needed on the way.
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/work.h"
#include "keystore/fault.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t shortest_password = 6;
constexpr int tries = 3;
constexpr int patience = 20;

SecretBytes ask_key_password(Work& work, const std::string& alias) {
  for (int count = 0; count < tries; ++count) {
    if (std::optional<SecretBytes> password = work.console.read_password("Enter key password for <" + alias + ">"))
      return std::move(*password);
  }
  fail_plain("Too many failures - try later");
}

[[noreturn]] void fail_unrecoverable(const OpenStore& store) {
  static constexpr const char* padding =
      "Given final block not properly padded. Such issues can arise if a bad key is used during decryption.";
  switch (store.keystore.type) {
    case java::StoreType::jks:
      fail_as("java.security.UnrecoverableKeyException", "Cannot recover key");
    case java::StoreType::jceks:
      fail_as("java.security.UnrecoverableKeyException", padding);
    default:
      fail_as("java.security.UnrecoverableKeyException", std::string("Get Key failed: ") + padding);
  }
}

java::KeyMaterial opened_key(const OpenStore& store, const java::Entry& entry, const SecretBytes& password) {
  try {
    return java::open_key(store.keystore, entry, password);
  } catch (const Failure& failure) {
    if (failure.code() == "wrong-key-password") fail_unrecoverable(store);
    fail_as("java.security.UnrecoverableKeyException", failure.cause());
  }
}

}  // namespace

const java::Entry& entry_of(const OpenStore& store, const std::string& alias) {
  const java::Entry* entry = java::find_entry(store.keystore, alias);
  if (entry == nullptr) fail_plain("Alias <" + alias + "> does not exist");
  return *entry;
}

OpenedKey recover_key_of(Work& work, const OpenStore& store, const java::Entry& entry,
                         const std::optional<SecretBytes>& key_password) {
  if (key_password) return {opened_key(store, entry, *key_password), *key_password};
  if (store.password) {
    try {
      return {java::open_key(store.keystore, entry, *store.password), *store.password};
    } catch (const Failure& failure) {
      if (failure.code() != "wrong-key-password") throw;
    }
  }
  SecretBytes asked = ask_key_password(work, entry.alias);
  return {opened_key(store, entry, asked), asked};
}

OpenedKey recover_key(Work& work, const std::string& alias) {
  const java::Entry& entry = entry_of(work.store, alias);
  if (!entry.key) fail_plain("Alias <" + alias + "> has no key");
  if (work.given.key_password) return recover_key_of(work, work.store, entry, work.given.key_password);
  java::Entry named = entry;
  named.alias = alias;  // questions quote what was typed
  return recover_key_of(work, work.store, named, std::nullopt);
}

java::SealedKey sealed(const OpenStore& store, const java::KeyMaterial& key, const SecretBytes& password) {
  try {
    return java::seal_key(store.keystore, key, password);
  } catch (const Failure& failure) {
    if (failure.code() == "key-unsupported" && key.kind == java::EntryKind::secret_key) {
      fail_as("java.security.KeyStoreException", "Cannot store non-PrivateKeys");
    }
    fail_as("java.security.KeyStoreException", failure.cause());
  }
}

bool said_yes(Work& work, const std::string& question) {
  for (int count = 0; count <= patience; ++count) {
    work.console.err(question);
    const std::optional<std::string> answer = work.console.read_line();
    const std::string plain = answer ? lower_ascii(*answer) : "";
    if (plain.empty() || plain == "n" || plain == "no") return false;
    if (plain == "y" || plain == "yes") return true;
    work.say("Wrong answer, try again");
  }
  fail_as("java.lang.RuntimeException", "Too many retries, program terminated");
}

SecretBytes new_password(Work& work, const std::string& what, const std::optional<SecretBytes>& old) {
  for (int count = 0; count < tries; ++count) {
    std::optional<SecretBytes> entered = work.console.read_password("New " + what + ": ");
    if (!entered || character_count(*entered) < shortest_password) {
      work.say("Password is too short - must be at least 6 characters");
      continue;
    }
    if (old && secret_equal(view_of(*entered), view_of(*old))) {
      work.say("Passwords must differ");
      continue;
    }
    const std::optional<SecretBytes> again = work.console.read_password("Re-enter new " + what + ": ");
    if (again && secret_equal(view_of(*entered), view_of(*again))) return std::move(*entered);
    work.say("They don't match. Try again");
  }
  fail_plain("Too many failures - try later");
}

SecretBytes new_key_password(Work& work, const std::string& alias) {
  const OpenStore& store = work.store;
  if (store.password && store.is_pkcs12()) return *store.password;
  if (work.given.is_protected) return {};
  for (int count = 0; count < tries; ++count) {
    std::optional<SecretBytes> entered =
        work.console.read_password("Enter key password for <" + alias + ">" +
                                   (store.password ? "\n\t(RETURN if same as keystore password):  " : ""));
    if (!entered && store.password) return *store.password;
    if (!entered || character_count(*entered) < shortest_password) {
      work.say("Key password is too short - must be at least 6 characters");
      continue;
    }
    const std::optional<SecretBytes> again = work.console.read_password("Re-enter new password: ");
    if (again && secret_equal(view_of(*entered), view_of(*again))) return std::move(*entered);
    work.say("They don't match. Try again");
  }
  fail_plain("Too many failures - key not added to keystore");
}

}  // namespace chancery::keytool
