#include "keystore/java/store_edits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "keystore/java/pkcs12.h"
#include "keystore/java/store_check.h"
#include "keystore/java/store_export.h"
#include "tests/keystore/java/store_edits_fixture.h"

namespace chancery::java {
namespace {

using Outcome = ImportedCertificate::Outcome;
std::string_view subject_of(const ImportedCertificate& each) { return each.certificate.subject(); }

TEST_P(StoreEditsTest, ABundleTakesEveryCertificate) {
  const auto imported = import_certificates(store, pki().chain, {.alias = "Corp", .now_ms = now_ms});
  ASSERT_EQ(imported.size(), 3U);
  const std::string name = stored_alias(store.type, "Corp");
  EXPECT_EQ(aliases(), (std::vector<std::string>{name, name + "-2", name + "-3"}));
  EXPECT_EQ(imported[2].alias, name + "-3");
  EXPECT_EQ(subject_of(imported[2]), "CN=Acme Root CA,O=Acme");
  const Keystore read = through_the_file(store, password);
  ASSERT_EQ(read.entries.size(), 3U);
  EXPECT_EQ(entry_at(read, "Corp-3").certificates.front().der, pki().chain[2].der());
}

TEST_P(StoreEditsTest, AliasesAreDerivedAndKeptApart) {
  (void)import_certificates(store, {pki().chain[0], pki().stranger}, {.now_ms = now_ms});
  EXPECT_EQ(aliases(), (std::vector<std::string>{"zürich-büro-1", "class-2-devices"}));
  const auto renewed = import_certificates(store, {pki().renewed}, {.now_ms = now_ms});
  EXPECT_EQ(renewed[0].alias, "zürich-büro-1-" + pki().renewed.fingerprint().substr(0, 8));
  // Taken as well: the whole fingerprint.
  rename_entry(store, renewed[0].alias, "elsewhere");
  (void)import_certificates(store, {pki().chain[2]},
                            {.alias = "zürich-büro-1-" + pki().renewed.fingerprint().substr(0, 8)});
  EXPECT_EQ(derived_alias(store, pki().renewed), "zürich-büro-1-" + pki().renewed.fingerprint());
}

TEST_P(StoreEditsTest, WhatIsThereAlreadyIsReportedAndNotDuplicated) {
  (void)import_certificates(store, {pki().chain[2]}, {.alias = "root", .now_ms = now_ms});
  auto imported = import_certificates(store, {pki().chain[2], pki().chain[1], pki().chain[1]}, {.alias = "corp"});
  EXPECT_EQ(imported[0].outcome, Outcome::already_there);
  EXPECT_EQ(imported[0].alias, "root");
  EXPECT_EQ(imported[1].outcome, Outcome::added);
  EXPECT_EQ(imported[1].alias, "corp");
  EXPECT_EQ(imported[2].outcome, Outcome::already_there);
  EXPECT_EQ(imported[2].alias, "corp");
  imported = import_certificates(store, {pki().chain[2]}, {.alias = "again", .duplicates = true});
  EXPECT_EQ(imported[0].outcome, Outcome::added);
  EXPECT_EQ(aliases(), (std::vector<std::string>{"root", "corp", "again"}));
  // Derived aliases make an import that can be repeated.
  EXPECT_EQ(import_certificates(store, pki().chain, {})[0].outcome, Outcome::added);
  EXPECT_EQ(import_certificates(store, pki().chain, {})[0].outcome, Outcome::already_there);
}

TEST_P(StoreEditsTest, ADuplicateAliasChangesNothing) {
  (void)import_certificates(store, {pki().chain[2]}, {.alias = "root", .now_ms = now_ms});
  (void)import_certificates(store, {pki().stranger}, {.alias = "two-2", .now_ms = now_ms});
  const auto before = aliases();
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, {pki().chain[1]}, {.alias = "root"}); }), "alias-exists");
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, {pki().chain[2]}, {.alias = "root"}); }), "alias-exists");
  // The second of the bundle meets it: not even the first is taken.
  EXPECT_EQ(code_of([&] {
              (void)import_certificates(store, {pki().chain[0], pki().chain[1]}, {.alias = "two"});
            }),
            "alias-exists");
  EXPECT_EQ(code_of([&] { (void)import_leaf("root"); }), "alias-exists");
  EXPECT_EQ(code_of([&] { rename_entry(store, "root", "two-2"); }), "alias-exists");
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, {}, {.alias = "none"}); }), "empty-input");
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, {pki().chain[0]}, {.alias = "a\nb"}); }), "bad-alias");
  EXPECT_EQ(aliases(), before);
  const bool folds = stored_alias(store.type, "ROOT") == "root";
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, {pki().chain[1]}, {.alias = "ROOT"}); }),
            folds ? "alias-exists" : "");
}

TEST_P(StoreEditsTest, AKeyComesWithItsChainInOrder) {
  const ImportedKey imported = import_leaf();
  ASSERT_EQ(imported.chain.certificates.size(), 3U);
  EXPECT_EQ(imported.chain.unused, (std::vector<Certificate>{pki().stranger}));
  const Keystore read = through_the_file(store, password);
  const Entry& entry = entry_at(read, "web");
  EXPECT_EQ(entry.kind, EntryKind::private_key);
  ASSERT_EQ(entry.certificates.size(), 3U);
  for (std::size_t at = 0; at < 3; ++at) EXPECT_EQ(entry.certificates[at].der, pki().chain[at].der());
  EXPECT_TRUE(to_private_key(open_key(read, entry, password), "web").belongs_to(pki().chain[0]));
  EXPECT_EQ(code_of([&] {
              (void)import_key(store, pki().strange_key, pki().chain, {.alias = "x", .key_password = &password});
            }),
            "key-mismatch");
  EXPECT_EQ(code_of([&] { (void)import_key(store, pki().key, {}, {.alias = "x", .key_password = &password}); }),
            "empty-input");
  EXPECT_EQ(code_of([&] { (void)import_key(store, pki().key, pki().chain, {.alias = "x"}); }), "password-needed");
  EXPECT_EQ(store.entries.size(), 1U);
}

TEST(ChainTest, TheIssuerIsTheOneThatSignedAndLastsLongest) {
  const EditsPki pki;
  const Certificate& sub = pki.chain[1];
  for (const std::vector<Certificate>& pile : {std::vector{pki.chain[0], sub, pki.renewed_sub, pki.impostor_sub},
                                               std::vector{pki.impostor_sub, pki.renewed_sub, sub, pki.chain[0]}}) {
    EXPECT_EQ(chain_for(pki.key, pile).certificates, (std::vector<Certificate>{pki.chain[0], pki.renewed_sub}));
  }
}

TEST(AliasTest, ALongNameIsCutBetweenCharacters) {
  const Workshop shop;
  std::string name = "a";
  for (int count = 0; count < 40; ++count) name += "ü";
  shop.run("openssl req -utf8 -x509 -newkey rsa:1024 -nodes -keyout k -subj '/CN=" + name + "' -out c.pem 2>/dev/null");
  const Certificate certificate = read_material(shop.read("c.pem"), {.source = "c.pem"}).certificates.at(0);
  EXPECT_EQ(derived_alias(Keystore{.type = StoreType::jks}, certificate), name.substr(0, 63));
}

TEST(AliasTest, TheLastOfManyMayBeTaken) {
  const EditsPki pki;
  Keystore store{.type = StoreType::jks};
  (void)import_certificates(store, {pki.stranger}, {.alias = "many-6"});
  const std::vector<Certificate> six{pki.chain[0], pki.chain[1],    pki.chain[2],
                                     pki.renewed,  pki.renewed_sub, pki.impostor_sub};
  EXPECT_EQ(code_of([&] { (void)import_certificates(store, six, {.alias = "many"}); }), "alias-exists");
  EXPECT_EQ(store.entries.size(), 1U);
}

TEST(PasswordTest, CharactersAreCountedAsJavaDoes) {
  EXPECT_EQ(code_of([] { expect_usable_password(secret_copy("äöü")); }), "password-weak");
  EXPECT_EQ(code_of([] { expect_usable_password(secret_copy("äöüäöü")); }), "");
}

TEST(ImportTest, OneOfManyOfOneSizeIsFoundAgain) {
  const EditsPki pki;
  std::vector<Certificate> alike;
  for (std::uint8_t last = 0; last < 30; ++last) {
    Bytes der = pki.chain[2].der();
    der.back() = last;  // of the signature, which nobody verifies here
    alike.push_back(Certificate::from_der(der));
  }
  Keystore store{.type = StoreType::jks};
  (void)import_certificates(store, alike, {});
  for (const std::size_t count : {1U, 3U, 30U}) {
    const std::vector<Certificate> some(alike.end() - static_cast<std::ptrdiff_t>(count), alike.end());
    for (const ImportedCertificate& each : import_certificates(store, some, {})) {
      EXPECT_EQ(each.outcome, Outcome::already_there);
      EXPECT_EQ(entry_at(store, each.alias).certificates.front().der, each.certificate.der());
    }
  }
  EXPECT_EQ(store.entries.size(), alike.size());
}

TEST_P(StoreEditsTest, ARenewedCertificateTakesThePlaceOfTheOld) {
  (void)import_leaf();
  const Chain chain = replace_chain(store, "web", {pki().chain[1], pki().renewed, pki().chain[0]}, password);
  EXPECT_EQ(chain.certificates, (std::vector<Certificate>{pki().renewed, pki().chain[1]})) << "the newest leaf";
  EXPECT_EQ(entry_at(store, "web").certificates.front().der, pki().renewed.der());
  EXPECT_EQ(code_of([&] { (void)replace_chain(store, "web", {pki().stranger}, password); }), "key-mismatch");
  EXPECT_EQ(code_of([&] { (void)replace_chain(store, "web", {pki().renewed}, other); }), "wrong-key-password");
  EXPECT_EQ(code_of([&] { (void)replace_chain(store, "nobody", {pki().renewed}, password); }), "alias-unknown");
  EXPECT_EQ(entry_at(store, "web").certificates.front().der, pki().renewed.der());
}

TEST_P(StoreEditsTest, DeletesAndRenames) {
  (void)import_certificates(store, {pki().chain[1], pki().chain[2]}, {.alias = "corp", .now_ms = now_ms});
  rename_entry(store, "corp-2", "Root");
  EXPECT_EQ(aliases(), (std::vector<std::string>{"corp", stored_alias(store.type, "Root")}));
  delete_entry(store, "corp");
  EXPECT_EQ(code_of([&] { delete_entry(store, "corp"); }), "alias-unknown");
  EXPECT_EQ(code_of([&] { rename_entry(store, "corp", "other"); }), "alias-unknown");
  try {
    delete_entry(store, "roo");
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_NE(failure.hint().find(stored_alias(store.type, "Root")), std::string::npos) << failure.hint();
  }
  EXPECT_EQ(code_of([&] { rename_entry(store, "Root", ""); }), "bad-alias");
  EXPECT_EQ(through_the_file(store, password).entries.size(), 1U);
}

TEST_P(StoreEditsTest, PasswordsChangeAsKeytoolChangesThem) {
  (void)import_leaf();
  (void)import_leaf("own");
  change_key_password(store, "own", password, secret_copy("own-secret"));
  const PasswordChange change = change_store_password(store, {.current = password, .next = other});
  const bool is_pkcs12 = store.type == StoreType::pkcs12;
  EXPECT_EQ(change.resealed, is_pkcs12 ? std::vector<std::string>{"web"} : std::vector<std::string>{});
  const Keystore read = through_the_file(store, other);
  EXPECT_NO_THROW((void)open_key(read, entry_at(read, "web"), is_pkcs12 ? other : password));
  EXPECT_EQ(code_of([&] { (void)open_key(read, entry_at(read, "web"), is_pkcs12 ? password : other); }),
            "wrong-key-password");
  EXPECT_NO_THROW((void)open_key(read, entry_at(read, "own"), secret_copy("own-secret")));
  EXPECT_EQ(code_of([&] { (void)through_the_file(store, secret_copy("")); }).empty(), true) << "any may be sealed";
}

TEST_P(StoreEditsTest, AllKeysMoveWhenTold) {
  (void)import_leaf();
  const PasswordChange change = change_store_password(store, {.current = password, .next = other, .keys_too = true});
  EXPECT_EQ(change.resealed, (std::vector<std::string>{"web"}));
  EXPECT_NO_THROW((void)open_key(store, entry_at(store, "web"), other));
  EXPECT_EQ(code_of([&] {
              (void)change_store_password(store, {.current = other, .next = secret_copy("short"), .keys_too = true});
            }),
            "password-weak");
  EXPECT_EQ(code_of([&] { change_key_password(store, "web", password, other); }), "wrong-key-password");
  EXPECT_NO_THROW((void)open_key(store, entry_at(store, "web"), other));
}

TEST_P(StoreEditsTest, ExportsWhatOpensslReads) {
  (void)import_leaf();
  const Entry& entry = entry_at(store, "web");
  EXPECT_EQ(export_certificate(entry, Encoding::der), pki().chain[0].der());
  EXPECT_EQ(text_of(export_certificate(entry, Encoding::pem)), pki().chain[0].to_pem());
  EXPECT_EQ(read_material(export_chain(entry), {.source = "chain"}).certificates, pki().chain);
  const SecretBytes clear = export_key(store, entry, password, nullptr);
  EXPECT_TRUE(text_of(view_of(clear)).starts_with("-----BEGIN PRIVATE KEY-----\n"));
  const SecretBytes sealed = export_key(store, entry, password, &other);
  EXPECT_TRUE(text_of(view_of(sealed)).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  pki().shop.write("out.key", text_of(view_of(sealed)));
  pki().shop.run(
      "openssl pkey -in out.key -passin pass:another-secret -pubout -out a && openssl x509 -in leaf.crt "
      "-noout -pubkey >b && cmp a b && ! openssl pkey -in out.key -passin pass:changeit -noout");
  EXPECT_EQ(code_of([&] { (void)export_key(store, entry, other, nullptr); }), "wrong-key-password");
  const SecretBytes empty;
  EXPECT_EQ(code_of([&] { (void)export_key(store, entry, password, &empty); }), "passphrase-empty");
  (void)import_certificates(store, {pki().chain[2]}, {.alias = "root"});
  EXPECT_EQ(code_of([&] { (void)export_key(store, entry_at(store, "root"), password, nullptr); }), "no-key");
}

TEST_P(StoreEditsTest, TheCheckFindsWhatIsOdd) {
  const CheckOptions fine{.now = from_rfc3339("2026-12-01T00:00:00Z"), .store_password = &password};
  const auto codes = [&](const Keystore& read, const CheckOptions& options) {
    std::vector<std::string> out;
    for (const StoreFinding& each : check_keystore(read, options)) {
      EXPECT_FALSE(each.hint.empty());
      if (each.code != "protection-weak") out.push_back(each.code);
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  (void)import_leaf();
  (void)import_certificates(store, {pki().chain[2]}, {.alias = "root", .now_ms = now_ms});
  EXPECT_EQ(codes(through_the_file(store, password), fine), std::vector<std::string>{});
  // A year later everything but the CAs is over, and nobody gave a password.
  EXPECT_EQ(codes(store, {.now = from_rfc3339("2027-12-01T00:00:00Z")}),
            (std::vector<std::string>{"expired", "integrity-absent"}));
  // A key that is another's, a chain that is broken, a twin, and what is no certificate.
  Entry& web = entry_at(store, "web");
  std::swap(web.certificates[0], web.certificates[1]);
  (void)import_certificates(store, {pki().chain[2]}, {.alias = "twin", .duplicates = true});
  store.entries.push_back(trusted_certificate("broken", bytes_of("0\x03\x02\x01\x05"), now_ms));
  store.integrity = Integrity::verified;
  EXPECT_EQ(codes(store, fine),
            (std::vector<std::string>{"chain-broken", "duplicate-certificate", "key-mismatch", "not-a-certificate"}));
  EXPECT_EQ(check_keystore(store, fine).front().severity, FindingSeverity::error);
  const CheckOptions other_key{.now = fine.now, .store_password = &other};
  EXPECT_NE(std::ranges::count(codes(store, other_key), "key-closed"), 0);
  const CheckOptions both{.now = fine.now, .store_password = &other, .key_password = &password};
  EXPECT_NE(std::ranges::count(codes(store, both), "key-password-differs"), 0);
}

INSTANTIATE_TEST_SUITE_P(Types, StoreEditsTest,
                         ::testing::Values(StoreType::jks, StoreType::jceks, StoreType::pkcs12, StoreType::bks,
                                           StoreType::bcfks),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST(StoreCheckTest, SaysWhatJavaDoesNotSee) {
  Workshop shop;
  shop.run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=a -out a.crt && "
      "openssl pkcs12 -export -nokeys -in a.crt -name a -passout pass:changeit -out trust.p12");
  const SecretBytes password = secret_copy("changeit");
  const Keystore store = open_keystore(shop.read("trust.p12"), {.source = "trust.p12", .password = &password});
  const auto findings = check_keystore(store, {.now = system_now(), .store_password = &password});
  EXPECT_TRUE(std::ranges::any_of(findings, [](const StoreFinding& each) { return each.code == "invisible-to-java"; }));
  const SecretBytes umlaut = secret_copy("pässwört");
  const auto more = check_keystore(store, {.now = system_now(), .store_password = &umlaut});
  EXPECT_TRUE(std::ranges::any_of(more, [](const StoreFinding& each) { return each.code == "password-not-for-java"; }));
}

}  // namespace
}  // namespace chancery::java
