#include "keystore/java/store_edits.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "keystore/fault.h"
#include "keystore/java/store_aliases.h"

namespace chancery::java {
namespace {

// The first entry that trusts each of `certificates`. By DER, since certificates of the store are not decoded for this;
// those of the store are not even hashed where none of `certificates` is as long.
using Holders = std::unordered_map<std::string_view, std::string>;

Holders holders_in(const Keystore& store, const std::vector<Certificate>& certificates) {
  std::unordered_map<std::size_t, std::vector<ByteView>> wanted;  // by size
  std::unordered_set<std::string_view> all;
  for (const Certificate& certificate : certificates) {
    if (all.insert(text_of(certificate.der())).second) wanted[certificate.der().size()].push_back(certificate.der());
  }
  constexpr std::size_t few = 8;  // are compared one by one
  Holders holders;
  for (const Entry& entry : store.entries) {
    if (entry.kind != EntryKind::trusted_certificate || entry.certificates.empty()) continue;
    const SharedDer& der = entry.certificates.front().der;
    const auto same_size = wanted.find(der.size());
    if (same_size == wanted.end()) continue;
    const std::string_view text = text_of(der);
    const bool is_wanted =
        same_size->second.size() > few
            ? all.contains(text)
            : std::ranges::any_of(same_size->second, [&](ByteView each) { return text_of(each) == text; });
    if (is_wanted) holders.emplace(text, entry.alias);
  }
  return holders;
}

Failure unknown_alias(const Keystore& store, const std::string& alias) {
  std::string near;
  const std::string wanted = stored_alias(StoreType::jks, alias);
  for (const Entry& entry : store.entries) {
    const std::string folded = stored_alias(StoreType::jks, entry.alias);
    if (folded == wanted || folded.starts_with(wanted) || wanted.starts_with(folded)) {
      near = entry.alias;
      break;
    }
  }
  return Failure({.code = "alias-unknown",
                  .subject = alias,
                  .cause = "the keystore has no entry under this alias",
                  .hint = near.empty() ? "`chancery keystore list` shows the aliases it has"
                                       : "did you mean \"" + near + "\"? `chancery keystore list` shows all of them"});
}

}  // namespace

std::vector<ImportedCertificate> import_certificates(Keystore& store, const std::vector<Certificate>& certificates,
                                                     const CertificateImport& how) {
  using Outcome = ImportedCertificate::Outcome;
  if (certificates.empty()) {
    throw Failure({.code = "empty-input",
                   .subject = "",
                   .cause = "there is no certificate to import",
                   .hint = "give a file with certificates in PEM or DER, a PKCS#7 bundle or a PKCS#12"});
  }
  AliasBook book(store);
  if (!how.alias.empty()) {
    expect_sane_alias(how.alias);
    if (book.is_taken(how.alias)) (void)book.take(how.alias);  // throws
  }
  const Holders holders = holders_in(store, certificates);
  std::vector<ImportedCertificate> imported;
  std::vector<Entry> added;
  // References into `added` would move; into `imported` and the caller's certificates they do not while reserved.
  imported.reserve(certificates.size());
  std::unordered_map<std::string_view, std::string> among_these;
  for (const Certificate& certificate : certificates) {
    const std::string_view der = text_of(certificate.der());
    const auto twin = among_these.find(der);
    const auto held = holders.find(der);
    if (twin != among_these.end() || (held != holders.end() && !how.duplicates)) {
      imported.push_back({.outcome = Outcome::already_there,
                          .alias = twin != among_these.end() ? twin->second : held->second,
                          .certificate = certificate});
      continue;
    }
    const std::string alias =
        book.take(how.alias.empty() ? book.derived(certificate) : nth_alias(how.alias, added.size() + 1));
    added.push_back(trusted_certificate(alias, certificate.der(), how.now_ms));
    among_these.emplace(der, alias);
    imported.push_back({.outcome = Outcome::added, .alias = alias, .certificate = certificate});
  }
  store.entries.reserve(store.entries.size() + added.size());  // last thing that may throw
  std::move(added.begin(), added.end(), std::back_inserter(store.entries));
  return imported;
}

std::string derived_alias(const Keystore& store, const Certificate& certificate) {
  return AliasBook(store).derived(certificate);
}

const Entry& entry_at(const Keystore& store, const std::string& alias) {
  const Entry* entry = find_entry(store, alias);
  if (entry == nullptr) throw unknown_alias(store, alias);
  return *entry;
}

Entry& entry_at(Keystore& store, const std::string& alias) {
  Entry* entry = find_entry(store, alias);
  if (entry == nullptr) throw unknown_alias(store, alias);
  return *entry;
}

void delete_entry(Keystore& store, const std::string& alias) {
  const Entry& entry = entry_at(store, alias);
  store.entries.erase(store.entries.begin() + (&entry - store.entries.data()));
}

void rename_entry(Keystore& store, const std::string& from, const std::string& to) {
  Entry& entry = entry_at(store, from);
  expect_sane_alias(to);
  entry.alias = AliasBook(store).take(to);
}

}  // namespace chancery::java
