// Defects of the chain above the leaf, each made by the openssl command line or easy-rsa.
#include "tests/preflight/bench.h"

namespace chancery::preflight::test {
namespace {

using Chain = PreflightTest;

std::shared_ptr<const CertificatePool> pool_of(const std::vector<Certificate>& certificates) {
  auto pool = std::make_shared<CertificatePool>();
  for (const Certificate& certificate : certificates) pool->add(certificate);
  return pool;
}

// leaf <- issuer <- top (trusted); the issuer is made by the recipe.
Ask under(Lab& lab, Recipe issuer, const std::string& leaf_extensions = Lab::server("DNS:a.example.com")) {
  if (issuer.issuer.empty()) issuer.issuer = "root";
  lab.issue(issuer);
  const std::string leaf = "under-" + issuer.name;
  lab.issue({.name = leaf, .issuer = issuer.name, .extensions = leaf_extensions, .days = 100});
  Ask ask(lab);
  ask.certificate(leaf).with_key(leaf).intermediate(issuer.name).trust("root");
  return ask;
}

TEST_F(Chain, OrderIsMended) {
  Ask ask(*lab);
  ask.question.certificate = {file(
      "all.pem", lab->certificate("int1") + lab->certificate("int2") + lab->certificate("leaf") + lab->key("leaf"))};
  const Answer answer = ask.trust("root").answer();
  expect(answer.report, {.warnings = "wrong-order"});
  EXPECT_EQ(answer.identity->leaf, lab->value("leaf"));
  EXPECT_EQ(answer.identity->intermediates, (std::vector<Certificate>{lab->value("int2"), lab->value("int1")}));
  EXPECT_TRUE(answer.identity->key);
}

TEST_F(Chain, LeafAndIntermediateFilesSwapped) {
  Ask ask(*lab);
  ask.certificate("int2").with_key("leaf").intermediate("leaf").intermediate("int1").trust("root");
  const Answer answer = ask.answer();
  expect(answer.report, {.warnings = "wrong-order"});
  EXPECT_EQ(answer.identity->leaf, lab->value("leaf"));
}

TEST_F(Chain, DuplicatesAreUsedOnce) {
  const Answer answer = plain().intermediate("int2").answer();
  expect(answer.report, {.infos = "duplicate-certificate"});
  EXPECT_EQ(answer.identity->intermediates.size(), 2U);
}

TEST_F(Chain, RootIsLeftOutUnlessAskedFor) {
  Ask ask = plain().intermediate("root");
  Answer answer = ask.answer();
  expect(answer.report, {.infos = "root-included"});
  EXPECT_EQ(answer.identity->intermediates.size(), 2U);
  ask.question.keep_root = true;
  answer = ask.answer();
  expect(answer.report, {.infos = "root-included"});
  ASSERT_EQ(answer.identity->intermediates.size(), 3U);
  EXPECT_EQ(answer.identity->intermediates.back(), lab->value("root"));
}

TEST_F(Chain, MissingIntermediateIsExplained) {
  lab->issue(
      {.name = "with-aia",
       .issuer = "int2",
       .extensions = Lab::server("DNS:a.example", "authorityInfoAccess=caIssuers;URI:http://ca.example/int2.crt\n")});
  Ask ask(*lab);
  ask.certificate("with-aia").with_key("with-aia").intermediate("int1").trust("root");
  const Report report = ask.answer().report;
  expect(report, {.errors = "missing-intermediate", .warnings = "unrelated-certificate"});
  EXPECT_NE(message_of(report, "missing-intermediate").find("CN=int2"), std::string::npos);
  EXPECT_NE(hint_of(report, "missing-intermediate").find("http://ca.example/int2.crt"), std::string::npos);
}

TEST_F(Chain, MissingIntermediateIsFoundAmongTheKnown) {
  Ask ask(*lab);
  ask.certificate("leaf").with_key("leaf").intermediate("int2").trust("root");
  // Above a CA it may as well be an unknown root.
  expect(ask.answer().report, {.errors = "untrusted-root", .warnings = "missing-intermediate"});
  Ask alone(*lab);
  alone.certificate("leaf").with_key("leaf").trust("root");
  expect(alone.answer().report, {.errors = "missing-intermediate"});
  ask.knowledge.intermediates = pool_of({lab->value("int1"), lab->value("int2")});
  const Answer answer = ask.answer();
  expect(answer.report, {.infos = "intermediate-completed"});
  EXPECT_EQ(answer.identity->intermediates.size(), 2U);
}

TEST_F(Chain, IssuerWithTheRightNameAndAnotherKey) {
  lab->issue({.name = "rekeyed", .issuer = "int1", .subject = "/CN=int2", .extensions = Lab::ca()});
  Ask ask(*lab);
  ask.certificate("leaf").with_key("leaf").intermediate("rekeyed").intermediate("int1").trust("root");
  const Report report = ask.answer().report;
  expect(report, {.errors = "missing-intermediate", .warnings = "unrelated-certificate unrelated-certificate"});
  EXPECT_NE(message_of(report, "missing-intermediate").find("another key"), std::string::npos);
}

TEST_F(Chain, BrokenSignature) {
  lab->run("openssl x509 -in leaf.crt -outform DER -out broken.der");
  std::string der = lab->read("broken.der");
  der.back() = static_cast<char>(der.back() ^ 1);
  Ask ask(*lab);
  ask.question.certificate = {file("broken.der", der)};
  ask.with_key("leaf").intermediate("int2").intermediate("int1").trust("root");
  const Report report = ask.answer().report;
  EXPECT_EQ(codes(report, Severity::error), "bad-signature") << everything(report);
}

TEST_F(Chain, UntrustedRoot) {
  lab->root("stranger");
  Ask ask = plain();
  ask.question.trust.clear();
  ask.trust("stranger").intermediate("root");
  const Report report = ask.answer().report;
  expect(report, {.errors = "untrusted-root", .infos = "root-included"});
  EXPECT_NE(message_of(report, "untrusted-root").find(lab->value("root").fingerprint()), std::string::npos);
  ask.question.accepted = {"untrusted-root"};
  EXPECT_EQ(ask.answer().report.verdict(), Verdict::warn);
  ask.question.accepted.clear();
  ask.question.also_trust = {file("root.crt", lab->certificate("root"))};
  expect(ask.answer().report, {.infos = "root-included"});
}

TEST_F(Chain, UnknownRootThatIsNotInTheFiles) {
  lab->root("stranger3");
  Ask ask = plain();
  ask.question.trust.clear();
  ask.trust("stranger3");
  expect(ask.answer().report, {.errors = "untrusted-root", .warnings = "missing-intermediate"});
  ask.question.accepted = {"untrusted-root"};
  const Answer answer = ask.answer();
  EXPECT_EQ(answer.report.verdict(), Verdict::warn);
  EXPECT_EQ(answer.identity->intermediates.size(), 2U);
}

TEST_F(Chain, TrustOptionLeavesTheAppliancesAnchorsOut) {
  lab->root("stranger2");
  Ask ask = plain();
  ask.question.trust.clear();
  ask.knowledge.anchors = pool_of({lab->value("root")});
  expect(ask.answer().report, {});
  ask.trust("stranger2");
  expect(ask.answer().report, {.errors = "untrusted-root"});
}

TEST_F(Chain, IntermediateAnchorsWhereItIsTrusted) {
  Ask ask(*lab);
  ask.certificate("leaf").with_key("leaf").trust("int2");
  expect(ask.answer().report, {.infos = "intermediate-anchor"});
}

TEST_F(Chain, NotACa) {
  Ask ask = under(*lab, {.name = "no-ca", .extensions = Lab::server("DNS:ca.example")});
  expect(ask.answer().report, {.errors = "not-a-ca"});
  expect(under(*lab, {.name = "no-sign",
                      .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign\n"
                                    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"})
             .answer()
             .report,
         {.errors = "not-a-ca"});
  // OpenSSL can put no authority key identifier into the leaf when its issuer has none.
  expect(under(*lab, {.name = "v1-int"},
               "basicConstraints=CA:FALSE\nsubjectAltName=DNS:a.example\nextendedKeyUsage=serverAuth")
             .answer()
             .report,
         {.errors = "not-a-ca", .warnings = "strict-profile"});
}

TEST_F(Chain, PathLength) {
  lab->issue({.name = "short", .issuer = "root", .extensions = Lab::ca("pathlen:0"), .days = 900});
  Ask ask = under(*lab, {.name = "too-deep", .issuer = "short", .extensions = Lab::ca()});
  ask.intermediate("short");
  expect(ask.answer().report, {.errors = "path-length"});
}

TEST_F(Chain, NameConstraints) {
  const std::string good = Lab::server("DNS:a.example.com");
  int number = 0;
  const auto with = [&](const std::string& constraints, const std::string& leaf) {
    return under(*lab,
                 {.name = "nc" + std::to_string(++number),
                  .extensions = Lab::ca("", "nameConstraints=critical," + constraints)},
                 leaf)
        .answer()
        .report;
  };
  expect(with("permitted;DNS:example.com", good), {});
  const Report report = with("permitted;DNS:example.org", good);
  expect(report, {.errors = "name-constraint"});
  EXPECT_NE(message_of(report, "name-constraint").find("DNS:example.org"), std::string::npos);
  expect(with("excluded;DNS:example.com", good), {.errors = "name-constraint"});
  expect(with("excluded;DNS:bad.example.com", Lab::server("DNS:*.example.com")), {.errors = "name-constraint"});
  expect(with("permitted;IP:192.0.2.0/255.255.255.0", Lab::server("IP:192.0.2.7")), {});
  expect(with("permitted;IP:192.0.2.0/255.255.255.0", Lab::server("IP:198.51.100.7")), {.errors = "name-constraint"});
  expect(with("permitted;email:example.com", Lab::server("DNS:a.example,email:me@example.com")), {});
  expect(with("permitted;email:example.com", Lab::server("DNS:a.example,email:me@example.org")),
         {.errors = "name-constraint"});
}

TEST_F(Chain, DirectoryNameConstraints) {
  lab->issue({.name = "nc-dir",
              .issuer = "root",
              .extensions = Lab::ca("", "nameConstraints=critical,permitted;dirName:dn\n[dn]\nO=Example"),
              .days = 900});
  for (const bool good : {true, false}) {
    const std::string name = good ? "dir-good" : "dir-bad";
    lab->issue({.name = name,
                .issuer = "nc-dir",
                .subject = std::string("/O=") + (good ? "Example" : "Stranger") + "/CN=" + name,
                .extensions = Lab::server("DNS:a.example")});
    Ask ask(*lab);
    ask.certificate(name).with_key(name).intermediate("nc-dir").trust("root");
    expect(ask.answer().report, {.errors = good ? "" : "name-constraint"});
  }
}

TEST_F(Chain, IntermediateForClientsOnly) {
  expect(under(*lab, {.name = "eku-int", .extensions = Lab::ca("", "extendedKeyUsage=clientAuth\n")}).answer().report,
         {.errors = "eku-mismatch"});
}

TEST_F(Chain, WeakIntermediates) {
  expect(under(*lab, {.name = "sha1-int", .extensions = Lab::ca(), .digest = "sha1"}).answer().report,
         {.errors = "signature-weak"});
  expect(under(*lab, {.name = "weak-int", .key = "rsa1024", .extensions = Lab::ca()}).answer().report,
         {.errors = "key-weak"});
}

TEST_F(Chain, ExpiredIntermediateIsNamed) {
  Ask ask = under(*lab, {.name = "short-lived", .extensions = Lab::ca(), .days = 10});
  expect(ask.answer().report, {.warnings = "expires-soon outlives-issuer"});
  const Report report = ask.after(std::chrono::days(20)).answer().report;
  expect(report, {.errors = "expired", .warnings = "outlives-issuer"});
  EXPECT_NE(message_of(report, "expired").find("the intermediate CN=short-lived"), std::string::npos);
}

TEST_F(Chain, UsualRecipesForRootsAreFine) {
  struct Root {
    std::string name, extensions, digest, warnings;
  };
  for (const Root& root :
       std::vector<Root>{{"root-v1", "", "sha256", "v1-root"},
                         {"root-sha1", Lab::ca(), "sha1", ""},
                         {"root-no-ku", "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash", "sha256",
                          "root-without-key-usage"},
                         {"root-bare", "basicConstraints=CA:TRUE", "sha256",
                          "root-without-key-usage strict-profile strict-profile"}}) {
    lab->issue({.name = root.name, .extensions = root.extensions, .days = 3650, .digest = root.digest});
    const bool has_key_id = root.extensions.find("subjectKeyIdentifier") != std::string::npos;
    lab->issue({.name = root.name + "-leaf",
                .issuer = root.name,
                .extensions = has_key_id ? Lab::server("DNS:a.example")
                                         : "subjectAltName=DNS:a.example\nextendedKeyUsage=serverAuth\n"
                                           "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=issuer:always"});
    Ask ask(*lab);
    ask.certificate(root.name + "-leaf").with_key(root.name + "-leaf").trust(root.name);
    const Report report = ask.name("a.example").answer().report;
    EXPECT_EQ(codes(report, Severity::error), "") << root.name << "\n" << everything(report);
    const std::string own = root.warnings.substr(0, root.warnings.find(' '));
    EXPECT_TRUE(own.empty() || report.has(own)) << root.name << "\n" << everything(report);
  }
}

TEST_F(Chain, EasyRsaWithTwoIntermediates) {
  lab->write("easy.sh", R"(set -e
export EASYRSA_BATCH=1 EASYRSA_ALGO=ec EASYRSA_CURVE=prime256v1
easyrsa() { EASYRSA_PKI=$PWD/$pki /usr/share/easy-rsa/easyrsa "$@"; }
for pki in one two three; do easyrsa init-pki; done
pki=one; EASYRSA_REQ_CN='Easy Root' easyrsa build-ca nopass
pki=two; EASYRSA_REQ_CN='Easy Policy' easyrsa build-ca subca nopass
pki=one; easyrsa import-req two/reqs/ca.req policy; easyrsa sign-req ca policy; cp one/issued/policy.crt two/ca.crt
pki=three; EASYRSA_REQ_CN='Easy Issuing' easyrsa build-ca subca nopass
pki=two; easyrsa import-req three/reqs/ca.req issuing; easyrsa sign-req ca issuing; cp two/issued/issuing.crt three/ca.crt
pki=three; EASYRSA_REQ_CN=easy.example.com easyrsa gen-req server nopass
easyrsa --subject-alt-name=DNS:easy.example.com sign-req server server
)");
  lab->run("bash easy.sh");
  Ask ask(*lab);
  // easy-rsa's files have a text dump ahead of the block.
  ask.question.certificate = {file("server.crt", lab->read("three/issued/server.crt"))};
  ask.question.key = {file("server.key", lab->read("three/private/server.key"))};
  ask.question.intermediate = {file("ca.crt", lab->read("two/ca.crt") + lab->read("three/ca.crt"))};
  ask.question.trust = {file("root.crt", lab->read("one/ca.crt"))};
  const Answer answer = ask.name("easy.example.com").answer();
  expect(answer.report, {.warnings = "strict-profile strict-profile strict-profile wrong-order",
                         .infos = "text-around-blocks text-around-blocks"});
  EXPECT_EQ(answer.report.chain.size(), 4U);
}

TEST_F(Chain, CrossSignedPathThatIsTrustedIsTaken) {
  lab->root("old-root");
  lab->root("new-root");
  lab->issue({.name = "cross",
              .issuer = "old-root",
              .subject = "/CN=new-root",
              .key = "same:new-root",
              .extensions = Lab::ca(),
              .days = 900});
  lab->issue({.name = "cross-leaf", .issuer = "new-root", .extensions = Lab::server("DNS:a.example")});
  Ask old_client(*lab);
  old_client.certificate("cross-leaf")
      .with_key("cross-leaf")
      .intermediate("cross")
      .intermediate("new-root")
      .trust("old-root");
  Answer answer = old_client.answer();
  expect(answer.report, {.warnings = "unrelated-certificate"});
  EXPECT_EQ(answer.identity->intermediates, std::vector<Certificate>{lab->value("cross")});

  Ask new_client(*lab);
  new_client.certificate("cross-leaf").with_key("cross-leaf").intermediate("cross").trust("new-root");
  answer = new_client.answer();
  expect(answer.report, {.infos = "cross-certificate"});
  EXPECT_EQ(answer.identity->intermediates, std::vector<Certificate>{lab->value("cross")});

  // Where the old root has been retired, its cross certificate is no way back.
  new_client.question.trust.clear();
  new_client.trust("old-root");
  new_client.knowledge.retired_anchors = {lab->value("old-root").fingerprint()};
  EXPECT_TRUE(new_client.answer().report.has("retired-anchor"));
}

TEST_F(Chain, MutuallyCrossSignedCasEnd) {
  lab->root("loop-a");
  lab->root("loop-b");
  lab->issue(
      {.name = "a-by-b", .issuer = "loop-b", .subject = "/CN=loop-a", .key = "same:loop-a", .extensions = Lab::ca()});
  lab->issue(
      {.name = "b-by-a", .issuer = "loop-a", .subject = "/CN=loop-b", .key = "same:loop-b", .extensions = Lab::ca()});
  lab->issue({.name = "loop-leaf", .issuer = "loop-a", .extensions = Lab::server("DNS:a.example")});
  Ask ask(*lab);
  ask.certificate("loop-leaf").with_key("loop-leaf").intermediate("a-by-b").intermediate("b-by-a").trust("root");
  EXPECT_EQ(codes(ask.answer().report, Severity::error), "untrusted-root");
}

TEST_F(Chain, RetiredAnchor) {
  Ask ask = plain();
  ask.knowledge.retired_anchors = {lab->value("root").fingerprint()};
  expect(ask.answer().report, {.errors = "retired-anchor"});
}

TEST_F(Chain, IssuerNamedByAnotherSerial) {
  // easy-rsa and old recipes put the issuer's name and serial into the leaf; a re-issued CA then no longer fits.
  lab->issue({.name = "serial-ca", .issuer = "root", .extensions = Lab::ca(), .days = 900});
  lab->issue({.name = "serial-ca-again",
              .issuer = "root",
              .subject = "/CN=serial-ca",
              .key = "same:serial-ca",
              .extensions = Lab::ca(),
              .days = 900});
  lab->issue({.name = "serial-leaf",
              .issuer = "serial-ca",
              .extensions = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:a.example\nextendedKeyUsage=serverAuth\n"
                            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer:always"});
  Ask ask(*lab);
  ask.certificate("serial-leaf").with_key("serial-leaf").intermediate("serial-ca-again").trust("root");
  expect(ask.answer().report, {.errors = "key-id-mismatch"});
  expect(ask.intermediate("serial-ca").answer().report, {.warnings = "unrelated-certificate"});
}

}  // namespace
}  // namespace chancery::preflight::test
