// keytool -importkeystore: entries of one store into another, or a store into itself as another type.
#include <unistd.h>

#include <filesystem>

#include "appliance/keytool/commands.h"
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/weakness.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"

namespace chancery::keytool {
namespace {

enum class Outcome { imported, skipped, failed };

bool is_same_file(const std::string& left, const std::string& right) {
  std::error_code error;
  const auto a = std::filesystem::weakly_canonical(left, error);
  const auto b = std::filesystem::weakly_canonical(right, error);
  return !error && a == b;
}

constexpr const char* different_passwords =
    "Warning:  Different store and key passwords not supported for PKCS12 KeyStores. Ignoring user-specified ";

class Import {
 public:
  explicit Import(Work& work) : work_(work), source_path_(*work.given.source) {}

  void load_source() {
    const Options& given = work_.given;
    source_ = read_store(source_path_, given.source_type, given.source_password);
    if (!source_.password && !given.source_is_protected && !source_.passwordless) {
      source_.password = work_.console.read_password("Enter source keystore password:  ");
      if (source_.password) source_ = read_store(source_path_, source_.type_name, source_.password);
    }
    key_password_ = given.source_key_password;
    if (source_.is_pkcs12() && key_password_ && source_.password &&
        !secret_equal(view_of(*key_password_), view_of(*source_.password))) {
      work_.say(std::string(different_passwords) + "-srckeypass value.");
      key_password_ = source_.password;
    }
    if (source_.password || source_.passwordless) return;
    work_.console.err(
        "\n*****************  WARNING WARNING WARNING  *****************\n"
        "* The integrity of the information stored in the srckeystore*\n"
        "* has NOT been verified!  In order to verify its integrity, *\n"
        "* you must provide the srckeystore password.                *\n"
        "*****************  WARNING WARNING WARNING  *****************\n\n");
  }

  [[nodiscard]] const OpenStore& source() const { return source_; }

  void run() {
    destination_key_password_ = work_.given.destination_key_password;
    const OpenStore& store = work_.store;
    if (store.password && store.is_pkcs12() && destination_key_password_ &&
        !secret_equal(view_of(*destination_key_password_), view_of(*store.password))) {
      work_.say(std::string(different_passwords) + "-destkeypass value.");
      destination_key_password_ = store.password;
    }
    if (work_.given.alias) {
      (void)one(*work_.given.alias);
    } else {
      all();
    }
  }

 private:
  void all() {
    if (work_.given.destination || work_.given.source_key_password) {
      fail_plain("if alias not specified, destalias and srckeypass must not be specified");
    }
    std::size_t done = 0;
    const std::vector<const java::Entry*> entries = in_java_order(source_.keystore, !work_.given.source_type);
    for (const java::Entry* entry : entries) {
      const Outcome outcome = one(entry->alias);
      if (outcome == Outcome::imported) {
        ++done;
        work_.say("Entry for alias " + entry->alias + " successfully imported.");
      } else if (outcome == Outcome::failed && !work_.given.no_prompt) {
        if (said_yes(work_, "Do you want to quit the import process? [no]:  ")) break;
      }
    }
    work_.say("Import command completed:  " + grouped(done) + " entries successfully imported, " +
              grouped(entries.size() - done) + " entries failed or cancelled");
  }

  Outcome one(const std::string& alias) {
    java::Keystore& target = work_.store.keystore;
    std::string name = work_.given.destination.value_or(alias);
    if (java::find_entry(target, name) != nullptr) {
      if (work_.given.no_prompt) {
        work_.say("Warning: Overwriting existing alias " + alias + " in destination keystore");
      } else if (!said_yes(work_, "Existing entry alias " + alias + " exists, overwrite? [no]:  ")) {
        work_.console.err("Enter new alias name\t(RETURN to cancel import for this entry):  ");
        name = work_.console.read_line().value_or("");
        if (name.empty()) {
          work_.say("Entry for alias " + alias + " not imported.");
          return Outcome::skipped;
        }
      }
    }
    const java::Entry& from = entry_of(source_, alias);
    std::optional<OpenedKey> opened;
    if (from.key) opened = recover_key_of(work_, source_, from, key_password_);
    if (!from.certificates.empty()) {
      TrustedSet trusted(work_);
      if (const auto view = view_certificate(from.certificates.front().der)) {
        warn_of(work_, trusted, "<" + name + ">", *view);
      }
    }
    try {
      put(name, from, opened);
      return Outcome::imported;
    } catch (const Failure& failure) {
      if (failure.code() != "java.security.KeyStoreException") throw;
      work_.say("Problem importing entry for alias " + alias + ": " + failure.code() + ": " + failure.cause() +
                ".\nEntry for alias " + alias + " not imported.");
      return Outcome::failed;
    }
  }

  void put(const std::string& name, const java::Entry& from, const std::optional<OpenedKey>& opened) {
    OpenStore& store = work_.store;
    java::Keystore& target = store.keystore;
    java::Entry* there = java::find_entry(target, name);
    if (!opened && destination_key_password_) {
      fail_as("java.security.KeyStoreException", "trusted certificate entries are not password-protected");
    }
    if (!opened && there != nullptr && there->kind != java::EntryKind::trusted_certificate) {
      fail_as("java.security.KeyStoreException", "Cannot overwrite own certificate");
    }
    java::Entry entry;
    entry.alias = java::stored_alias(target.type, name);
    entry.kind = from.kind;
    entry.created_ms = now_ms();
    entry.certificates = from.certificates;
    if (target.type == java::StoreType::pkcs12 && source_.keystore.type == java::StoreType::pkcs12) {
      entry.attributes = from.attributes;
    } else {
      for (java::StoredCertificate& each : entry.certificates) each.attributes.clear();
    }
    if (opened) entry.key = sealed(store, opened->key, key_password_for(*opened));
    if (there != nullptr) {
      *there = std::move(entry);
    } else {
      target.entries.push_back(std::move(entry));
    }
  }

  const SecretBytes& key_password_for(const OpenedKey& opened) const {
    if (destination_key_password_) return *destination_key_password_;
    const OpenStore& store = work_.store;
    return store.is_pkcs12() && !store.passwordless && store.password ? *store.password : opened.password;
  }

  Work& work_;
  std::string source_path_;
  OpenStore source_;
  std::optional<SecretBytes> key_password_;
  std::optional<SecretBytes> destination_key_password_;
};

// The next free of NAME.old, NAME.old2, ….
std::string keep_copy(const OpenStore& source) {
  for (int number = 1;; ++number) {
    const std::string name = source.path + ".old" + (number == 1 ? "" : std::to_string(number));
    std::error_code error;
    if (std::filesystem::exists(name, error)) continue;
    const std::filesystem::path path(name);
    const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
    const auto mode = std::filesystem::status(source.path, error).permissions();
    Folder::open(folder).create_file(path.filename().string(), view_of(source.before),
                                     {.mode = static_cast<mode_t>(mode) & 0777});
    return name;
  }
}

// The store becomes new: it starts empty, and its password is the source's where none is given.
void open_in_place(Work& work, const std::string& path, const OpenStore& source) {
  OpenStore& store = work.store;
  store.path = path;
  store.before = source.before;
  store.type_name = work.given.type.value_or("PKCS12");
  try {
    store.keystore.type = java::type_from_name(store.type_name);
  } catch (const Failure&) {
    fail_as("java.security.KeyStoreException", store.type_name + " not found");
  }
  store.password = work.given.store_password ? work.given.store_password : source.password;
  if (!store.password) {
    store.password = work.console.read_password("Enter destination keystore password:  ");
  }
  if (!store.password || character_count(*store.password) < 6) {
    fail_plain("Keystore password must be at least 6 characters");
  }
}

}  // namespace

void import_keystore(Work& work) {
  const Options& given = work.given;
  if (!given.source) fail_plain("Please specify -srckeystore");
  const std::optional<SecretBytes> bytes = read_store_file(*given.source);
  if (bytes && bytes->empty()) fail_plain("Source keystore file exists, but is empty: " + *given.source);
  const std::string to = given.keystore.value_or(home_keystore());
  const bool in_place = is_same_file(*given.source, to);
  Import import(work);
  if (in_place) {
    import.load_source();
    open_in_place(work, to, import.source());
  } else {
    work.say("Importing keystore " + *given.source + " to " + to + "...");
    if (!open_store(work)) return;
    import.load_source();
  }
  import.run();
  std::string kept;
  if (in_place) kept = keep_copy(import.source());
  save_store(work);
  note_proprietary_type(work);
  if (!in_place) return;
  const std::string from_type(java::name_of(import.source().keystore.type));
  const std::string to_type(java::name_of(work.store.keystore.type));
  if (from_type == to_type) {
    work.warnings.push_back("The original keystore \"" + *given.source + "\" is backed up as \"" + kept + "\"...");
  } else {
    work.warnings.push_back("Migrated \"" + *given.source + "\" to " + to_type + ". The " + from_type +
                            " keystore is backed up as \"" + kept + "\".");
  }
}

}  // namespace chancery::keytool
