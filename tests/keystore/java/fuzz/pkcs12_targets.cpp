#include "tests/keystore/java/fuzz/pkcs12_targets.h"

#include <algorithm>

#include "keystore/java/pkcs12.h"
#include "keystore/java/pkcs12_memory.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

using namespace chancery::java;

constexpr std::uint64_t few = 200;
const std::string source = "file.p12";

template <typename Work>
void allowing_promised(Work work) {
  allowing_failures(
      {"keystore-damaged", "keystore-hostile", "keystore-unsupported", "password-needed", "wrong-key-password"}, work);
}

void look_at(const Keystore& store) {
  const Pkcs12Details details = pkcs12_details(store);
  for (const Entry& entry : store.entries) {
    must(find_entry(store, entry.alias) == &entry);
    must((entry.kind == EntryKind::trusted_certificate) == !entry.key);
    must(entry.kind != EntryKind::trusted_certificate || entry.certificates.size() == 1);
    if (!entry.key) continue;
    const auto how = std::find_if(details.protections.begin(), details.protections.end(),
                                  [&](const auto& one) { return one.part == "key" && one.alias == entry.alias; });
    must(how != details.protections.end() && how->iterations <= iteration_limit);
    if (how->iterations > few) continue;
    allowing_promised([&] {
      const KeyMaterial key = open_key(store, entry, password());
      must(key.kind == entry.kind && !key.algorithm.empty());
    });
  }
}

// What was read, written and read again is the same. (Not the chains: where two certificates answer to one name, another
// may be found.)
void must_survive(const Keystore& store) {
  const SecretBytes sealed = seal_keystore(store, nullptr);
  must(detect(sealed) == StoreType::pkcs12);
  const Keystore again = open_keystore(sealed, {.source = source, .accept_absent_integrity = true});
  must(again.entries.size() == store.entries.size());
  // In which safe a bag stood is not kept, so their order may change.
  std::vector<std::string> carried = pkcs12_details(store).carried, carried_again = pkcs12_details(again).carried;
  std::sort(carried.begin(), carried.end());
  std::sort(carried_again.begin(), carried_again.end());
  must(carried == carried_again);
  for (const Entry& entry : store.entries) {
    const Entry* same = find_entry(again, entry.alias);
    must(same != nullptr && same->kind == entry.kind && same->key.has_value() == entry.key.has_value());
    must(!entry.created_ms || same->created_ms == entry.created_ms);
    if (entry.key) must(same->key->bytes == entry.key->bytes);
    if (!entry.key) must(same->certificates[0].der == entry.certificates[0].der);
  }
}

void write_and_read(const pkcs12::Encryption& read) {
  asn1::DerWriter out;
  pkcs12::write(out, read);
  const pkcs12::Encryption again = pkcs12::read_encryption(out.bytes(), source);
  must(again.cipher == read.cipher && again.prf == read.prf && again.iterations == read.iterations);
  must(again.salt == read.salt && again.iv == read.iv);
}

}  // namespace

void pkcs12(ByteView bytes) {
  if (detect(bytes) != StoreType::pkcs12) return;
  allowing_promised([&] {
    const Keystore store = open_keystore(bytes, {.source = source, .accept_absent_integrity = true});
    must(store.integrity == Integrity::absent);
    look_at(store);
    must_survive(store);
  });
}

void pkcs12_bags(ByteView bytes) {
  allowing_promised([&] {
    pkcs12::BagReader bags(source);
    bags.read(bytes, true);
    Keystore store{.type = StoreType::pkcs12, .version = 3};
    auto memory = std::make_shared<pkcs12::Memory>();
    pkcs12::collect_entries(bags, store, *memory, source);
    store.memory = std::move(memory);
    look_at(store);
    must_survive(store);
  });
}

void pkcs12_protection(ByteView bytes) {
  allowing_promised([&] {
    const pkcs12::Encryption read = pkcs12::read_encryption(bytes, source);
    must(read.iterations >= 1 && read.iterations <= iteration_limit && !pkcs12::describe(read).empty());
    write_and_read(read);
    if (read.iterations > few) return;
    const pkcs12::Passwords passwords{view_of(password())};
    pkcs12::Encryption fresh = read;
    asn1::DerWriter sealed;
    pkcs12::encrypt(fresh, bytes, passwords, nullptr, sealed);
    const auto plain = pkcs12::decrypt(fresh, sealed.bytes(), passwords, nullptr, [](ByteView) { return true; });
    must(plain && secret_equal(*plain, bytes));
    (void)pkcs12::decrypt(read, bytes, passwords, nullptr, [](ByteView) { return true; });
  });
  allowing_promised([&] {
    asn1::Parser in(bytes, source, "its MAC");
    const pkcs12::Mac mac = pkcs12::read_mac(in);
    must(mac.iterations >= 1 && mac.iterations <= iteration_limit && mac.value.size() == mac.digest->size);
    must(!pkcs12::describe(mac).empty());
    pkcs12::DerivedKeys keys;
    if (mac.iterations <= few) (void)pkcs12::is_right(mac, bytes, pkcs12::Passwords{view_of(password())}, keys);
  });
}

}  // namespace chancery::fuzz
