#include <gtest/gtest.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"
#include "keystore/x509/pkcs12_writer.h"
#include "keystore/x509/private_key.h"
#include "keystore/x509/request.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

constexpr KeyType fast_types[] = {KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::ecdsa_p521, KeyType::rsa_2048,
                                  KeyType::ed25519};

// A self-signed certificate for a key of ours, made by openssl.
Certificate certificate_for(const Workshop& shop, const PrivateKey& key) {
  shop.write("our.key", text_of(key.to_pem()));
  shop.run("openssl req -x509 -new -key our.key -subj /CN=portal -outform DER -out our.der");
  return Certificate::from_der(shop.read("our.der"));
}

TEST(PrivateKeyTest, SurvivesPemAndOpensslAgrees) {
  const Workshop shop;
  const char* names[] = {"EC P-256", "EC P-384", "EC P-521", "RSA", "Ed25519"};
  for (std::size_t index = 0; index < std::size(fast_types); ++index) {
    const PrivateKey key = PrivateKey::generate(fast_types[index]);
    EXPECT_EQ(key.description().type, names[index]);
    const SecretBytes pem = key.to_pem();
    EXPECT_EQ(PrivateKey::from_pem(pem).key_digest(), key.key_digest());
    shop.write("k.pem", text_of(pem));
    shop.run("openssl pkey -in k.pem -outform DER -pubout -out k.pub && openssl pkey -in k.pem -out again.pem");
    EXPECT_EQ(shop.read("k.pub"), key.public_key_der());
    EXPECT_EQ(shop.text("again.pem"), text_of(pem));
  }
}

TEST(PrivateKeyTest, SignsAndVerifies) {
  for (const KeyType type : fast_types) {
    const PrivateKey key = PrivateKey::generate(type);
    const PrivateKey other = PrivateKey::generate(type == KeyType::rsa_2048 ? KeyType::ed25519 : type);
    const Bytes signature = key.sign(view_of("transcript"));
    const Bytes public_key = key.public_key_der();
    EXPECT_TRUE(verify_signature(public_key, view_of("transcript"), signature));
    EXPECT_FALSE(verify_signature(public_key, view_of("Transcript"), signature));
    EXPECT_FALSE(verify_signature(other.public_key_der(), view_of("transcript"), signature));
    Bytes altered = signature;
    altered.back() ^= 1U;
    EXPECT_FALSE(verify_signature(public_key, view_of("transcript"), altered));
    EXPECT_FALSE(verify_signature(public_key, view_of("transcript"), {}));
    EXPECT_FALSE(verify_signature(view_of("junk"), view_of("transcript"), signature));
    Bytes longer = public_key;
    longer.push_back(0);
    EXPECT_FALSE(verify_signature(longer, view_of("transcript"), signature));
  }
}

TEST(PrivateKeyTest, KnowsItsCertificate) {
  const Workshop shop;
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Certificate certificate = certificate_for(shop, key);
  EXPECT_TRUE(key.belongs_to(certificate));
  EXPECT_EQ(key.key_digest(), certificate.key_digest());
  EXPECT_FALSE(PrivateKey::generate(KeyType::ecdsa_p256).belongs_to(certificate));
  EXPECT_FALSE(PrivateKey::generate(KeyType::ed25519).belongs_to(certificate));
  // The public half of one key beside the private half of another: the file claims to belong, the signature tells.
  shop.run(
      "openssl pkcs8 -topk8 -nocrypt -in our.key -outform DER -out our.key.der && openssl ecparam -genkey -noout -name "
      "prime256v1 | "
      "openssl pkcs8 -topk8 -nocrypt -outform DER -out other.key.der");
  Bytes forged = shop.read("our.key.der");
  const Bytes other = shop.read("other.key.der");
  ASSERT_EQ(forged.size(), other.size());
  const Bytes mark = from_hex(
      "020101"
      "0420");
  const auto at = std::search(forged.begin(), forged.end(), mark.begin(), mark.end());
  ASSERT_NE(at, forged.end());
  const auto offset = at - forged.begin() + 5;
  std::copy_n(other.begin() + offset, 32, forged.begin() + offset);
  const Material found = read_material(forged, {.source = "forged"});
  ASSERT_EQ(found.keys.size(), 1U);
  EXPECT_FALSE(found.keys[0].belongs_to(certificate));
}

TEST(PrivateKeyTest, RefusesOthers) {
  EXPECT_EQ(code_of([] { (void)PrivateKey::from_pem(view_of("x")); }), "not-a-key");
  EXPECT_EQ(code_of([] { (void)PrivateKey::from_pem({}); }), "not-a-key");
  EXPECT_EQ(code_of([] {
              (void)PrivateKey::from_pem(view_of("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"));
            }),
            "not-a-key");
  EXPECT_EQ(code_of([] { (void)PrivateKey::from_ed25519_seed(Bytes(31)); }), "not-a-key");
  EXPECT_EQ(code_of([] { (void)PrivateKey::adopt(nullptr); }), "not-a-key");
  EXPECT_EQ(code_of([] { (void)key_type_from_name("rsa-1024"); }), "bad-key-type");
  EXPECT_EQ(key_type_from_name("rsa-3072"), KeyType::rsa_3072);
}

TEST(PrivateKeyTest, Ed25519FromItsSeed) {
  // RFC 8032, 7.1, test 1.
  const PrivateKey key =
      PrivateKey::from_ed25519_seed(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(to_hex(key.sign({})),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f059"
            "5bbe24655"
            "141438e7a100b");
}

TEST(CertificateRequestTest, IsWhatOpensslAccepts) {
  const Workshop shop;
  for (const KeyType type : fast_types) {
    const PrivateKey key = PrivateKey::generate(type);
    const CertificateRequest request =
        CertificateRequest::make(key, {parse_name("portal.example.com"), parse_name("192.0.2.7"), parse_name("::1"),
                                       parse_name("spiffe://f/member/engine")});
    EXPECT_EQ(request.subject(), "CN=portal.example.com");
    EXPECT_EQ(request.names().size(), 4U);
    EXPECT_TRUE(request.is_self_signature_valid());
    EXPECT_EQ(request.public_key_der(), key.public_key_der());
    EXPECT_EQ(request.key_digest(), key.key_digest());
    shop.write("r.csr", request.to_pem());
    shop.run("openssl req -in r.csr -verify -noout -text > r.txt");
    EXPECT_NE(shop.text("r.txt").find("DNS:portal.example.com, IP Address:192.0.2.7, IP Address:0:0:0:0:0:0:0:1, "
                                      "URI:spiffe://f/member/engine"),
              std::string::npos)
        << shop.text("r.txt");
    EXPECT_EQ(CertificateRequest::from_pem(view_of(request.to_pem())).der(), request.der());
  }
}

TEST(CertificateRequestTest, LongNamesStandOnlyInTheSan) {
  const std::string name = std::string(60, 'a') + ".example.com";
  const auto request = CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {parse_name(name)});
  EXPECT_EQ(request.subject(), "");
  EXPECT_EQ(request.names().at(0).value, name);
  EXPECT_TRUE(CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {}).names().empty());
}

TEST(CertificateRequestTest, RefusesBrokenOnes) {
  const auto request = CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {parse_name("a.example")});
  Bytes der = request.der();
  der.back() ^= 1U;
  EXPECT_FALSE(CertificateRequest::from_der(der).is_self_signature_valid());
  der = request.der();
  der.push_back(0);
  for (const Bytes& bad : {der, Bytes{}, Bytes(100'000, 0x30), Bytes{0x30, 0}}) {
    EXPECT_EQ(code_of([&] { (void)CertificateRequest::from_der(bad); }), "not-a-request");
  }
  EXPECT_EQ(code_of([] { (void)CertificateRequest::from_pem(view_of("nothing")); }), "not-a-request");
  const AlternativeName evil{AlternativeName::Kind::dns, std::string("a\0b", 3)};
  EXPECT_EQ(code_of([&] { (void)CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {evil}); }),
            "bad-name");
}

TEST(Pkcs12WriterTest, IsReadByOpensslAndKeytoolAndByUs) {
  const Workshop shop;
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Certificate leaf = certificate_for(shop, key);
  const Certificate other = certificate_for(shop, PrivateKey::generate(KeyType::ecdsa_p256));
  const SecretBytes password = secret_copy("Pässword 1");
  const SecretBytes store = write_pkcs12("portal", key, {leaf, other}, password);
  shop.write("s.p12", text_of(store));
  shop.write("pass", text_of(password));
  shop.run(
      "openssl pkcs12 -in s.p12 -passin file:pass -nodes -out out.pem && openssl pkcs12 -in s.p12 -passin file:pass "
      "-info -noout");
  EXPECT_NE(shop.text("command.log").find("AES-256-CBC"), std::string::npos);
  EXPECT_NE(shop.text("out.pem").find("friendlyName: portal"), std::string::npos);
  const Material found = read_material(store, {.source = "s.p12", .passphrase = &password});
  ASSERT_EQ(found.certificates.size(), 2U);
  EXPECT_EQ(found.certificates[0], leaf);
  ASSERT_EQ(found.keys.size(), 1U);
  EXPECT_TRUE(found.keys[0].belongs_to(leaf));

  const SecretBytes plain = secret_copy("changeit");
  shop.write("j.p12", text_of(write_pkcs12("portal", key, {leaf, other}, plain)));
  shop.run("keytool -list -keystore j.p12 -storepass changeit");
  EXPECT_NE(shop.text("command.log").find("PrivateKeyEntry"), std::string::npos);

  EXPECT_EQ(code_of([&] { (void)write_pkcs12("a", key, {}, plain); }), "cannot-write-pkcs12");
  EXPECT_EQ(code_of([&] { (void)write_pkcs12("a", key, {other}, plain); }), "cannot-write-pkcs12");
  EXPECT_EQ(code_of([&] { (void)write_pkcs12("a", key, {leaf}, secret_copy(std::string_view("a\0b", 3))); }),
            "cannot-write-pkcs12");
}

}  // namespace
}  // namespace chancery
