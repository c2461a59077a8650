// Keys and their chains on the way into a store, and the passwords they lie under.
#include <algorithm>

#include "keystore/fault.h"
#include "keystore/java/store_aliases.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/pem.h"

namespace chancery::java {
namespace {

constexpr std::size_t shortest_password = 6;

bool contains(const std::vector<Certificate>& pile, const Certificate& certificate) {
  return std::find(pile.begin(), pile.end(), certificate) != pile.end();
}

const Certificate& leaf_for(const PrivateKey& key, const std::vector<Certificate>& pile) {
  const Sha256 digest = key.key_digest();
  const Certificate* leaf = nullptr;
  for (const Certificate& certificate : pile) {
    if (certificate.key_digest() != digest) continue;
    if (leaf == nullptr || certificate.not_after() > leaf->not_after()) leaf = &certificate;
  }
  if (leaf == nullptr || !key.belongs_to(*leaf)) {
    throw Failure({.code = "key-mismatch",
                   .subject = "",
                   .cause = "the key belongs to none of the certificates",
                   .hint = "give the certificate that was made for this key, together with its intermediates"});
  }
  return *leaf;
}

// Where a name has several certificates (a renewed intermediate), the one that lasts longest.
const Certificate* issuer_of(const Certificate& certificate, const std::vector<Certificate>& pile,
                             const std::vector<Certificate>& taken) {
  const Certificate* issuer = nullptr;
  for (const Certificate& candidate : pile) {
    if (candidate.subject_der() != certificate.issuer_der() || contains(taken, candidate)) continue;
    if (issuer != nullptr && candidate.not_after() <= issuer->not_after()) continue;
    if (certificate.is_signed_by(candidate)) issuer = &candidate;
  }
  return issuer;
}

std::vector<StoredCertificate> stored(const Chain& chain) {
  std::vector<StoredCertificate> out;
  out.reserve(chain.certificates.size());
  for (const Certificate& certificate : chain.certificates) out.push_back({.der = certificate.der()});
  return out;
}

Entry& key_entry_at(Keystore& store, const std::string& alias) {
  Entry& entry = entry_at(store, alias);
  if (entry.key) return entry;
  throw Failure({.code = "no-key",
                 .subject = alias,
                 .cause = "this entry is a trusted certificate and has no key",
                 .hint = "`chancery keystore list` shows which entries hold keys"});
}

}  // namespace

Chain chain_for(const PrivateKey& key, const std::vector<Certificate>& pile) {
  Chain chain;
  chain.certificates.push_back(leaf_for(key, pile));
  while (!chain.certificates.back().is_self_signed()) {
    const Certificate* issuer = issuer_of(chain.certificates.back(), pile, chain.certificates);
    if (issuer == nullptr) break;
    chain.certificates.push_back(*issuer);
  }
  for (const Certificate& certificate : pile) {
    if (!contains(chain.certificates, certificate) && !contains(chain.unused, certificate)) {
      chain.unused.push_back(certificate);
    }
  }
  return chain;
}

ImportedKey import_key(Keystore& store, const PrivateKey& key, const std::vector<Certificate>& pile,
                       const KeyImport& how) {
  if (pile.empty()) {
    throw Failure({.code = "empty-input",
                   .subject = "",
                   .cause = "there is no certificate for the key",
                   .hint = "give its certificate too: Java keeps no key without one"});
  }
  if (how.key_password == nullptr) {
    throw Failure({.code = "password-needed",
                   .subject = how.alias,
                   .cause = "a key needs a password to lie under",
                   .hint = "give the store's password with --storepass-file"});
  }
  ImportedKey imported{.alias = how.alias, .chain = chain_for(key, pile)};
  AliasBook book(store);
  if (imported.alias.empty()) imported.alias = book.derived(imported.chain.certificates.front());
  expect_sane_alias(imported.alias);
  imported.alias = book.take(imported.alias);
  store.entries.push_back({.alias = imported.alias,
                           .kind = EntryKind::private_key,
                           .created_ms = how.now_ms,
                           .certificates = stored(imported.chain),
                           .key = seal_key(store, to_material(key), *how.key_password)});
  return imported;
}

Chain replace_chain(Keystore& store, const std::string& alias, const std::vector<Certificate>& pile,
                    const SecretBytes& key_password) {
  Entry& entry = key_entry_at(store, alias);
  Chain chain = chain_for(to_private_key(open_key(store, entry, key_password), alias), pile);
  entry.certificates = stored(chain);
  return chain;
}

PasswordChange change_store_password(Keystore& store, const StorePasswords& passwords) {
  expect_usable_password(passwords.next);
  const bool keys_move = passwords.keys_too || store.type == StoreType::pkcs12;
  PasswordChange change;
  std::vector<std::pair<Entry*, SealedKey>> sealed;
  for (Entry& entry : store.entries) {
    if (!entry.key) continue;
    if (!keys_move) {
      change.kept.push_back(entry.alias);
      continue;
    }
    try {
      const KeyMaterial key = open_key(store, entry, passwords.current);
      sealed.emplace_back(&entry, seal_key(store, key, passwords.next));
      change.resealed.push_back(entry.alias);
    } catch (const Failure& failure) {
      if (failure.code() != "wrong-key-password") throw;
      change.kept.push_back(entry.alias);
    }
  }
  for (auto& [entry, key] : sealed) entry->key = std::move(key);
  return change;
}

void change_key_password(Keystore& store, const std::string& alias, const SecretBytes& current,
                         const SecretBytes& next) {
  expect_usable_password(next);
  Entry& entry = key_entry_at(store, alias);
  entry.key = seal_key(store, open_key(store, entry, current), next);
}

void expect_usable_password(const SecretBytes& password) {
  const auto characters =
      std::count_if(password.begin(), password.end(), [](std::uint8_t unit) { return (unit & 0xc0U) != 0x80U; });
  if (static_cast<std::size_t>(characters) >= shortest_password) return;
  throw Failure({.code = "password-weak",
                 .subject = "",
                 .cause = "the new password has fewer than 6 characters",
                 .hint = "choose a longer one: Java's own tools refuse such a short one"});
}

KeyMaterial to_material(const PrivateKey& key) {
  const std::string type = key.description().type;
  const SecretBytes pem = key.to_pem();
  pem::Scanner scanner(view_of(pem));
  std::optional<SecretBytes> der;
  if (const std::optional<pem::Block> block = scanner.next()) der = pem::decode(block->body);
  if (!der) {
    throw Failure({.code = "key-unsupported",
                   .subject = type,
                   .cause = "this key has no PKCS#8 form",
                   .hint = "use an RSA, EC or Ed25519 key"});
  }
  return {
      .kind = EntryKind::private_key, .algorithm = type.starts_with("EC") ? "EC" : type, .encoded = std::move(*der)};
}

PrivateKey to_private_key(const KeyMaterial& material, const std::string& alias) {
  const auto unsupported = [&] {
    return Failure({.code = "key-unsupported",
                    .subject = alias,
                    .cause = "a key of type " + material.algorithm + " cannot be used here",
                    .hint = "RSA, EC (P-256, P-384, P-521) and Ed25519 keys can"});
  };
  if (material.kind != EntryKind::private_key) throw unsupported();
  try {
    return PrivateKey::from_pem(view_of(material.encoded));
  } catch (const Failure&) {
    throw unsupported();
  }
}

}  // namespace chancery::java
