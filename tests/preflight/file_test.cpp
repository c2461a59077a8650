// How certificates, keys and chains come in files: every container, mended or explained.
#include "keystore/trust/os_trust.h"
#include "tests/preflight/bench.h"

namespace chancery::preflight::test {
namespace {

using Files = PreflightTest;

std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

TEST_F(Files, WindowsLineEnds) {
  Ask ask = plain();
  ask.question.certificate = {file("leaf.crt", with_crlf(lab->certificate("leaf")))};
  const Answer answer = ask.answer();
  expect(answer.report, {.infos = "crlf-line-endings"});
  EXPECT_EQ(answer.identity->leaf, lab->value("leaf"));
}

TEST_F(Files, MissingFinalNewline) {
  Ask ask = plain();
  std::string text = lab->certificate("leaf");
  text.pop_back();
  ask.question.certificate = {file("leaf.crt", text)};
  expect(ask.answer().report, {.infos = "missing-final-newline"});
}

TEST_F(Files, Der) {
  lab->value("leaf");
  Ask ask = plain();
  ask.question.certificate = {file("leaf.cer", lab->read("leaf.der"))};
  expect(ask.answer().report, {.infos = "converted-from-der"});
}

TEST_F(Files, Pkcs12AsEverything) {
  lab->write("chain.pem", lab->certificate("int2") + lab->certificate("int1") + lab->certificate("root"));
  lab->run("openssl pkcs12 -export -in leaf.crt -inkey leaf.key -certfile chain.pem -passout pass:secret -out all.p12");
  Ask ask(*lab);
  ask.question.certificate = {file("all.p12", lab->read("all.p12"))};
  ask.trust("root");
  ask.question.needs_key = true;
  ask.question.passphrase = secret_copy("secret");
  Answer answer = ask.answer();
  expect(answer.report, {.infos = "converted-from-pkcs12 root-included"});
  EXPECT_TRUE(answer.identity->key);
  EXPECT_EQ(answer.identity->intermediates.size(), 2U);
  // The same file as the key too is no oddity.
  ask.question.key = ask.question.certificate;
  answer = ask.answer();
  expect(answer.report, {.infos = "converted-from-pkcs12 converted-from-pkcs12 root-included"});
  EXPECT_TRUE(answer.identity->key);
  ask.question.passphrase = secret_copy("wrong");
  EXPECT_EQ(ask.answer().report.verdict(), Verdict::refuse);
  EXPECT_TRUE(ask.answer().report.has("key-encrypted")) << everything(ask.answer().report);
}

TEST_F(Files, EncryptedKey) {
  lab->run("openssl pkcs8 -topk8 -in leaf.key -passout pass:secret -out locked.key");
  Ask ask = plain();
  ask.question.key = {file("locked.key", lab->read("locked.key"))};
  ask.question.needs_key = true;
  const Report report = ask.answer().report;
  expect(report, {.errors = "key-encrypted"});
  ask.question.passphrase = secret_copy("secret");
  const Answer answer = ask.answer();
  EXPECT_EQ(codes(answer.report, Severity::error), "") << everything(answer.report);
  EXPECT_TRUE(answer.identity->key);
}

TEST_F(Files, WhatIsNoCertificateAtAll) {
  const auto errors = [](const std::string& content) {
    Ask ask(*lab);
    ask.question.certificate = {file("portal.pem", content)};
    const Answer answer = ask.answer();
    EXPECT_FALSE(answer.identity);
    EXPECT_EQ(answer.report.verdict(), Verdict::refuse);
    return codes(answer.report, Severity::error);
  };
  EXPECT_EQ(errors(""), "empty-input");
  EXPECT_EQ(errors("hello"), "not-pem");
  EXPECT_EQ(errors(std::string(5 * 1024 * 1024, 'x')), "too-large");
  EXPECT_EQ(errors("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").find("certificate-missing"),
            std::string::npos);
}

TEST_F(Files, TrailingBytesInTheCertificate) {
  lab->value("leaf");
  lab->write("trailing.der", lab->read("leaf.der") + "x");
  lab->run(
      "(echo '-----BEGIN CERTIFICATE-----'; base64 trailing.der; echo '-----END CERTIFICATE-----') > trailing.crt");
  Ask ask(*lab);
  ask.certificate("trailing").trust("root");
  const Report report = ask.answer().report;
  EXPECT_EQ(report.verdict(), Verdict::refuse) << everything(report);
}

TEST_F(Files, NothingButAKeyFileProblemIsSaidOnce) {
  Ask ask = plain();
  ask.question.key = {file("leaf.key", "")};
  ask.question.needs_key = true;
  expect(ask.answer().report, {.errors = "empty-input"});
}

TEST_F(Files, WholePublicBundleAsIntermediateOrTrust) {
  const Bytes bundle = os_trust_bundle();
  ASSERT_FALSE(bundle.empty());
  const std::string text(bundle.begin(), bundle.end());
  Ask ask = plain();
  ask.question.intermediate.push_back(file("ca-certificates.crt", text));
  expect(ask.answer().report, {.warnings = "unrelated-certificate"});
  Ask trusting = plain();
  trusting.question.trust.push_back(file("ca-certificates.crt", text));
  EXPECT_EQ(codes(trusting.answer().report, Severity::error), "");
}

TEST_F(Files, BesideThePublicAnchors) {
  auto pool = std::make_shared<CertificatePool>();
  pool->add_pem(os_trust_bundle());
  pool->add(lab->value("root"));
  Ask ask = plain().name("portal.example.com");
  ask.question.trust.clear();
  ask.knowledge.anchors = pool;
  expect(ask.answer().report, {});
}

}  // namespace
}  // namespace chancery::preflight::test
