// Trust stores, identities in force, and the files of keys on disk.
#include <sys/stat.h>

#include "keystore/trust/os_trust.h"
#include "tests/preflight/bench.h"

namespace chancery::preflight::test {
namespace {

using Trust = PreflightTest;

BundleAnswer bundle(const std::string& content, const CertificatePool& existing = {},
                    std::chrono::days later = std::chrono::days(0)) {
  return check_bundle({file("ca.crt", content)}, existing, system_now() + std::chrono::hours(1) + later);
}

TEST_F(Trust, NewAndPresentAnchors) {
  CertificatePool existing;
  existing.add(lab->value("root"));
  const BundleAnswer answer = bundle(lab->certificate("root") + lab->certificate("int1"), existing);
  expect(answer.report, {.infos = "already-present"});
  EXPECT_EQ(answer.fresh, std::vector<Certificate>{lab->value("int1")});
  EXPECT_EQ(answer.present, std::vector<Certificate>{lab->value("root")});
}

TEST_F(Trust, WhatHasNoBusinessInABundle) {
  expect(bundle(lab->certificate("root") + lab->key("root")).report, {.errors = "key-in-bundle"});
  expect(bundle(lab->certificate("leaf")).report, {.errors = "not-a-ca"});
  expect(bundle("garbage").report, {.errors = "not-pem"});
  expect(bundle("").report, {.errors = "empty-input"});
  EXPECT_EQ(codes(bundle(lab->read("leaf.csr")).report, Severity::error), "not-a-certificate");
  EXPECT_EQ(codes(bundle(lab->key("root")).report, Severity::error), "key-in-bundle");
}

TEST_F(Trust, ExpiredAnchorsWarn) {
  expect(bundle(lab->certificate("root"), {}, std::chrono::days(4000)).report, {.warnings = "expired"});
}

TEST_F(Trust, OddAnchorsWarn) {
  lab->issue({.name = "v1-anchor"});
  expect(bundle(lab->certificate("v1-anchor")).report, {.warnings = "v1-root"});
  lab->issue({.name = "pin", .extensions = Lab::server("DNS:a.example")});
  expect(bundle(lab->certificate("pin")).report, {.warnings = "pinned-certificate"});
}

TEST_F(Trust, TheWholePublicBundleIsTaken) {
  const Bytes os = os_trust_bundle();
  const BundleAnswer answer = bundle(std::string(os.begin(), os.end()));
  EXPECT_EQ(codes(answer.report, Severity::error), "") << everything(answer.report);
  EXPECT_GT(answer.fresh.size(), 100U);
}

Identity identity(const Lab& lab) {
  return {lab.value("leaf"), {lab.value("int2"), lab.value("int1")}, PrivateKey::from_pem(view_of(lab.key("leaf")))};
}

Knowledge knowing(const Lab& lab) {
  auto anchors = std::make_shared<CertificatePool>();
  anchors->add(lab.value("root"));
  Knowledge knowledge;
  knowledge.anchors = anchors;
  return knowledge;
}

TEST_F(Trust, IdentityInForce) {
  const Instant now = system_now() + std::chrono::hours(1);
  const Report good = check_identity(identity(*lab), knowing(*lab), {{RequiredName::Role::external, "portal"}}, now);
  expect(good, {});
  EXPECT_EQ(good.chain.size(), 4U);
  expect(check_identity(identity(*lab), knowing(*lab), {}, now + std::chrono::days(500)), {.warnings = "expired"});
  expect(check_identity(identity(*lab), {}, {}, now), {.warnings = "missing-intermediate untrusted-root"});

  Knowledge knowledge = knowing(*lab);
  knowledge.revoked = {lab->value("leaf").fingerprint()};
  expect(check_identity(identity(*lab), knowledge, {}, now), {.errors = "revoked"});
  knowledge = knowing(*lab);
  knowledge.retired_anchors = {lab->value("root").fingerprint()};
  expect(check_identity(identity(*lab), knowledge, {}, now), {.errors = "retired-anchor"});
}

TEST_F(Trust, IdentityThatSendsTooLittle) {
  Identity short_one = identity(*lab);
  short_one.intermediates.pop_back();
  Knowledge knowledge = knowing(*lab);
  auto intermediates = std::make_shared<CertificatePool>();
  intermediates->add(lab->value("int1"));
  knowledge.intermediates = intermediates;
  expect(check_identity(short_one, knowledge, {}, system_now() + std::chrono::hours(1)),
         {.warnings = "missing-intermediate"});
}

TEST_F(Trust, IdentityWithTheWrongKey) {
  Identity wrong = identity(*lab);
  wrong.key = PrivateKey::from_pem(view_of(lab->key("int1")));
  expect(check_identity(wrong, knowing(*lab), {}, system_now() + std::chrono::hours(1)), {.errors = "key-mismatch"});
}

TEST_F(Trust, FederationAndPinnedCollectors) {
  Ask ask = plain();
  ask.knowledge.federated = false;
  ask.knowledge.pinned_collectors = {{.name = "till-1", .roots = {"0a"}}, {.name = "till-2", .roots = {}}};
  const Report report = ask.answer().report;
  expect(report, {.warnings = "not-federated pinned-collectors"});
  EXPECT_NE(message_of(report, "pinned-collectors").find("till-1 and till-2"), std::string::npos);
}

TEST_F(Trust, KeyPermissions) {
  lab->run("mkdir -p private && cp leaf.key private/leaf.key && chmod 0600 private/leaf.key && chmod 0700 private .");
  Ask ask = plain();
  ask.question.key_paths = {lab->path("private/leaf.key")};
  expect(ask.answer().report, {});
  lab->run("chmod 0644 private/leaf.key");
  Report report = ask.answer().report;
  expect(report, {.warnings = "key-permissions"});
  EXPECT_NE(hint_of(report, "key-permissions").find("chmod 0640 " + lab->path("private/leaf.key")), std::string::npos);
  lab->run("chmod 0660 private/leaf.key");
  EXPECT_NE(hint_of(ask.answer().report, "key-permissions").find("chmod g-w"), std::string::npos);
  // Another user, who can neither pass the folders nor read the file.
  lab->run("chmod 0600 private/leaf.key");
  ask.question.key_reader = "nobody";
  report = ask.answer().report;
  expect(report, {.warnings = "key-permissions key-permissions key-permissions"});
  EXPECT_NE(everything(report).find("setfacl -m u:nobody:x " + lab->path("private")), std::string::npos)
      << everything(report);
  EXPECT_NE(everything(report).find("setfacl -m u:nobody:r " + lab->path("private/leaf.key")), std::string::npos);
  ask.question.key_reader = "no-such-user";
  EXPECT_TRUE(ask.answer().report.has("key-permissions"));
  ask.question.key_reader.clear();
  ask.question.key_paths = {lab->path("not-there.key")};
  EXPECT_NE(hint_of(ask.answer().report, "key-permissions").find("ls -l"), std::string::npos);
}

}  // namespace
}  // namespace chancery::preflight::test
