// Defects of the leaf, each made by the openssl command line.
#include "keystore/bytes/text_encoding.h"
#include "tests/preflight/bench.h"

namespace chancery::preflight::test {
namespace {

using Leaf = PreflightTest;

TEST_F(Leaf, AGoodChainHasNothingToSay) {
  const Answer answer = plain().name("portal.example.com").answer();
  expect(answer.report, {});
  EXPECT_EQ(answer.report.verdict(), Verdict::accept);
  EXPECT_EQ(answer.report.chain.size(), 4U);
  ASSERT_TRUE(answer.identity);
  EXPECT_EQ(answer.identity->leaf, lab->value("leaf"));
  ASSERT_EQ(answer.identity->intermediates.size(), 2U);
  EXPECT_EQ(answer.identity->intermediates[0], lab->value("int2"));
  EXPECT_EQ(answer.identity->intermediates[1], lab->value("int1"));
  EXPECT_TRUE(answer.identity->key && answer.identity->key->belongs_to(answer.identity->leaf));
}

TEST_F(Leaf, RsaAndEd25519ChainsAreGood) {
  for (const std::string kind : {"rsa", "ed25519"}) {
    lab->root(kind + "-root", kind);
    lab->issue({.name = kind + "-int1", .issuer = kind + "-root", .key = kind, .extensions = Lab::ca(), .days = 900});
    lab->issue({.name = kind + "-int2", .issuer = kind + "-int1", .key = kind, .extensions = Lab::ca(), .days = 900});
    lab->issue(
        {.name = kind + "-leaf", .issuer = kind + "-int2", .key = kind, .extensions = Lab::server("DNS:a.example")});
    Ask ask(*lab);
    ask.certificate(kind + "-leaf").with_key(kind + "-leaf").intermediate(kind + "-int2").intermediate(kind + "-int1");
    const Answer answer = ask.trust(kind + "-root").name("a.example").answer();
    expect(answer.report, {.infos = kind == "ed25519" ? "ed25519-key" : ""});
    EXPECT_EQ(answer.report.chain.size(), 4U) << kind;
  }
}

TEST_F(Leaf, KeyOfSomebodyElse) {
  lab->issue({.name = "other", .issuer = "int2", .extensions = Lab::server("DNS:other.example")});
  Ask ask(*lab);
  ask.certificate("leaf").with_key("other").intermediate("int2").intermediate("int1").trust("root");
  const Answer answer = ask.answer();
  expect(answer.report, {.errors = "key-mismatch"});
  ASSERT_TRUE(answer.identity);
  EXPECT_FALSE(answer.identity->key);
}

TEST_F(Leaf, KeyOfTheIntermediateIsNamed) {
  Ask ask(*lab);
  ask.certificate("leaf").with_key("int2").intermediate("int2").intermediate("int1").trust("root");
  const Answer answer = ask.answer();
  expect(answer.report, {.errors = "key-mismatch"});
  EXPECT_NE(message_of(answer.report, "key-mismatch").find("it belongs to int2.crt (CN=int2)"), std::string::npos);
}

TEST_F(Leaf, KeyMissingOnlyWhereItIsNeeded) {
  Ask ask(*lab);
  ask.certificate("leaf").intermediate("int2").intermediate("int1").trust("root");
  expect(ask.answer().report, {});
  ask.question.needs_key = true;
  expect(ask.answer().report, {.errors = "key-missing"});
  ask.question.waiting_key = PrivateKey::from_pem(view_of(lab->key("leaf")));
  const Answer answer = ask.answer();
  expect(answer.report, {});
  EXPECT_TRUE(answer.identity->key);
}

TEST_F(Leaf, OfSeveralKeysTheRightOneIsTaken) {
  Ask ask = plain();
  ask.question.key.insert(ask.question.key.begin(), file("int1.key", lab->key("int1")));
  const Answer answer = ask.answer();
  expect(answer.report, {.warnings = "unused-key"});
  EXPECT_TRUE(answer.identity->key);
}

TEST_F(Leaf, OfSeveralLeavesTheKeyDecides) {
  lab->issue({.name = "neighbour", .issuer = "int2", .extensions = Lab::server("DNS:neighbour.example")});
  Ask ask(*lab);
  ask.question.certificate = {file("both.pem", lab->certificate("neighbour") + lab->certificate("leaf"))};
  ask.with_key("leaf").intermediate("int2").intermediate("int1").trust("root");
  const Answer answer = ask.answer();
  expect(answer.report, {.warnings = "unrelated-certificate"});
  EXPECT_EQ(answer.identity->leaf, lab->value("leaf"));
}

TEST_F(Leaf, FilesSwapped) {
  Ask ask(*lab);
  ask.question.certificate = {file("server.crt", lab->key("leaf"))};
  ask.question.key = {file("server.key", lab->certificate("leaf"))};
  ask.intermediate("int2").intermediate("int1").trust("root");
  const Answer answer = ask.answer();
  EXPECT_EQ(codes(answer.report, Severity::error), "certificate-missing key-missing") << everything(answer.report);
}

TEST_F(Leaf, ARequestIsNoCertificate) {
  Ask ask(*lab);
  ask.question.certificate = {file("leaf.csr", lab->read("leaf.csr"))};
  const Answer answer = ask.answer();
  EXPECT_EQ(codes(answer.report, Severity::error), "not-a-certificate") << everything(answer.report);
  EXPECT_FALSE(answer.identity);
}

TEST_F(Leaf, Dates) {
  expect(plain().after(std::chrono::days(364 - 20)).answer().report, {.warnings = "expires-soon"});
  const Answer expired = plain().after(std::chrono::days(400)).answer();
  expect(expired.report, {.errors = "expired"});
  EXPECT_NE(message_of(expired.report, "expired").find("CN=leaf expired on 20"), std::string::npos);
  // Before its time everything in the chain is.
  expect(plain().after(std::chrono::days(-30)).answer().report,
         {.errors = "not-yet-valid not-yet-valid not-yet-valid not-yet-valid"});
}

TEST_F(Leaf, NamesAreComparedEachByItself) {
  const Answer answer = plain()
                            .name("portal.example.com")
                            .name("www.example.com")
                            .name("engine.internal", RequiredName::Role::internal)
                            .answer();
  expect(answer.report, {.errors = "name-mismatch name-mismatch"});
  EXPECT_NE(everything(answer.report).find("internal name engine.internal"), std::string::npos);
  EXPECT_NE(hint_of(answer.report, "name-mismatch").find("make the names equal in DNS"), std::string::npos);
  EXPECT_NE(hint_of(answer.report, "name-mismatch").find("--san www.example.com --san engine.internal"),
            std::string::npos);
}

TEST_F(Leaf, WildcardsAndAddresses) {
  Ask wild =
      leaf_with({.name = "wild", .subject = "/CN=wild", .extensions = Lab::server("DNS:*.example.com,IP:192.0.2.1")});
  expect(Ask(wild).name("a.example.com").name("192.0.2.1").answer().report, {});
  expect(Ask(wild).name("a.b.example.com").answer().report, {.errors = "name-mismatch"});
  expect(Ask(wild).name("example.com").answer().report, {.errors = "name-mismatch"});
  expect(Ask(wild).name("192.0.2.2").answer().report, {.errors = "name-mismatch"});
  Ask text = leaf_with({.name = "ip-as-text", .extensions = Lab::server("DNS:192.0.2.1")});
  expect(Ask(text).name("192.0.2.1").answer().report, {.errors = "name-mismatch", .warnings = "unusable-san"});
  expect(leaf_with({.name = "too-wide", .extensions = Lab::server("DNS:*.com,DNS:f*.example.com")}).answer().report,
         {.warnings = "unusable-san"});
}

TEST_F(Leaf, SanThatIsNoName) {
  expect(leaf_with({.name = "spaced", .extensions = Lab::server("DNS:a b.example")}).answer().report,
         {.errors = "malformed-san"});
}

TEST_F(Leaf, CnBesideTheSanIsSaid) {
  Ask ask =
      leaf_with({.name = "cn", .subject = "/CN=cn.example.com", .extensions = Lab::server("DNS:san.example.com")});
  expect(Ask(ask).name("san.example.com").answer().report, {.infos = "cn-not-in-san"});
  const Report report = Ask(ask).name("cn.example.com").answer().report;
  expect(report, {.errors = "name-mismatch", .infos = "cn-not-in-san"});
  EXPECT_NE(message_of(report, "name-mismatch").find("clients look only at the SAN"), std::string::npos);
}

TEST_F(Leaf, WithoutSan) {
  Ask ask = leaf_with({.name = "no-san", .subject = "/CN=portal.example.com", .extensions = Lab::server("")});
  expect(Ask(ask).name("portal.example.com").answer().report, {.errors = "no-san"});
  ask.question.pinned = true;
  expect(ask.answer().report, {.warnings = "no-san"});
  Ask client = leaf_with({.name = "client",
                          .extensions = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"
                                        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"});
  client.question.purpose = Purpose::client;
  expect(client.answer().report, {.warnings = "no-san"});
}

TEST_F(Leaf, VersionOne) {
  lab->issue({.name = "v1", .issuer = "int2", .subject = "/CN=portal.example.com"});
  Ask ask(*lab);
  ask.certificate("v1").with_key("v1").intermediate("int2").intermediate("int1").trust("root");
  expect(Ask(ask).name("portal.example.com").answer().report, {.errors = "no-san v1-certificate"});
  ask.question.purpose = Purpose::client;
  expect(ask.answer().report, {.warnings = "no-san v1-certificate"});
  ask.question.purpose = Purpose::server;
  ask.question.pinned = true;
  expect(ask.answer().report, {.warnings = "no-san v1-certificate"});
}

TEST_F(Leaf, SelfSigned) {
  lab->issue({.name = "self",
              .extensions = "subjectAltName=DNS:a.example\nbasicConstraints=critical,CA:FALSE\n"
                            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash"});
  Ask ask(*lab);
  ask.certificate("self").with_key("self");
  expect(ask.answer().report, {.errors = "self-signed"});
  EXPECT_TRUE(ask.answer().identity->intermediates.empty());
  Ask pinned = ask;
  pinned.question.pinned = true;
  expect(pinned.answer().report, {.warnings = "self-signed"});
  expect(ask.trust("self").answer().report, {.warnings = "self-signed"});
}

TEST_F(Leaf, SelfSignedVersionOneIsFineWherePinned) {
  lab->issue({.name = "self-v1", .subject = "/CN=a.example"});
  Ask ask(*lab);
  ask.certificate("self-v1").with_key("self-v1");
  expect(ask.answer().report, {.errors = "no-san self-signed v1-certificate"});
  ask.question.pinned = true;
  expect(ask.answer().report, {.warnings = "no-san self-signed v1-certificate"});
}

TEST_F(Leaf, CaAsLeaf) {
  expect(leaf_with({.name = "ca-leaf", .issuer = "int1", .extensions = Lab::ca("", "subjectAltName=DNS:a.example\n")})
             .answer()
             .report,
         {.errors = "ca-as-leaf", .warnings = "eku-missing unrelated-certificate"});
}

TEST_F(Leaf, ExtendedKeyUsage) {
  const auto with = [](const std::string& name, const std::string& usage) {
    return leaf_with(
        {.name = name,
         .extensions = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:a.example\nsubjectKeyIdentifier=hash\n"
                       "authorityKeyIdentifier=keyid\n" +
                       (usage.empty() ? "" : "extendedKeyUsage=" + usage)});
  };
  Ask client = with("eku-client", "clientAuth");
  expect(client.answer().report, {.errors = "eku-mismatch"});
  client.question.purpose = Purpose::client;
  expect(client.answer().report, {});
  expect(with("eku-any", "anyExtendedKeyUsage").answer().report, {.errors = "eku-mismatch"});
  expect(with("eku-both", "clientAuth,serverAuth").answer().report, {});
  expect(with("eku-none", "").answer().report, {.warnings = "eku-missing"});
}

TEST_F(Leaf, KeyUsage) {
  const auto with = [](const std::string& name, const std::string& usage) {
    return leaf_with(
        {.name = name,
         .extensions = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:a.example\nsubjectKeyIdentifier=hash\n"
                       "authorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth\nkeyUsage=" +
                       usage});
  };
  expect(with("ku-encipher", "keyEncipherment").answer().report, {.errors = "key-usage"});
  expect(with("ku-certsign", "digitalSignature,keyCertSign").answer().report, {.errors = "key-usage"});
  expect(with("ku-crlsign", "cRLSign").answer().report, {.errors = "key-usage"});
}

TEST_F(Leaf, WeakKeysAndSignatures) {
  const std::string good = Lab::server("DNS:a.example");
  expect(leaf_with({.name = "rsa1024", .key = "rsa1024", .extensions = good}).answer().report, {.errors = "key-weak"});
  expect(leaf_with({.name = "koblitz", .key = "secp256k1", .extensions = good}).answer().report,
         {.errors = "key-weak"});
  expect(leaf_with({.name = "explicit", .key = "explicit", .extensions = good}).answer().report,
         {.errors = "key-weak"});
  expect(leaf_with({.name = "p384", .key = "p384", .extensions = good}).answer().report, {});
  expect(leaf_with({.name = "p521", .key = "p521", .extensions = good}).answer().report, {});
  expect(leaf_with({.name = "sha1", .extensions = good, .digest = "sha1"}).answer().report,
         {.errors = "signature-weak"});
}

TEST_F(Leaf, CriticalExtensionThatNobodyUnderstands) {
  const Report report = leaf_with({.name = "critical",
                                   .extensions = Lab::server("DNS:a.example", "1.2.3.4=critical,ASN1:UTF8String:x\n")})
                            .answer()
                            .report;
  expect(report, {.errors = "unknown-critical-extension"});
  EXPECT_NE(message_of(report, "unknown-critical-extension").find("1.2.3.4"), std::string::npos);
  expect(leaf_with({.name = "uncritical", .extensions = Lab::server("DNS:a.example", "1.2.3.4=ASN1:UTF8String:x\n")})
             .answer()
             .report,
         {});
}

TEST_F(Leaf, ExtensionsThatAreBroken) {
  // A basicConstraints of CA:FALSE with a byte too many, and an extension that stands twice.
  expect(leaf_with({.name = "ext-trailing",
                    .extensions = "subjectAltName=DNS:a.example\nextendedKeyUsage=serverAuth\n"
                                  "basicConstraints=DER:300000\n"})
             .answer()
             .report,
         {.errors = "malformed-certificate"});
}

TEST_F(Leaf, OddSerials) {
  const std::string good = Lab::server("DNS:a.example");
  expect(leaf_with({.name = "zero", .extensions = good, .serial = "0"}).answer().report, {.warnings = "odd-serial"});
  expect(leaf_with({.name = "negative", .extensions = good, .serial = "-5"}).answer().report,
         {.errors = "malformed-certificate"});
  expect(leaf_with({.name = "long", .extensions = good, .serial = "0x01" + std::string(40, 'f')}).answer().report,
         {.errors = "malformed-certificate"});
  expect(leaf_with({.name = "twenty", .extensions = good, .serial = "0x7f" + std::string(38, 'f')}).answer().report,
         {});
}

TEST_F(Leaf, WithoutAuthorityKeyIdOnlyStrictClientsMind) {
  const Report report = leaf_with({.name = "no-akid",
                                   .extensions = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:a.example\n"
                                                 "extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=none\n"})
                            .answer()
                            .report;
  expect(report, {.warnings = "strict-profile"});
}

TEST_F(Leaf, RevokedByFingerprintOrSerial) {
  Ask ask = plain();
  ask.knowledge.revoked = {lab->value("leaf").fingerprint()};
  expect(ask.answer().report, {.errors = "revoked"});
  const std::string key_id = to_hex(Bytes(lab->value("int2").subject_key_id()));
  ask.knowledge.revoked = {key_id + ":" + lab->value("leaf").serial()};
  expect(ask.answer().report, {.errors = "revoked"});
  ask.knowledge.revoked = {key_id + ":77"};
  expect(ask.answer().report, {});
}

}  // namespace
}  // namespace chancery::preflight::test
