#include "keystore/java/java_keystore.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/java_text.h"

namespace chancery::java {

namespace {

[[noreturn]] void fail_other_entries(const std::string& alias) {
  throw Failure({.code = "read-back-differs",
                 .subject = alias,
                 .cause = "what was written does not read back as what was meant",
                 .hint = "nothing was changed; please report this together with the type of the keystore"});
}

constexpr std::array<const Format*, 6> formats{&jks_format,  &jceks_format, &bks_format,
                                               &uber_format, &bcfks_format, &pkcs12_format};

const Format& format_of(StoreType type) {
  const auto found =
      std::find_if(formats.begin(), formats.end(), [type](const Format* format) { return format->type == type; });
  if (found == formats.end()) fail_unsupported(std::string(name_of(type)), "this build has no such store type");
  return **found;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

}  // namespace

std::string_view name_of(StoreType type) {
  switch (type) {
    case StoreType::jks:
      return "JKS";
    case StoreType::jceks:
      return "JCEKS";
    case StoreType::pkcs12:
      return "PKCS12";
    case StoreType::bks:
      return "BKS";
    case StoreType::uber:
      return "UBER";
    case StoreType::bcfks:
      return "BCFKS";
  }
  return "";
}

StoreType type_from_name(std::string_view name) {
  const std::string wanted = upper(name);
  for (const StoreType type :
       {StoreType::jks, StoreType::jceks, StoreType::pkcs12, StoreType::bks, StoreType::uber, StoreType::bcfks}) {
    if (wanted == name_of(type)) return type;
  }
  if (wanted == "P12" || wanted == "PFX" || wanted == "PKCS#12") return StoreType::pkcs12;
  throw Failure({.code = "bad-store-type",
                 .subject = std::string(name),
                 .cause = "is no type of keystore that is known here",
                 .hint = "use one of JKS, JCEKS, PKCS12, BKS, UBER, BCFKS"});
}

std::string_view name_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::private_key:
      return "private-key";
    case EntryKind::trusted_certificate:
      return "trusted-certificate";
    case EntryKind::secret_key:
      return "secret-key";
  }
  return "";
}

std::optional<StoreType> detect(ByteView bytes) {
  for (const Format* format : formats) {
    if (format->looks_like(bytes)) return format->type;
  }
  return std::nullopt;
}

Keystore open_keystore(ByteView bytes, const OpenOptions& options) {
  if (bytes.size() > keystore_limit) {
    throw Failure({.code = "too-large",
                   .subject = options.source,
                   .cause = "has more than " + std::to_string(keystore_limit >> 20) + " MiB",
                   .hint = "check that this is the file you mean; keystores are smaller"});
  }
  const std::optional<StoreType> type = detect(bytes);
  if (!type) {
    throw Failure({.code = "not-a-keystore",
                   .subject = options.source,
                   .cause = bytes.empty()
                                ? "is empty"
                                : "is not a keystore of any known type (JKS, JCEKS, PKCS12, BKS, UBER, BCFKS)",
                   .hint = "check that this is the file you mean; for PEM files use `chancery cert show`"});
  }
  return format_of(*type).open(bytes, options);
}

SecretBytes seal_keystore(const Keystore& store, const SecretBytes* password) {
  const Format& format = format_of(store.type);
  return format.seal != nullptr ? format.seal(store, password) : joined(format.seal_in_pieces(store, password));
}

SealedStore seal_in_pieces(const Keystore& store, const SecretBytes* password) {
  const Format& format = format_of(store.type);
  if (format.seal_in_pieces != nullptr) return format.seal_in_pieces(store, password);
  SealedStore sealed;
  sealed.frame = format.seal(store, password);
  sealed.pieces.push_back(view_of(sealed.frame));
  return sealed;
}

SecretBytes joined(SealedStore sealed) {
  return sealed.pieces.size() == 1 ? std::move(sealed.frame) : chancery::joined(sealed.pieces);
}

void expect_sealed(const SealedStore& sealed, const Keystore& intended, const OpenOptions& options) {
  const Format& format = format_of(intended.type);
  if (format.holds != nullptr) {
    if (!format.holds(sealed, intended, options)) fail_other_entries("");
    return;
  }
  OpenOptions again = options;
  again.rewritten_from = &intended;
  const ByteView only = sealed.pieces.at(0);
  again.owner = {std::shared_ptr<void>(), only.data()};  // what is opened here is gone before these bytes are
  expect_same_entries(open_keystore(only, again), intended);
}

KeyMaterial open_key(const Keystore& store, const Entry& entry, const SecretBytes& key_password) {
  return format_of(store.type).open_key(store, entry, key_password);
}

SealedKey seal_key(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password) {
  return format_of(store.type).seal_key(store, key, key_password);
}

std::optional<std::string> java_cannot_read(StoreType type, const SecretBytes& password) {
  const bool ascii = std::all_of(password.begin(), password.end(), [](std::uint8_t byte) { return byte < 0x80; });
  if (ascii) return std::nullopt;
  if (type == StoreType::pkcs12) return "Java cannot read a PKCS12 store whose password has characters outside ASCII";
  if (type == StoreType::jceks) return "Java cannot read keys of a JCEKS store under a password outside ASCII";
  return std::nullopt;
}

std::string stored_alias(StoreType type, std::string_view alias) {
  return format_of(type).folds_alias_case ? to_lower(alias) : std::string(alias);
}

namespace {

// Nothing in it that any rule would fold.
bool is_folded(std::string_view alias) {
  return std::ranges::all_of(
      alias, [](char unit) { return static_cast<signed char>(unit) > 0 && (unit < 'A' || unit > 'Z'); });
}

template <typename Store>
auto find_in(Store& store, std::string_view alias) -> decltype(store.entries.data()) {
  const std::string wanted = stored_alias(store.type, alias);
  for (auto& entry : store.entries) {
    if (entry.alias == wanted) return &entry;
    if (!is_folded(entry.alias) && stored_alias(store.type, entry.alias) == wanted) return &entry;
  }
  return nullptr;
}

}  // namespace

const Entry* find_entry(const Keystore& store, std::string_view alias) { return find_in(store, alias); }
Entry* find_entry(Keystore& store, std::string_view alias) { return find_in(store, alias); }

Entry trusted_certificate(std::string alias, SharedDer der, std::int64_t created_ms) {
  Entry entry;
  entry.alias = std::move(alias);
  entry.created_ms = created_ms;
  entry.certificates.push_back({.der = std::move(der)});
  return entry;
}

void expect_same_entries(const Keystore& read_back, const Keystore& intended) {
  const auto same = [](const Entry& left, const Entry& right) {
    return left.kind == right.kind && left.key.has_value() == right.key.has_value() &&
           std::equal(left.certificates.begin(), left.certificates.end(), right.certificates.begin(),
                      right.certificates.end(), [](const StoredCertificate& one, const StoredCertificate& other) {
                        return one.der == other.der && one.type == other.type;
                      });
  };
  if (read_back.entries.size() != intended.entries.size() || read_back.type != intended.type) fail_other_entries("");
  // In most formats they come in the order in which they were written.
  const auto same_place = [&same](const Entry& left, const Entry& right) {
    return left.alias == right.alias && same(left, right);
  };
  if (std::ranges::equal(read_back.entries, intended.entries, same_place)) return;
  std::unordered_multimap<std::string_view, const Entry*> found;
  for (const Entry& entry : read_back.entries) found.emplace(entry.alias, &entry);
  for (const Entry& entry : intended.entries) {
    const auto [first, last] = found.equal_range(entry.alias);
    const auto match = std::find_if(first, last, [&](const auto& each) { return same(*each.second, entry); });
    if (match == last) fail_other_entries(entry.alias);
    found.erase(match);
  }
}

void fail_hostile(const std::string& source, const std::string& cause) {
  throw Failure(
      {.code = "keystore-hostile",
       .subject = source,
       .cause = cause,
       .hint = "this file was not written by an ordinary program: get the store again from where it came from"});
}

void fail_damaged(const std::string& source, const std::string& cause) {
  throw Failure({.code = "keystore-damaged",
                 .subject = source,
                 .cause = cause,
                 .hint = "take an earlier copy of it: `chancery backup list` shows those made here"});
}

void fail_wrong_password(const std::string& source) {
  throw Failure({.code = "wrong-password",
                 .subject = source,
                 .cause = "the password is wrong, or the file was altered",
                 .hint = "give the store's password; Java's own cacerts has \"changeit\" unless somebody changed it"});
}

void fail_wrong_key_password(const std::string& alias) {
  throw Failure({.code = "wrong-key-password",
                 .subject = alias,
                 .cause = "the password does not open this key",
                 .hint = "give the key's own password with --keypass-file; it may differ from the store's"});
}

void fail_password_needed(const std::string& source) {
  throw Failure({.code = "password-needed",
                 .subject = source,
                 .cause = "cannot be read or written without its password",
                 .hint = "give it with --storepass-file, or by an environment variable with --storepass-env"});
}

void fail_unsupported(const std::string& source, const std::string& cause) {
  throw Failure({.code = "keystore-unsupported",
                 .subject = source,
                 .cause = cause,
                 .hint = "convert the store with the program that wrote it to PKCS12 or JKS"});
}

}  // namespace chancery::java
