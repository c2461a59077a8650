// Opening and saving the keystore of a run, in Java's order of checks and with Java's errors.
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/work.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t shortest_password = 6;
constexpr int tries = 3;

bool makes_store(Command command) {
  switch (command) {
    case Command::genkeypair:
    case Command::genseckey:
    case Command::importcert:
    case Command::importpass:
    case Command::importkeystore:
    case Command::printcrl:
    case Command::printcert:
      return true;
    default:
      return false;
  }
}

// Commands that cannot do without a password; list and export can, print needs none.
bool needs_password(Command command) {
  switch (command) {
    case Command::exportcert:
    case Command::list:
    case Command::printcert:
    case Command::printcrl:
    case Command::gencert:
      return false;
    default:
      return true;
  }
}

[[noreturn]] void rethrow_as_java(const Failure& failure, java::StoreType type) {
  if (failure.code() == "wrong-password") {
    fail_as("java.io.IOException", type == java::StoreType::pkcs12
                                       ? "keystore password was incorrect"
                                       : "Keystore was tampered with, or password was incorrect");
  }
  fail_as("java.io.IOException", failure.cause() + (failure.subject().empty() ? "" : ": " + failure.subject()));
}

java::StoreType java_type(const std::string& name) {
  try {
    return java::type_from_name(name);
  } catch (const Failure&) {
    fail_as("java.security.KeyStoreException", name + " not found");
  }
}

std::string type_of_content(const SecretBytes& bytes) {
  const std::optional<java::StoreType> type = java::detect(view_of(bytes));
  if (!type) {
    fail_as("java.security.KeyStoreException", "Unrecognized keystore format. Please load it with a specified type");
  }
  return std::string(java::name_of(*type));
}

java::Keystore opened(const SecretBytes& bytes, const std::string& path, const SecretBytes* password) {
  const java::StoreType type = java::detect(view_of(bytes)).value_or(java::StoreType::pkcs12);
  try {
    return java::open_keystore(view_of(bytes), {.source = path, .password = password});
  } catch (const Failure& failure) {
    // Java shows what needs no password, which in a PKCS12 is nothing worth the name.
    if (failure.code() == "password-needed") return java::Keystore{.type = type};
    rethrow_as_java(failure, type);
  }
}

// Asks until there is one that will do. False after three tries.
bool ask_password(Work& work) {
  OpenStore& store = work.store;
  const bool is_import = work.given.command == Command::importkeystore;
  for (int count = 0; count < tries; ++count) {
    std::optional<SecretBytes> password =
        work.console.read_password(is_import ? "Enter destination keystore password:  " : "Enter keystore password:  ");
    if (!password || character_count(*password) < shortest_password) {
      work.say("Keystore password is too short - must be at least 6 characters");
      continue;
    }
    if (!store.existed) {
      const std::optional<SecretBytes> again = work.console.read_password("Re-enter new password: ");
      if (!again || !secret_equal(view_of(*password), view_of(*again))) {
        work.say("They don't match. Try again");
        continue;
      }
    }
    store.password = std::move(password);
    return true;
  }
  work.say("Too many failures - try later");
  return false;
}

OpenStore store_of(const std::string& path, SecretBytes bytes, const std::optional<std::string>& type,
                   const std::optional<SecretBytes>& password) {
  OpenStore store;
  store.path = path;
  store.existed = true;
  store.before = std::move(bytes);
  if (type) {
    (void)java_type(*type);
    store.type_name = *type;
  } else {
    store.type_name = type_of_content(store.before);
  }
  if (!java::detect(view_of(store.before))) {
    fail_as("java.io.IOException", "Invalid keystore format");
  }
  store.passwordless = store.is_pkcs12() && is_passwordless(view_of(store.before));
  store.password = password;
  store.keystore = opened(store.before, path, store.password_pointer());
  return store;
}

}  // namespace

std::string home_keystore() {
  // As Java finds the home folder: by the user, and by HOME only where the user has none.
  const passwd* user = ::getpwuid(::getuid());
  std::string home = user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
  if (home.size() < 3) {
    const char* given = std::getenv("HOME");
    if (given != nullptr && *given != '\0') home = given;
  }
  return home + "/.keystore";
}

std::optional<SecretBytes> read_store_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return std::nullopt;
  try {
    return read_secret_file(path, java::keystore_limit);
  } catch (const Failure& failure) {
    if (failure.code() == "permission-denied") return std::nullopt;  // Java takes it for absent
    throw;
  }
}

bool is_passwordless(ByteView pkcs12) {
  const auto outer = der::next(pkcs12, der::sequence);
  if (!outer) return false;
  ByteView inner = outer->content;
  return der::next(inner, der::integer) && der::next(inner, der::sequence) && inner.empty();
}

OpenStore read_store(const std::string& path, const std::optional<std::string>& type,
                     const std::optional<SecretBytes>& password) {
  std::optional<SecretBytes> bytes = read_store_file(path);
  if (!bytes) {
    struct stat status {};
    const int error = ::stat(path.c_str(), &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : EACCES;
    fail_as("java.io.FileNotFoundException", path + " (" + std::strerror(error) + ")");
  }
  return store_of(path, std::move(*bytes), type, password);
}

bool open_store(Work& work) {
  const Options& given = work.given;
  OpenStore& store = work.store;
  const Command command = *given.command;
  store.path = given.cacerts ? system_cacerts() : given.keystore.value_or(home_keystore());
  std::optional<SecretBytes> bytes = read_store_file(store.path);
  if (bytes && bytes->empty()) fail_plain("Keystore file exists, but is empty: " + store.path);
  if (!bytes && !makes_store(command)) fail_plain("Keystore file does not exist: " + store.path);
  if (bytes) {
    const std::string path = store.path;
    store = store_of(path, std::move(*bytes), given.type, given.store_password);
  } else {
    store.type_name = given.type.value_or("PKCS12");
    store.keystore.type = java_type(store.type_name);
    store.password = given.store_password;
  }
  if (store.is_pkcs12() && command == Command::keypasswd) {
    fail_as("java.lang.UnsupportedOperationException", "-keypasswd commands not supported if -storetype is PKCS12");
  }
  if (store.password) {
    if (!store.existed && character_count(*store.password) < shortest_password) {
      fail_plain("Keystore password must be at least 6 characters");
    }
    return true;
  }
  if (given.is_protected || store.passwordless) return true;
  if (needs_password(command)) {
    if (!ask_password(work)) return false;
  } else if (command == Command::list || command == Command::exportcert) {
    store.password = work.console.read_password("Enter keystore password:  ");
  }
  if (store.existed && store.password) {
    store.keystore = opened(store.before, store.path, store.password_pointer());
  }
  return true;
}

void save_store(Work& work, const std::optional<SecretBytes>& new_password) {
  const OpenStore& store = work.store;
  if (work.given.verbose) work.say("[Storing " + store.path + "]");
  const SecretBytes* password = new_password ? &*new_password : store.password_pointer();
  work.surroundings.saver.save({.path = store.path,
                                .before = view_of(store.before),
                                .store = store.keystore,
                                .password = store.passwordless ? nullptr : password,
                                .former = store.password_pointer(),
                                .what = std::string("keytool ") + name_of(*work.given.command)});
}

void note_proprietary_type(Work& work) {
  const java::Keystore& keystore = work.store.keystore;
  if (keystore.type != java::StoreType::jks && keystore.type != java::StoreType::jceks) return;
  for (const java::Entry& entry : keystore.entries) {
    if (entry.kind == java::EntryKind::trusted_certificate) continue;
    const std::string& path = work.store.path;
    work.warnings.push_back("The " + std::string(java::name_of(keystore.type)) +
                            " keystore uses a proprietary format. It is recommended to migrate to PKCS12 which is an "
                            "industry standard format using \"keytool -importkeystore -srckeystore " +
                            path + " -destkeystore " + path + " -deststoretype pkcs12\".");
    return;
  }
}

void Work::show_warnings(bool question_follows) {
  if (!warnings.empty() && !given.no_warnings) {
    std::string text = "\nWarning:\n";
    for (const std::string& warning : warnings) text += warning + "\n";
    console.err(text + (question_follows ? "\n" : ""));
  }
  warnings.clear();
}

}  // namespace chancery::keytool
