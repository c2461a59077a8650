// BCFKS, BouncyCastle's keystore for FIPS sites (class BcFKSKeyStoreSpi there). DER; T is GeneralizedTime.
//
//   ObjectStore         ::= SEQUENCE { CHOICE { EncryptedStore, StoreData }, CHOICE { MacCheck, [0] SignatureCheck } }
//   EncryptedStore      ::= SEQUENCE { algorithm PBES2, content OCTET STRING -- of a StoreData }
//   StoreData           ::= SEQUENCE { version INTEGER (1), integrity AlgorithmIdentifier, created T, modified T,
//                                      SEQUENCE OF ObjectData, comment UTF8String OPTIONAL }
//   ObjectData          ::= SEQUENCE { type INTEGER, alias UTF8String, created T, modified T, data OCTET STRING,
//                                      comment UTF8String OPTIONAL }
//   data, by type       0: a certificate
//                       1, 3: SEQUENCE { EncryptedPrivateKeyInfo, SEQUENCE OF Certificate }
//                       2, 4: SEQUENCE { algorithm PBES2, OCTET STRING of SEQUENCE { algorithm OID, key OCTET STRING } }
//   MacCheck            ::= SEQUENCE { algorithm AlgorithmIdentifier, derivation KeyDerivationFunc, mac OCTET STRING }
//
// The MAC (HMAC-SHA-512) is over the first element as it lies there. Their code takes an entry's date from `modified`, and so
// does this. Types 3 and 4 are keys that a program sealed itself, in the same form. Stores under a signature instead of a
// MAC are not read.
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "keystore/fault.h"
#include "keystore/java/bcfks_algorithms.h"
#include "keystore/java/bcfks_protection.h"
#include "keystore/java/format.h"
#include "keystore/java/pkcs8.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"
#include "keystore/x509/instant.h"

namespace chancery::java {

namespace {

using bcfks::Protection;

constexpr std::uint8_t generalized_time = 0x18;
constexpr std::uint8_t type_certificate = 0, type_private_key = 1, type_secret_key = 2, type_sealed_private = 3,
                       type_sealed_secret = 4;
constexpr std::size_t mac_size = 64;
constexpr std::size_t salt_size = 64;
// AlgorithmIdentifier of HMAC-SHA-512 as they write it, with NULL.
constexpr std::array<std::uint8_t, 14> hmac_sha512{0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                   0x86, 0xf7, 0x0d, 0x02, 0x0b, 0x05, 0x00};

// Times and comments that Entry has no place for, and the parameters.
struct BcfksMemory final : FormatMemory {
  Protection protection;
  bcfks::Derivation mac_derivation;
  Bytes created;  // of the store, as DER; empty: now
  Bytes comment;
  struct OfEntry {
    Bytes created;
    Bytes comment;
  };
  std::unordered_map<std::string, OfEntry> entries;
};

[[noreturn]] void fail_structure(const std::string& source) {
  fail_damaged(source, "is not built as a BCFKS store must be");
}

der::Element expect(ByteView& rest, std::uint8_t tag, const std::string& source) {
  const auto element = der::next(rest, tag);
  if (!element) fail_structure(source);
  return *element;
}

Bytes copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

Bytes optional_text(ByteView& rest) {
  const auto comment = der::next(rest, der::utf8_string);
  return comment ? copy_of(comment->whole) : Bytes{};
}

// "20261121101500Z", with or without fractions; nullopt for what is no such time.
std::optional<std::int64_t> milliseconds(ByteView text) {
  if (text.size() < 15 || text.back() != 'Z') return std::nullopt;
  const std::string_view digits = text_of(text.first(14));
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  const std::string rfc3339 = std::string(digits.substr(0, 4)) + "-" + std::string(digits.substr(4, 2)) + "-" +
                              std::string(digits.substr(6, 2)) + "T" + std::string(digits.substr(8, 2)) + ":" +
                              std::string(digits.substr(10, 2)) + ":" + std::string(digits.substr(12, 2)) + "Z";
  std::int64_t fraction = 0;
  if (text.size() >= 19 && text[14] == '.') {
    for (std::size_t at = 15; at < 18; ++at) {
      if (text[at] < '0' || text[at] > '9') return std::nullopt;
      fraction = fraction * 10 + (text[at] - '0');
    }
  }
  try {
    return std::chrono::milliseconds(from_rfc3339(rfc3339).time_since_epoch()).count() + fraction;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

SecretBytes time_der(std::int64_t since_epoch_ms) {
  const Instant instant{std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds(since_epoch_ms))};
  std::string text;
  for (const char c : to_compact(instant)) {
    if (c != 'T') text += c;
  }
  return der::wrapped(generalized_time, view_of(text));
}

struct Outline {
  ByteView store;  // whole; what the MAC is over
  ByteView mac_derivation;
  ByteView mac;
};

std::optional<Outline> outline_of(ByteView bytes) {
  const auto outer = der::next(bytes, der::sequence);
  if (!outer || !bytes.empty()) return std::nullopt;
  ByteView rest = outer->content;
  const auto store = der::next(rest, der::sequence);
  const auto check = der::next(rest);
  if (!store || !check || !rest.empty() || (check->tag != der::sequence && check->tag != der::context_0)) {
    return std::nullopt;
  }
  ByteView first = store->content;
  const auto leading = der::next(first);
  if (!leading || (leading->tag != der::sequence && leading->tag != der::integer)) return std::nullopt;
  Outline outline{.store = store->whole, .mac_derivation = {}, .mac = {}};
  if (check->tag == der::context_0) return outline;
  ByteView parts = check->content;
  const auto algorithm = der::next(parts, der::sequence);
  const auto derivation = der::next(parts, der::sequence);
  const auto mac = der::next(parts, der::octet_string);
  if (!algorithm || !derivation || !mac || !parts.empty()) return std::nullopt;
  if (!std::equal(algorithm->whole.begin(), algorithm->whole.end(), hmac_sha512.begin(), hmac_sha512.end())) {
    return outline;  // a MAC that is not known here: told when it is opened
  }
  outline.mac_derivation = derivation->whole;
  outline.mac = mac->content;
  return outline;
}

bool looks_like_bcfks(ByteView bytes) { return outline_of(bytes).has_value(); }

SecretBytes mac_over(ByteView store, const bcfks::ParsedDerivation& derivation, const SecretBytes& password) {
  const SecretBytes key = bcfks::derive(derivation, password, bcfks::for_integrity, mac_size);
  SecretBytes out(mac_size);
  unsigned int size = 0;
  if (HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), store.data(), store.size(), out.data(), &size) ==
      nullptr) {
    throw ossl::openssl_failure("crypto-failed", "HMAC-SHA-512", "check the installation of OpenSSL");
  }
  return out;
}

void read_data(Entry& entry, std::uint8_t type, ByteView data, const std::string& source) {
  if (type == type_certificate) {
    entry.certificates.push_back({.der = copy_of(data)});
    return;
  }
  Bytes sealed{type};
  if (type == type_secret_key || type == type_sealed_secret) {
    entry.kind = EntryKind::secret_key;
    sealed.insert(sealed.end(), data.begin(), data.end());
  } else if (type == type_private_key || type == type_sealed_private) {
    entry.kind = EntryKind::private_key;
    ByteView rest = expect(data, der::sequence, source).content;
    const der::Element key = expect(rest, der::sequence, source);
    sealed.insert(sealed.end(), key.whole.begin(), key.whole.end());
    ByteView chain = expect(rest, der::sequence, source).content;
    while (!chain.empty()) {
      if (entry.certificates.size() >= chain_limit) fail_hostile(source, "has a chain of too many certificates");
      entry.certificates.push_back({.der = copy_of(expect(chain, der::sequence, source).whole)});
    }
  } else {
    fail_unsupported(source, "has an entry of a kind that is not known here");
  }
  entry.key = SealedKey{.sealed_by = StoreType::bcfks, .bytes = {sealed.begin(), sealed.end()}};
}

Entry read_entry(ByteView rest, BcfksMemory& memory, const std::string& source) {
  const auto type = der::small_integer(expect(rest, der::integer, source));
  if (!type || *type > type_sealed_secret) fail_unsupported(source, "has an entry of a kind that is not known here");
  Entry entry;
  entry.alias = text_of(expect(rest, der::utf8_string, source).content);
  BcfksMemory::OfEntry kept;
  kept.created = copy_of(expect(rest, generalized_time, source).whole);
  entry.created_ms = milliseconds(expect(rest, generalized_time, source).content);
  read_data(entry, static_cast<std::uint8_t>(*type), expect(rest, der::octet_string, source).content, source);
  kept.comment = optional_text(rest);
  if (!rest.empty()) fail_structure(source);
  memory.entries[entry.alias] = std::move(kept);
  return entry;
}

void read_store(ByteView data, Keystore& store, BcfksMemory& memory, const std::string& source) {
  ByteView rest = expect(data, der::sequence, source).content;
  if (!data.empty()) fail_structure(source);
  if (der::small_integer(expect(rest, der::integer, source)) != 1U) {
    fail_unsupported(source, "is of a version that is not known here");
  }
  expect(rest, der::sequence, source);
  memory.created = copy_of(expect(rest, generalized_time, source).whole);
  expect(rest, generalized_time, source);
  ByteView objects = expect(rest, der::sequence, source).content;
  memory.comment = optional_text(rest);
  if (!rest.empty()) fail_structure(source);
  std::unordered_map<std::string, std::size_t> places;
  while (!objects.empty()) {
    if (store.entries.size() >= entry_limit) fail_hostile(source, "has too many entries");
    Entry entry = read_entry(expect(objects, der::sequence, source).content, memory, source);
    const auto [place, is_new] = places.try_emplace(entry.alias, store.entries.size());
    if (is_new) {
      store.entries.push_back(std::move(entry));
    } else {
      store.entries[place->second] = std::move(entry);
    }
  }
}

Keystore open_bcfks(ByteView bytes, const OpenOptions& options) {
  const auto outline = outline_of(bytes);
  if (!outline) fail_structure(options.source);
  if (outline->mac.empty()) fail_unsupported(options.source, "is protected by a signature or a MAC not known here");
  auto memory = std::make_shared<BcfksMemory>();
  const bcfks::ParsedDerivation derivation = bcfks::read_derivation(outline->mac_derivation, options.source);
  memory->mac_derivation = derivation.derivation;
  Keystore store{.type = StoreType::bcfks, .version = 1};
  if (options.password != nullptr) {
    if (derivation.key_length.value_or(mac_size) != mac_size) fail_hostile(options.source, "asks for an odd MAC key");
    if (!secret_equal(view_of(mac_over(outline->store, derivation, *options.password)), outline->mac)) {
      fail_wrong_password(options.source);
    }
    store.integrity = Integrity::verified;
  }
  ByteView rest = outline->store;
  rest = expect(rest, der::sequence, options.source).content;
  if (rest[0] == der::integer) {
    read_store(outline->store, store, *memory, options.source);
  } else {
    if (options.password == nullptr) fail_password_needed(options.source);
    const der::Element algorithm = expect(rest, der::sequence, options.source);
    const ByteView content = expect(rest, der::octet_string, options.source).content;
    memory->protection = bcfks::protection_of(algorithm.whole, options.source);
    const auto clear = bcfks::opened(algorithm.whole, content, *options.password, bcfks::for_store, options.source);
    if (!clear) fail_damaged(options.source, "cannot be decrypted although its MAC is right");
    read_store(view_of(*clear), store, *memory, options.source);
  }
  store.memory = std::move(memory);
  return store;
}

SecretBytes data_of(const Entry& entry) {
  if (entry.kind == EntryKind::trusted_certificate) return secret_copy(ByteView(entry.certificates.at(0).der));
  const ByteView key = view_of(entry.key.value().bytes).subspan(1);
  if (entry.kind == EntryKind::secret_key) return secret_copy(key);
  SecretBytes chain;
  for (const StoredCertificate& certificate : entry.certificates) append(chain, certificate.der);
  return der::sequence_of({key, view_of(der::wrapped(der::sequence, view_of(chain)))});
}

SecretBytes object_of(const Entry& entry, const BcfksMemory& memory) {
  const std::uint8_t type = entry.kind == EntryKind::trusted_certificate ? type_certificate : entry.key->bytes.at(0);
  const SecretBytes modified = time_der(entry.created_ms.value_or(0));
  const auto kept = memory.entries.find(entry.alias);
  const bool is_kept = kept != memory.entries.end();
  return der::sequence_of({view_of(der::wrapped(der::integer, ByteView(&type, 1))),
                           view_of(der::wrapped(der::utf8_string, view_of(entry.alias))),
                           is_kept ? ByteView(kept->second.created) : view_of(modified), view_of(modified),
                           view_of(der::wrapped(der::octet_string, view_of(data_of(entry)))),
                           is_kept ? ByteView(kept->second.comment) : ByteView{}});
}

const BcfksMemory& memory_of(const Keystore& store) {
  static const BcfksMemory fresh;
  const auto* memory = dynamic_cast<const BcfksMemory*>(store.memory.get());
  return memory == nullptr ? fresh : *memory;
}

SecretBytes seal_bcfks(const Keystore& store, const SecretBytes* password) {
  if (password == nullptr) fail_password_needed("a BCFKS store");
  const BcfksMemory& memory = memory_of(store);
  SecretBytes objects;
  for (const Entry& entry : store.entries) append(objects, view_of(object_of(entry, memory)));
  const SecretBytes now = time_der(std::chrono::milliseconds(system_now().time_since_epoch()).count());
  constexpr std::uint8_t version = 1;
  const SecretBytes data =
      der::sequence_of({view_of(der::wrapped(der::integer, ByteView(&version, 1))), hmac_sha512,
                        memory.created.empty() ? view_of(now) : ByteView(memory.created), view_of(now),
                        view_of(der::wrapped(der::sequence, view_of(objects))), memory.comment});
  const bcfks::Sealed sealed = bcfks::sealed(memory.protection, view_of(data), *password, bcfks::for_store);
  const SecretBytes content =
      der::sequence_of({view_of(sealed.algorithm), view_of(der::wrapped(der::octet_string, view_of(sealed.bytes)))});
  const SecretBytes salt = random_secret(salt_size);
  const SecretBytes mac =
      mac_over(view_of(content), {.derivation = memory.mac_derivation, .salt = view_of(salt), .key_length = mac_size},
               *password);
  const SecretBytes check =
      der::sequence_of({hmac_sha512, view_of(bcfks::write_derivation(memory.mac_derivation, view_of(salt), mac_size)),
                        view_of(der::wrapped(der::octet_string, view_of(mac)))});
  return der::sequence_of({view_of(content), view_of(check)});
}

struct SealedParts {
  ByteView algorithm;
  ByteView content;
};

SealedParts parts_of(ByteView whole, const std::string& alias) {
  ByteView rest = expect(whole, der::sequence, alias).content;
  const der::Element algorithm = expect(rest, der::sequence, alias);
  return {.algorithm = algorithm.whole, .content = expect(rest, der::octet_string, alias).content};
}

KeyMaterial open_key_of_bcfks(const Keystore&, const Entry& entry, const SecretBytes& key_password) {
  const bool is_private = entry.kind == EntryKind::private_key;
  const SealedParts parts = parts_of(view_of(entry.key.value().bytes).subspan(1), entry.alias);
  auto clear = bcfks::opened(parts.algorithm, parts.content, key_password,
                             is_private ? bcfks::for_private_key : bcfks::for_secret_key, entry.alias);
  if (!clear) fail_wrong_key_password(entry.alias);
  if (is_private) {
    return {.kind = EntryKind::private_key,
            .algorithm = pkcs8_algorithm(view_of(*clear)).value_or("unknown"),
            .encoded = std::move(*clear)};
  }
  ByteView rest = view_of(*clear);
  rest = expect(rest, der::sequence, entry.alias).content;
  const ByteView oid = expect(rest, der::object_identifier, entry.alias).content;
  const ByteView key = expect(rest, der::octet_string, entry.alias).content;
  return {.kind = EntryKind::secret_key, .algorithm = bcfks::secret_key_name(oid), .encoded = secret_copy(key)};
}

SealedKey seal_key_for_bcfks(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password) {
  const bool is_private = key.kind == EntryKind::private_key;
  SecretBytes clear = key.encoded;
  if (!is_private) {
    const Bytes oid = bcfks::secret_key_oid(key.algorithm);
    clear = der::sequence_of({view_of(der::wrapped(der::object_identifier, oid)),
                              view_of(der::wrapped(der::octet_string, view_of(key.encoded)))});
  }
  const bcfks::Sealed sealed = bcfks::sealed(memory_of(store).protection, view_of(clear), key_password,
                                             is_private ? bcfks::for_private_key : bcfks::for_secret_key);
  SecretBytes bytes{is_private ? type_private_key : type_secret_key};
  append(bytes, view_of(der::sequence_of(
                    {view_of(sealed.algorithm), view_of(der::wrapped(der::octet_string, view_of(sealed.bytes)))})));
  return {.sealed_by = StoreType::bcfks, .bytes = std::move(bytes)};
}

}  // namespace

const Format bcfks_format{.type = StoreType::bcfks,
                          .looks_like = looks_like_bcfks,
                          .open = open_bcfks,
                          .seal = seal_bcfks,
                          .open_key = open_key_of_bcfks,
                          .seal_key = seal_key_for_bcfks,
                          .folds_alias_case = false};

}  // namespace chancery::java
