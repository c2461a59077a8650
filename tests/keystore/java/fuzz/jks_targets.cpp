#include "tests/keystore/java/fuzz/jks_targets.h"

#include <algorithm>

#include "keystore/java/java_keystore.h"
#include "keystore/java/java_text.h"
#include "keystore/java/jceks_protector.h"
#include "keystore/java/old_digest.h"
#include "keystore/java/pkcs8.h"
#include "keystore/java/sealed_object.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

using namespace chancery::java;

template <typename Work>
void allowing_promised(Work work) {
  allowing_failures({"keystore-damaged", "keystore-hostile", "keystore-unsupported", "not-a-keystore", "alias-too-long",
                     "wrong-key-password"},
                    work);
}

void must_be_same(const Entry& left, const Entry& right) {
  must(left.alias == right.alias && left.kind == right.kind && left.created_ms == right.created_ms);
  must(left.key.has_value() == right.key.has_value() && left.certificates.size() == right.certificates.size());
  if (left.key) must(left.key->bytes == right.key->bytes);
  for (std::size_t i = 0; i < left.certificates.size(); ++i) {
    must(left.certificates[i].type == right.certificates[i].type);
    must(left.certificates[i].der == right.certificates[i].der);
  }
}

// Iterations are capped, but a cap that suits people is an age for a fuzzer.
bool is_quick(const Entry& entry) {
  if (entry.kind == EntryKind::secret_key) {
    return pbe_iterations(read_sealed_object(entry.key->bytes, "key").parameters).value_or(0) < 200;
  }
  const auto info = parse_encrypted_key(entry.key->bytes);
  return !info || info->oid != jceks_protector_oid || pbe_iterations(info->parameters).value_or(0) < 200;
}

void look_at(const Keystore& store) {
  for (const Entry& entry : store.entries) {
    (void)find_entry(store, entry.alias);
    must((entry.kind == EntryKind::trusted_certificate) == !entry.key);
    if (!entry.key || !is_quick(entry)) continue;
    allowing_promised([&] {
      const KeyMaterial key = open_key(store, entry, password());
      must(key.kind == entry.kind && !key.algorithm.empty());
    });
  }
}

// As an attacker does who knows the store's password.
Bytes with_right_digest(ByteView bytes) {
  Bytes out(bytes.begin(), bytes.end());
  const Sha1 none{};
  if (out.size() < none.size()) return out;
  const std::span<std::uint8_t> digest(out.end() - none.size(), out.end());
  OldDigest(OldDigest::Kind::sha1)
      .add(utf16_password(password()))
      .add(view_of("Mighty Aphrodite"))
      .add(bytes.first(bytes.size() - none.size()))
      .finish(digest);
  return out;
}

void store(ByteView bytes) {
  allowing_promised([&] {
    const Keystore unchecked = open_keystore(bytes, {.source = "file.store"});
    const Keystore checked = open_keystore(with_right_digest(bytes), {.source = "file.store", .password = &password()});
    must(unchecked.integrity == Integrity::absent && checked.integrity == Integrity::verified);
    must(unchecked.entries.size() == checked.entries.size());
    look_at(checked);
    const SecretBytes sealed = seal_keystore(checked, &password());
    const Keystore again = open_keystore(sealed, {.source = "file.store", .password = &password()});
    must(again.entries.size() == checked.entries.size() && again.version == checked.version);
    for (std::size_t i = 0; i < again.entries.size(); ++i) must_be_same(again.entries[i], checked.entries[i]);
  });
}

template <typename Read>
void object(Read read) {
  try {
    read();
  } catch (const Failure& failure) {
    must(failure.code() == "truncated" || failure.code() == "keystore-hostile" ||
         failure.code() == "keystore-unsupported");
  }
}

}  // namespace

// Other formats have targets of their own.
void jks(ByteView bytes) {
  if (detect(bytes) == StoreType::jks) store(bytes);
}
void jceks(ByteView bytes) {
  if (detect(bytes) == StoreType::jceks) store(bytes);
}

void java_object(ByteView bytes) {
  object([&] {
    const SealedObject sealed = read_sealed_object(bytes, "file.store");
    must(sealed.size <= bytes.size());
    const SecretBytes written = write_sealed_object(sealed);
    const SealedObject again = read_sealed_object(written, "file.store");
    must(again.size == written.size() && again.algorithm == sealed.algorithm);
    must(secret_equal(again.content, sealed.content) && secret_equal(again.parameters, sealed.parameters));
  });
  object([&] {
    const KeyMaterial key = read_serialised_key(bytes, "file.store");
    const KeyMaterial again = read_serialised_key(write_serialised_key(key), "file.store");
    must(again.algorithm == key.algorithm && again.encoded == key.encoded);
  });
}

}  // namespace chancery::fuzz
