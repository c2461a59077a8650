#include "tests/keystore/java/fuzz/bouncy_targets.h"

#include <algorithm>

#include "keystore/java/bcfks_protection.h"
#include "keystore/java/java_keystore.h"
#include "keystore/x509/der.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

using namespace chancery::java;

template <typename Work>
void allowing_promised(Work work) {
  allowing_failures({"keystore-damaged", "keystore-hostile", "keystore-unsupported", "not-a-keystore", "wrong-password",
                     "wrong-key-password", "password-needed"},
                    work);
}

void look_at(const Keystore& store) {
  for (const Entry& entry : store.entries) {
    must(find_entry(store, entry.alias) != nullptr);
    must((entry.kind == EntryKind::trusted_certificate) == !entry.key);
    must(entry.kind != EntryKind::trusted_certificate || entry.certificates.size() == 1);
  }
}

void must_be_same(const Keystore& left, const Keystore& right) {
  must(left.entries.size() == right.entries.size());
  for (std::size_t i = 0; i < left.entries.size(); ++i) {
    const Entry& one = left.entries[i];
    const Entry& other = right.entries[i];
    must(one.alias == other.alias && one.kind == other.kind && one.created_ms == other.created_ms);
    must(one.certificates.size() == other.certificates.size() && one.key.has_value() == other.key.has_value());
    if (one.key) must(one.key->bytes == other.key->bytes);
  }
}

}  // namespace

void bks(ByteView bytes) {
  if (detect(bytes) != StoreType::bks) return;
  allowing_promised([&] {
    const Keystore unchecked = open_keystore(bytes, {.source = "file.bks"});
    must(unchecked.integrity == Integrity::absent);
    look_at(unchecked);
    // Sealed with our own few rounds, and read back.
    const SecretBytes sealed = seal_keystore(unchecked, &password());
    const Keystore again = open_keystore(sealed, {.source = "file.bks", .password = &password()});
    must(again.integrity == Integrity::verified);
    must_be_same(unchecked, again);
  });
}

void uber(ByteView bytes) {
  // Iterations are capped, but the cap is an age for a fuzzer.
  if (detect(bytes) != StoreType::uber || bytes.size() < 32) return;
  allowing_promised([&] { (void)open_keystore(bytes, {.source = "file.uber"}); });
  if (bytes[7] != 20 || bytes[28] != 0 || bytes[29] != 0 || bytes[30] > 8) return;
  allowing_promised([&] { look_at(open_keystore(bytes, {.source = "file.uber", .password = &password()})); });
}

void bcfks(ByteView bytes) {
  allowing_promised([&] {
    if (detect(bytes) == StoreType::bcfks) look_at(open_keystore(bytes, {.source = "file.bcfks"}));
  });
  // The same bytes as a StoreData that stands there in clear, under a MAC that nobody checks.
  static const SecretBytes check = [] {
    constexpr std::uint8_t hmac[] = {0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                     0x86, 0xf7, 0x0d, 0x02, 0x0b, 0x05, 0x00};
    SecretBytes parts = secret_copy(ByteView(hmac));
    append(parts, view_of(bcfks::write_derivation({.iterations = 2}, hmac, 64)));
    append(parts, view_of(der::wrapped(der::octet_string, ByteView(hmac))));
    return der::wrapped(der::sequence, view_of(parts));
  }();
  SecretBytes whole = secret_copy(bytes);
  append(whole, view_of(check));
  whole = der::wrapped(der::sequence, view_of(whole));
  if (detect(view_of(whole)) != StoreType::bcfks) return;
  allowing_promised([&] { look_at(open_keystore(view_of(whole), {.source = "file.bcfks"})); });
}

}  // namespace chancery::fuzz
