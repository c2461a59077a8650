// PKCS#12: stores of Java, openssl and NSS are read as Java reads them, and all of them read ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "keystore/java/pkcs12_bags.h"
#include "keystore/java/store_edits.h"
#include "keystore/x509/certificate.h"
#include "tests/keystore/java/pkcs12_stores.h"

namespace chancery::java {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Stores : public ::testing::TestWithParam<P12> {};

TEST_P(Stores, AreReadAsJavaReadsThem) {
  const P12& made = GetParam();
  const std::string java = made.java == P12::Java::unasked ? "" : p12_workshop().text(made.name + ".txt");
  EXPECT_EQ(java.starts_with("java: "), made.java == P12::Java::refuses) << java;
  const Bytes bytes = p12_bytes(made.name);
  EXPECT_EQ(detect(bytes), StoreType::pkcs12);
  const Keystore store = open_bytes(bytes, made.password);
  EXPECT_EQ(store.version, 3);
  const bool has_mac = made.name.find("mac=NONE") == std::string::npos;
  EXPECT_EQ(store.integrity, has_mac ? Integrity::verified : Integrity::absent);
  if (made.java == P12::Java::agrees) {
    EXPECT_EQ(description(store, made.key_password), java);
  }
  if (made.java == P12::Java::refuses || made.java == P12::Java::unasked) {
    ASSERT_EQ(store.entries.size(), 1U);
    EXPECT_EQ(store.entries[0].alias, "web");
    EXPECT_EQ(text_of(open_key(store, store.entries[0], secret(made.key_password)).encoded),
              p12_workshop().text("leaf.p8"));
    EXPECT_GE(store.entries[0].certificates.size(), 1U);
  }
  if (has_mac) {
    EXPECT_EQ(code_of([&] { (void)open_bytes(bytes, made.password + "x"); }), "wrong-password");
  }
  for (const Entry& entry : store.entries) {
    if (!entry.key || made.name == "openssl-plain-key") continue;
    EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("wrong")); }), "wrong-key-password") << entry.alias;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Stores, ::testing::ValuesIn(p12s()), [](const auto& one) {
  std::string name = one.param.name;
  for (char& unit : name) unit = std::isalnum(static_cast<unsigned char>(unit)) != 0 ? unit : '_';
  return name;
});

// Every store once rewritten as it is, and once made anew with its keys sealed again.
TEST(Ours, AreReadByJavaOpensslAndNss) {
  const Workshop rewritten;
  const Workshop renewed;
  write_list(rewritten);
  write_list(renewed, true);
  std::map<std::string, std::string> expected;
  for (const P12& made : p12s()) {
    Keystore store = open_p12(made);
    expected[made.name] = description(store, made.key_password);
    const SecretBytes again = sealed(store, made.password);
    rewritten.write(made.name + ".p12", text_of(again));
    EXPECT_EQ(description(open_bytes(again, made.password), made.key_password), expected[made.name]);
    for (Entry& entry : store.entries) {
      if (!entry.key) continue;
      const SecretBytes before = entry.key->bytes;
      entry.key = seal_key(store, open_key(store, entry, secret(made.key_password)), secret(made.key_password));
      EXPECT_NE(entry.key->bytes, before) << "a new salt";
    }
    store.memory.reset();
    renewed.write(made.name + ".p12", text_of(sealed(store, made.password)));
  }
  run_java(rewritten, "describe . " + renewed.path());
  for (const Workshop* shop : {&rewritten, &renewed}) {
    for (const P12& made : p12s()) {
      if (made.java == P12::Java::unasked && shop == &rewritten) continue;
      const std::string java = shop->text(made.name + ".txt");
      const bool is_ascii = made.password.find('\xc3') == std::string::npos;
      if (made.java == P12::Java::agrees || (shop == &renewed && is_ascii)) {
        EXPECT_EQ(java, expected[made.name]) << made.name;
      } else {
        EXPECT_EQ(java, p12_workshop().text(made.name + ".txt")) << made.name;
      }
    }
    for (const char* name : {"small", "keys", "names", "openssl-csp", "nss", "openssl-trust", "small.legacy"}) {
      const std::string file = shop->path(std::string(name) + ".p12");
      EXPECT_NO_THROW(shop->run("openssl pkcs12 -legacy -noout -nokeys -info -in " + file + " -passin pass:changeit"));
      EXPECT_NO_THROW(shop->run("pk12util -l " + file + " -W changeit"));
    }
    EXPECT_NO_THROW(
        shop->run("openssl pkcs12 -in openssl-utf8.p12 -passin 'pass:pässwörd 日本 😀' -nodes -out utf8.pem"));
    shop->run(
        "openssl pkcs12 -in openssl.p12 -passin pass:changeit -nodes -out out.pem && "
        "openssl pkcs8 -topk8 -nocrypt -in out.pem -outform DER -out out.der && openssl x509 -in out.pem -out "
        "leaf.crt");
    EXPECT_EQ(shop->text("out.der"), p12_workshop().text("leaf.p8"));
    EXPECT_EQ(shop->text("leaf.crt"), p12_workshop().text("leaf.crt"));
    EXPECT_NO_THROW(
        shop->run("mkdir nss && certutil -N -d nss --empty-password && pk12util -i nss.p12 -d nss -K '' -W "
                  "changeit && certutil -L -d nss -n web && certutil -K -d nss"));
  }
}

TEST(Ours, NewStoresAreProtectedAsThoseOfJava17) {
  const Workshop shop;
  Keystore store;
  store.entries.push_back(trusted_certificate("root", open_p12(p12("one")).entries[0].certificates[0].der, 1));
  for (const std::string password : {"changeit", ""}) {
    shop.write("new.p12", text_of(sealed(store, password)));
    shop.run("openssl pkcs12 -in new.p12 -info -passin pass:" + password + " -out out.pem");
    EXPECT_THAT(shop.text("command.log"), HasSubstr("MAC: sha256, Iteration 10000"));
    EXPECT_THAT(shop.text("command.log"), HasSubstr("PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256"));
    EXPECT_EQ(open_bytes(shop.read("new.p12"), password).integrity, Integrity::verified);
  }
}

TEST(Ours, AreAsWeakAsTheFileThatWasRead) {
  Keystore store = open_p12(p12("small.legacy"));
  const auto weak = [](const Keystore& one) {
    std::vector<std::string> out;
    for (const StoreProtection& each : pkcs12_details(one).protections) {
      if (each.is_weak) out.push_back(each.part + each.alias + " " + each.algorithm);
    }
    return out;
  };
  EXPECT_THAT(weak(store), ElementsAre("certificates pbeWithSHA1And40BitRC2-CBC"));
  EXPECT_THAT(weak(open_bytes(sealed(store, "neues Wort"), "neues Wort")),
              ElementsAre("certificates pbeWithSHA1And40BitRC2-CBC"));
  store.memory.reset();
  EXPECT_THAT(weak(open_bytes(sealed(store, "changeit"), "changeit")), ElementsAre());
  EXPECT_THAT(weak(open_p12(p12("openssl-plain-key"))), ElementsAre("keyweb none"));
  EXPECT_THAT(
      weak(open_p12(p12("small.certcount=2,keycount=2,count=2"))),
      ElementsAre("certificates PBES2 with AES-256-CBC and HmacSHA256", "integrity HmacPBESHA256",
                  "keykey PBES2 with AES-256-CBC and HmacSHA256", "keysecret PBES2 with AES-256-CBC and HmacSHA256"));
}

TEST(Ours, ReadBackWithTheKeysOfTheStoreTheyCameFrom) {
  const Keystore store = open_p12(p12("small"));
  const SecretBytes changeit = secret("changeit");
  for (const std::string password : {"changeit", "neues Wort"}) {
    const SecretBytes given = secret(password);
    const SecretBytes bytes = sealed(store, password);
    const Keystore back = open_keystore(bytes, {.source = "file.p12", .password = &given, .rewritten_from = &store});
    EXPECT_EQ(back.integrity, Integrity::verified);
    EXPECT_EQ(description(back, "changeit"), description(store, "changeit"));
    const SecretBytes wrong = secret("wrong");
    EXPECT_EQ(code_of([&] {
                (void)open_keystore(bytes, {.source = "file.p12", .password = &wrong, .rewritten_from = &store});
              }),
              "wrong-password");
  }
}

// Keys and certificates that NSS's own certutil made, in its own DER, and back into a database of it.
TEST(Nss, WhatCertutilMadeComesWithItsChainAndGoesBack) {
  const Workshop shop;
  shop.run(
      "mkdir db && head -c 64 /dev/urandom >noise && certutil -N -d db --empty-password && "
      "printf 'y\\n-1\\ny\\n' | certutil -S -d db -n ca -s 'CN=NSS Root,O=Büro' -x -t CT,C,C -k rsa -g 2048 -v 24 "
      "-m 1 -z noise -2 && "
      "certutil -S -d db -n 'Web Server' -s 'CN=web.nss.test,O=Büro' -c ca -t ,, -k ec -q nistp256 -v 12 -m 2 -8 "
      "web.nss.test -z noise && "
      "pk12util -o web.p12 -n 'Web Server' -d db -K '' -W changeit && certutil -L -d db -n ca -r >ca.der && "
      "certutil -L -d db -n 'Web Server' -r >web.der");
  const Keystore store = open_bytes(shop.read("web.p12"), "changeit");
  ASSERT_EQ(store.entries.size(), 1U);
  const Entry& web = store.entries[0];
  EXPECT_EQ(web.alias, "web server");
  ASSERT_EQ(web.certificates.size(), 2U);
  EXPECT_EQ(web.certificates[0].der, shop.read("web.der"));
  EXPECT_EQ(web.certificates[1].der, shop.read("ca.der"));
  const KeyMaterial key = open_key(store, web, secret("changeit"));
  EXPECT_TRUE(to_private_key(key, "web").belongs_to(Certificate::from_der(shop.read("web.der"))));
  Keystore anew{.type = StoreType::pkcs12};  // as we write, not as the file was
  anew.entries = store.entries;
  anew.entries[0].key = seal_key(anew, key, secret("changeit"));
  shop.write("ours.p12", text_of(view_of(sealed(anew, "changeit"))));
  // The name that the intermediate had is carried along.
  shop.run(
      "mkdir other && certutil -N -d other --empty-password && pk12util -i ours.p12 -d other -K '' -W changeit && "
      "certutil -L -d other -n 'web server' -r | cmp - web.der && certutil -L -d other -n ca -r | cmp - ca.der && "
      "certutil -K -d other | grep -qi 'web server' && certutil -V -d db -n 'Web Server' -u V");
}

TEST(WithoutPassword, WhatIsNotEncryptedIsListed) {
  EXPECT_EQ(code_of([] { (void)open_bytes(p12_bytes("small"), "-"); }), "password-needed");
  const Keystore listed = open_bytes(p12_bytes("small.cert=NONE"), "-");
  EXPECT_EQ(listed.integrity, Integrity::absent);
  EXPECT_EQ(description(listed, "changeit"), p12_workshop().text("small.cert=NONE.txt"));

  Keystore store = open_p12(p12("small"));
  store.memory.reset();
  std::erase_if(store.entries, [](const Entry& entry) { return entry.kind != EntryKind::trusted_certificate; });
  const Workshop shop;
  shop.write("open.p12", text_of(sealed(store, "-")));
  EXPECT_EQ(open_bytes(shop.read("open.p12"), "-").entries.size(), 1U);
  shop.run("keytool -list -keystore open.p12");
  EXPECT_THAT(shop.text("command.log"), HasSubstr("trustedCertEntry"));

  // Java opens its cacerts without a password: one who imports something with a password must not end that.
  Keystore cacerts = open_bytes(shop.read("open.p12"), "changeit");
  EXPECT_EQ(open_bytes(sealed(cacerts, "changeit"), "-").entries.size(), 1U);
  cacerts.memory.reset();
  EXPECT_EQ(code_of([&] { (void)open_bytes(sealed(cacerts, "changeit"), "-"); }), "password-needed");
}

TEST(Unmarked, CertificatesAreSeenAndSurvive) {
  Keystore store = open_p12(p12("openssl-trust"));
  EXPECT_EQ(store.entries.size(), 0U);
  for (int round = 0; round < 2; ++round) {
    const std::vector<UnmarkedCertificate> unmarked = pkcs12_details(store).unmarked;
    ASSERT_EQ(unmarked.size(), 2U);
    EXPECT_EQ(sha256_hex(unmarked[1].certificate.der), sha256_hex(open_p12(p12("one")).entries[0].certificates[0].der));
    store = open_bytes(sealed(store, "changeit"), "changeit");
  }
  for (UnmarkedCertificate& each : take_unmarked(store)) {
    store.entries.push_back(
        trusted_certificate("trusted-" + std::to_string(store.entries.size()), std::move(each.certificate.der), 1));
  }
  const Keystore marked = open_bytes(sealed(store, "changeit"), "changeit");
  EXPECT_EQ(marked.entries.size(), 2U);
  EXPECT_TRUE(pkcs12_details(marked).unmarked.empty());
  EXPECT_TRUE(take_unmarked(store).empty());
  for (const P12& made : p12s()) {
    if (made.java == P12::Java::agrees && made.name != "openssl-twice" && !made.name.starts_with("nss")) {
      EXPECT_TRUE(pkcs12_details(open_p12(made)).unmarked.empty()) << made.name;
    }
  }
  EXPECT_EQ(pkcs12_details(open_p12(p12("openssl-twice"))).unmarked.size(), 1U);
}

TEST(Rewriting, KeepsAttributesAndNames) {
  const Workshop shop;
  shop.write("csp.p12", text_of(sealed(open_p12(p12("openssl-csp")), "changeit")));
  shop.run("openssl pkcs12 -in csp.p12 -info -nodes -passin pass:changeit");
  for (const char* kept : {"Microsoft Enhanced Cryptographic Provider v1.0", "The Issuer", "The Root"}) {
    EXPECT_THAT(shop.text("command.log"), HasSubstr(kept));
  }
  Keystore web = open_p12(p12("openssl"));
  shop.write("web.p12", text_of(sealed(web, "changeit")));
  shop.run("openssl pkcs12 -in web.p12 -info -nodes -passin pass:changeit");
  EXPECT_THAT(shop.text("command.log"), HasSubstr("friendlyName: Web")) << "as it was, though Java folds it";
  web.entries[0].alias = "other";
  shop.write("web.p12", text_of(sealed(web, "changeit")));
  shop.run("openssl pkcs12 -in web.p12 -info -nodes -passin pass:changeit");
  EXPECT_THAT(shop.text("command.log"), HasSubstr("friendlyName: other"));
  EXPECT_THAT(shop.text("command.log"), Not(HasSubstr("friendlyName: Web")));

  const Keystore java = open_p12(p12("attributes"));
  const Keystore back = open_bytes(sealed(java, "changeit"), "changeit");
  for (std::size_t index = 0; index < 2; ++index) {
    const auto of = [index](const Keystore& store) {
      const Entry& entry = store.entries[index];
      return entry.key ? entry.attributes : entry.certificates[0].attributes;
    };
    EXPECT_EQ(of(java).size(), 2U);
    EXPECT_EQ(of(back), of(java));
  }
}

TEST(Rewriting, TellsKeysOfOneDateApart) {
  Keystore store = open_p12(p12("keys"));
  const std::string before = description(store, "another password");
  for (Entry& entry : store.entries)
    entry.created_ms = entry.key ? std::optional<std::int64_t>(1'700'000'000'000) : std::nullopt;
  const std::string one_date = description(store, "another password");
  EXPECT_NE(one_date, before);
  const Workshop shop;
  shop.write("list.tsv", "dates\tchangeit\tanother password\t\n");
  shop.write("dates.p12", text_of(sealed(store, "changeit")));
  EXPECT_EQ(description(open_bytes(shop.read("dates.p12"), "changeit"), "another password"), one_date);
  run_java(shop, "describe .");
  EXPECT_EQ(shop.text("dates.txt"), one_date);
}

TEST(Keys, InClearAreEntriesToo) {
  const Keystore store = open_p12(p12("openssl-plain-key"));
  ASSERT_EQ(store.entries.size(), 1U);
  EXPECT_EQ(store.entries[0].certificates.size(), 3U);
  EXPECT_EQ(text_of(open_key(store, store.entries[0], secret("any")).encoded), p12_workshop().text("leaf.p8"));
}

TEST(Keys, OfAlgorithmsThatJavaCannotNameAreRefused) {
  const Keystore store;
  const KeyMaterial key{.kind = EntryKind::secret_key, .algorithm = "Blowfish", .encoded = secret("12345678")};
  EXPECT_EQ(code_of([&] { (void)seal_key(store, key, secret("changeit")); }), "key-unsupported");
  Keystore foreign;
  foreign.entries.push_back({.alias = "key", .kind = EntryKind::private_key});
  foreign.entries.back().key = SealedKey{StoreType::jks, secret("x")};
  EXPECT_EQ(code_of([&] { (void)sealed(foreign, "changeit"); }), "key-unsupported");
  foreign.entries.back() = trusted_certificate("pgp", bytes_of("x"), 1);
  foreign.entries.back().certificates[0].type = "PGP";
  EXPECT_EQ(code_of([&] { (void)sealed(foreign, "changeit"); }), "certificate-unsupported");
}

TEST(Keys, WithOneAliasTheLaterWinsAndTheEarlierIsCarried) {
  Keystore store = open_p12(p12("keys"));
  for (Entry& entry : store.entries) {
    if (entry.alias == "again") entry.alias = "EC";
  }
  const Keystore read = open_bytes(sealed(store, "changeit"), "changeit");
  EXPECT_EQ(read.entries.size(), store.entries.size() - 1);
  EXPECT_THAT(pkcs12_details(read).carried, ElementsAre("a second key under the alias ec"));
  EXPECT_EQ(find_entry(read, "ec")->created_ms, find_entry(store, "ec") != nullptr ? store.entries[3].created_ms : 0);
  const Keystore again = open_bytes(sealed(read, "changeit"), "changeit");
  EXPECT_EQ(description(again, "another password"), description(read, "another password"));
  EXPECT_EQ(pkcs12_details(again).carried.size(), 1U);
}

}  // namespace
}  // namespace chancery::java
