#include <utility>

#include "keystore/fault.h"
#include "keystore/java/pkcs12_memory.h"

namespace chancery::java {
namespace {

constexpr std::uint64_t few_iterations = 1'000;  // RFC 8018, 4.2

StoreProtection protection_from(std::string part, const pkcs12::Encryption& encryption) {
  return {.part = std::move(part),
          .alias = {},
          .algorithm = pkcs12::describe(encryption),
          .iterations = encryption.iterations,
          .is_weak = encryption.cipher->is_weak || encryption.iterations < few_iterations};
}

StoreProtection protection_from(const pkcs12::Mac& mac) {
  return {.part = "integrity",
          .alias = {},
          .algorithm = pkcs12::describe(mac),
          .iterations = mac.iterations,
          .is_weak = mac.digest->name == "MD5" || mac.iterations < few_iterations};
}

StoreProtection no_protection(std::string part) {
  return {.part = std::move(part), .alias = {}, .algorithm = "none", .iterations = 0, .is_weak = false};
}

StoreProtection key_protection(const Entry& entry) {
  const auto encryption = pkcs12::encryption_of_key(entry.key->bytes, entry.kind, entry.alias);
  StoreProtection out = encryption ? protection_from("key", *encryption) : no_protection("key");
  out.alias = entry.alias;
  out.is_weak = out.is_weak || !encryption;
  return out;
}

}  // namespace

Pkcs12Details pkcs12_details(const Keystore& store) {
  Pkcs12Details out;
  if (store.type != StoreType::pkcs12) return out;
  const pkcs12::Memory* memory = pkcs12::memory_of(store);
  const bool is_known = memory != nullptr && memory->has_certificates;
  const auto certificates = is_known ? memory->certificates : pkcs12::default_encryption();
  const auto mac = memory != nullptr ? memory->mac : pkcs12::default_mac();
  out.protections.push_back(certificates ? protection_from("certificates", *certificates)
                                         : no_protection("certificates"));
  out.protections.push_back(mac ? protection_from(*mac) : no_protection("integrity"));
  for (const Entry& entry : store.entries) {
    if (entry.key) out.protections.push_back(key_protection(entry));
  }
  if (memory == nullptr) return out;
  out.unmarked = memory->unmarked;
  for (const pkcs12::CarriedBag& bag : memory->carried) out.carried.push_back(bag.what);
  return out;
}

std::vector<UnmarkedCertificate> take_unmarked(Keystore& store) {
  const pkcs12::Memory* memory = pkcs12::memory_of(store);
  if (memory == nullptr || memory->unmarked.empty()) return {};
  auto changed = std::make_shared<pkcs12::Memory>(*memory);
  std::vector<UnmarkedCertificate> taken = std::exchange(changed->unmarked, {});
  store.memory = std::move(changed);
  return taken;
}

}  // namespace chancery::java
