// Certificates that OpenSSL takes without a word and that others refuse. What no tool makes is patched into a good
// certificate, which its issuer then signs again with the openssl command line.
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/der.h"
#include "tests/preflight/bench.h"

namespace chancery::preflight::test {
namespace {

class Encoding : public PreflightTest {
 protected:
  // `name`.crt is `original` with the first `from` (hex) of its signed part replaced by `to`, signed by `issuer`; an
  // algorithm is replaced outside of that part as well.
  static void resign(const std::string& name, const std::string& original, const std::string& from,
                     const std::string& to, const std::string& issuer = "int2") {
    const Certificate good = lab->value(original);
    ByteView certificate = good.der();
    ByteView whole = der::next(certificate, der::sequence)->content;
    std::string inside = to_hex(der::next(whole, der::sequence)->content);
    std::size_t at = inside.find(from);
    while (at != std::string::npos && at % 2 != 0) at = inside.find(from, at + 1);
    ASSERT_NE(at, std::string::npos) << name;
    inside.replace(at, from.size(), to);
    const std::string outside = to_hex(der::next(whole, der::sequence)->whole);
    const Bytes algorithm = from_hex(outside == from ? to : outside);
    const SecretBytes signed_part = der::wrapped(der::sequence, from_hex(inside));
    lab->write(name + ".tbs", std::string(text_of(view_of(signed_part))));
    lab->run("openssl dgst -sha256 -sign " + issuer + ".key -out " + name + ".sig " + name + ".tbs");
    SecretBytes signature{0};
    for (const char byte : lab->read(name + ".sig")) signature.push_back(static_cast<std::uint8_t>(byte));
    const SecretBytes bits = der::wrapped(der::bit_string, view_of(signature));
    const SecretBytes done = der::sequence_of({view_of(signed_part), algorithm, view_of(bits)});
    lab->write(name + ".crt", Certificate::from_der(view_of(done)).to_pem());
  }

  static Ask patched_leaf(const std::string& name, const std::string& from, const std::string& to) {
    resign(name, "leaf", from, to);
    Ask ask(*lab);
    ask.certificate(name).with_key("leaf").intermediate("int2").intermediate("int1").trust("root");
    return ask;
  }

  static void expect_malformed(const Report& report, const std::string& why) {
    expect(report, {.errors = "malformed-certificate"});
    EXPECT_NE(message_of(report, "malformed-certificate").find(why), std::string::npos) << everything(report);
  }
};

TEST_F(Encoding, WhatIsOnlySignedAgainIsGood) {
  expect(patched_leaf("again", "a003020102", "a003020102").name("portal.example.com").answer().report, {});
}

TEST_F(Encoding, LeavesThatOthersRefuse) {
  expect_malformed(patched_leaf("version-4", "a003020102", "a003020103").answer().report, "version 4");
  expect_malformed(patched_leaf("boolean", "0101ff", "010101").answer().report, "neither 00 nor FF");
  expect_malformed(patched_leaf("default", "0101ff", "010100").answer().report, "not critical");
  expect_malformed(patched_leaf("ia5", "0c046c656166", "16046cff6166").answer().report, "its subject has a text");
  expect_malformed(patched_leaf("printable", "0c046c656166", "13046c406166").answer().report, "its subject has a text");
  // Where the bit that does not count was set, OpenSSL reads another key besides.
  const Report loose = patched_leaf("loose-key", "03420004", "03420104").answer().report;
  EXPECT_NE(message_of(loose, "malformed-certificate").find("whole number of bytes"), std::string::npos)
      << everything(loose);
  expect(patched_leaf("printable-star", "0c046c656166", "13046c2a6166").answer().report, {});
}

TEST_F(Encoding, SignatureAlgorithmWithParameters) {
  const std::string ecdsa = "300a06082a8648ce3d040302", with_null = "300c06082a8648ce3d0403020500";
  expect_malformed(patched_leaf("null", ecdsa, with_null).answer().report, "has parameters");
}

TEST_F(Encoding, NamesThatAreNone) {
  const std::string usage = "\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n";
  // dNSName a.example and an address of five bytes.
  expect_malformed(leaf_with({.name = "five-bytes",
                              .extensions = "subjectAltName=DER:30128209612e6578616d706c6587050102030405" + usage})
                       .answer()
                       .report,
                   "an address of 5 bytes");
  expect_malformed(
      leaf_with({.name = "leaf-nc",
                 .extensions = "subjectAltName=DNS:a.example\nnameConstraints=permitted;DNS:example" + usage})
          .answer()
          .report,
      "no CA, but has name constraints");
  const Ask dotted = leaf_with({.name = "dotted", .extensions = Lab::server("DNS:a.example.")}).name("a.example");
  expect(dotted.answer().report, {.errors = "name-mismatch", .warnings = "unusable-san"});
}

TEST_F(Encoding, ConstraintsThatCannotBeApplied) {
  int number = 0;
  const auto with = [&](const std::string& extensions) {
    const std::string ca = "odd-ca" + std::to_string(++number), leaf = ca + "-leaf";
    lab->issue({.name = ca, .issuer = "root", .extensions = Lab::ca("", extensions), .days = 900});
    lab->issue({.name = leaf, .issuer = ca, .extensions = Lab::server("DNS:a.example")});
    Ask ask(*lab);
    return ask.certificate(leaf).with_key(leaf).intermediate(ca).trust("root").answer().report;
  };
  expect_malformed(with("nameConstraints=critical,DER:3000"), "constraints are empty");
  // permitted: an address range of five bytes; one whose mask is 255.0.255.0.
  expect_malformed(with("nameConstraints=critical,DER:300ba009300787050102030405"), "an address range that is none");
  expect_malformed(with("nameConstraints=critical,DER:300ea00c300a87080a000000ff00ff00"),
                   "an address range that is none");
  expect(with("policyConstraints=critical,requireExplicitPolicy:0"), {.errors = "policy-constraint"});
  expect(with("policyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=2.5.29.32.0"),
         {.errors = "policy-constraint"});
  expect(with("policyConstraints=critical,requireExplicitPolicy:3"), {});
}

TEST_F(Encoding, DigestsThatBrowsersDoNotKnow) {
  expect(leaf_with({.name = "sha224", .extensions = Lab::server("DNS:a.example"), .digest = "sha224"}).answer().report,
         {.errors = "signature-weak"});
  expect(leaf_with({.name = "sha512", .extensions = Lab::server("DNS:a.example"), .digest = "sha512"}).answer().report,
         {});
}

TEST_F(Encoding, OnlyTheStrictestMind) {
  const Report report = leaf_with({.name = "written-out",
                                   .extensions = "basicConstraints=DER:3003010100\nsubjectAltName=DNS:a.example\n"
                                                 "extendedKeyUsage=serverAuth\n"})
                            .answer()
                            .report;
  expect(report, {.warnings = "strict-profile"});
  EXPECT_NE(message_of(report, "strict-profile").find("CA:FALSE is written out"), std::string::npos);
}

}  // namespace
}  // namespace chancery::preflight::test
