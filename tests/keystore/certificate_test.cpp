#include "keystore/x509/certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <algorithm>
#include <chrono>

#include "keystore/bytes/text_encoding.h"
#include "keystore/files/folder.h"
#include "keystore/x509/der.h"
#include "keystore/x509/private_key.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using Kind = AlternativeName::Kind;

// Certificates signed by one key, each from a piece of openssl configuration.
class CertificateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run("openssl ecparam -genkey -noout -name prime256v1 -out ec.key");
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }

  static Bytes make_der(const std::string& subject, const std::string& extensions, const std::string& options = "") {
    shop_->write("e.cnf", "[req]\ndistinguished_name=dn\n[dn]\n[e]\n" + extensions + "\n");
    shop_->run(
        "openssl req -x509 -new -key ec.key -utf8 -config e.cnf -extensions e -days 30 -outform DER -out e.der -subj "
        "'" +
        subject + "' " + options);
    return shop_->read("e.der");
  }
  static Certificate make(const std::string& subject, const std::string& extensions, const std::string& options = "") {
    return Certificate::from_der(make_der(subject, extensions, options));
  }
  static bool is_unknown(const Certificate& certificate, const std::string& oid) {
    const auto& list = certificate.unknown_critical_extensions();
    return std::find(list.begin(), list.end(), oid) != list.end();
  }
  static Bytes replaced(Bytes der, const Bytes& from, const Bytes& to) {
    EXPECT_EQ(from.size(), to.size());
    auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
    EXPECT_NE(at, der.end());
    while (at != der.end()) {
      std::copy(to.begin(), to.end(), at);
      at = std::search(at, der.end(), from.begin(), from.end());
    }
    return der;
  }

  static Workshop* shop_;
};
Workshop* CertificateTest::shop_ = nullptr;

TEST_F(CertificateTest, ShowsWhatOpensslShows) {
  const Certificate leaf = make("/C=DE/O=Example, Inc./CN=first/CN=portal.example.com",
                                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                                "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\n"
                                "subjectAltName=DNS:portal.example.com,IP:192.0.2.1,IP:2001:db8::1,URI:https://a/b,"
                                "email:a@example.com,RID:1.2.3,otherName:1.2.3.4;UTF8:x",
                                "-set_serial 0x0abc");
  shop_->run("openssl x509 -inform DER -in e.der -noout -fingerprint -sha256 | tr -d ':' | tr A-F a-f > print");
  EXPECT_NE(shop_->text("print").find(leaf.fingerprint()), std::string::npos);
  EXPECT_EQ(leaf.subject(), "CN=portal.example.com,CN=first,O=Example\\, Inc.,C=DE");
  EXPECT_EQ(leaf.common_name(), "portal.example.com");
  EXPECT_EQ(leaf.issuer(), leaf.subject());
  EXPECT_EQ(leaf.serial(), "0abc");
  const std::vector<AlternativeName> names{{Kind::dns, "portal.example.com"}, {Kind::ip, "192.0.2.1"},
                                           {Kind::ip, "2001:db8::1"},         {Kind::uri, "https://a/b"},
                                           {Kind::email, "a@example.com"},    {Kind::other, "registered id 1.2.3"},
                                           {Kind::other, "1.2.3.4"}};
  EXPECT_EQ(leaf.names(), names);
  EXPECT_EQ(leaf.key().type, "EC P-256");
  EXPECT_EQ(leaf.key().bits, 256);
  EXPECT_EQ(leaf.version(), 3);
  EXPECT_EQ(leaf.signature_algorithm(), "ecdsa-with-SHA256");
  EXPECT_EQ(leaf.signature_digest(), "SHA256");
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_TRUE(leaf.has_key_usage());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_EQ(leaf.extended_key_usages(), (std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}));
  EXPECT_EQ(leaf.subject_key_id().size(), 20U);
  EXPECT_TRUE(leaf.authority_key_id().empty());
  EXPECT_TRUE(leaf.unknown_critical_extensions().empty());
  EXPECT_TRUE(leaf.is_self_issued());
  EXPECT_TRUE(leaf.is_self_signed());
  EXPECT_EQ(leaf.not_after() - leaf.not_before(), std::chrono::days(30));
  EXPECT_LE(leaf.not_before(), system_now());
  EXPECT_EQ(leaf.to_pem().back(), '\n');
  shop_->run("openssl x509 -inform DER -in e.der -out e.pem");
  EXPECT_EQ(leaf.to_pem(), shop_->text("e.pem"));
  EXPECT_EQ(leaf, Certificate::from_der(leaf.der()));
}

TEST_F(CertificateTest, ReadsAuthorities) {
  const Certificate root = make("/CN=Root", "basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=keyCertSign");
  EXPECT_TRUE(root.is_ca());
  EXPECT_EQ(root.path_length(), 1);
  EXPECT_TRUE(root.may_sign_certificates());
  const Certificate plain = make("/CN=Root", "basicConstraints=CA:TRUE");
  EXPECT_FALSE(plain.path_length().has_value());
  EXPECT_FALSE(plain.has_key_usage());
  EXPECT_TRUE(plain.may_sign_certificates());
  shop_->run(
      "openssl req -new -key ec.key -subj /CN=v1 -out v1.csr && "
      "openssl x509 -req -in v1.csr -signkey ec.key -outform DER -out v1.der");
  const Certificate version_1 = Certificate::from_der(shop_->read("v1.der"));
  EXPECT_EQ(version_1.version(), 1);
  EXPECT_FALSE(version_1.is_ca());
  EXPECT_TRUE(version_1.names().empty());
}

TEST_F(CertificateTest, VerifiesWhoSigned) {
  const Bytes root_der = make_der("/O=Ex  ample/CN=Root", "basicConstraints=critical,CA:TRUE");
  shop_->write("root.der", text_of(root_der));
  shop_->run(
      "openssl x509 -inform DER -in root.der -out root.pem && "
      "openssl ecparam -genkey -noout -name secp384r1 -out leaf.key && "
      "openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr && "
      "openssl x509 -req -in leaf.csr -CA root.pem -CAkey ec.key -outform DER -out leaf.der");
  const Certificate root = Certificate::from_der(root_der);
  const Bytes leaf_der = shop_->read("leaf.der");
  const Certificate leaf = Certificate::from_der(leaf_der);
  EXPECT_TRUE(leaf.is_signed_by(root));
  EXPECT_FALSE(root.is_signed_by(leaf));
  EXPECT_FALSE(leaf.is_self_issued());
  EXPECT_FALSE(leaf.is_self_signed());
  EXPECT_EQ(leaf.key().type, "EC P-384");
  Bytes forged = leaf_der;
  forged.back() ^= 1U;
  EXPECT_FALSE(Certificate::from_der(forged).is_signed_by(root));
  EXPECT_EQ(leaf.issuer_der(), root.subject_der());
}

// Of every kind of CA, as OpenSSL says; and nothing that was altered, anywhere in it.
TEST_F(CertificateTest, VerifiesWhoSignedAsOpensslDoes) {
  struct Maker {
    const char* key;
    const char* signing;
  };
  constexpr std::array kinds{Maker{"EC -pkeyopt ec_paramgen_curve:P-256", "-sha256"},
                             Maker{"EC -pkeyopt ec_paramgen_curve:P-384", "-sha384"},
                             Maker{"EC -pkeyopt ec_paramgen_curve:P-521", "-sha512"},
                             Maker{"EC -pkeyopt ec_paramgen_curve:P-256", "-sha1"},
                             Maker{"RSA -pkeyopt rsa_keygen_bits:2048", "-sha256"},
                             Maker{"RSA -pkeyopt rsa_keygen_bits:2048", "-sha512"},
                             Maker{"RSA -pkeyopt rsa_keygen_bits:2048", "-sha256 -sigopt rsa_padding_mode:pss"},
                             Maker{"ED25519", ""}};
  for (const Maker& kind : kinds) {
    const std::string made = std::string(kind.key) + " " + kind.signing;
    const auto ca = [&](const std::string& name) {
      return "openssl genpkey -algorithm " + std::string(kind.key) + " -out " + name +
             ".key && openssl req -x509 -new -key " + name +
             ".key -subj /CN=CA -addext basicConstraints=critical,CA:TRUE " + kind.signing + " -out " + name +
             ".pem && openssl x509 -in " + name + ".pem -outform DER -out " + name + ".der";
    };
    shop_->run(
        ca("one") + " && " + ca("two") +
        " && openssl req -new -key one.key -subj /CN=leaf -out leaf.csr && openssl x509 -req -in leaf.csr -CA one.pem "
        "-CAkey one.key " +
        kind.signing + " -outform DER -out signed.der");
    const Certificate one = Certificate::from_der(shop_->read("one.der"));
    const Certificate two = Certificate::from_der(shop_->read("two.der"));
    const Bytes der = shop_->read("signed.der");
    const Certificate leaf = Certificate::from_der(der);
    EXPECT_TRUE(leaf.is_signed_by(one)) << made;
    EXPECT_FALSE(leaf.is_signed_by(two)) << made << ": the same name, another key";
    EXPECT_TRUE(one.is_self_signed() && two.is_self_signed()) << made;
    for (std::size_t at = 0; at < der.size(); ++at) {
      Bytes altered = der;
      altered[at] ^= 0x04U;
      try {
        EXPECT_FALSE(Certificate::from_der(altered).is_signed_by(one)) << made << " at " << at;
      } catch (const Failure&) {
        // is no certificate any more
      }
    }
  }
}

TEST_F(CertificateTest, NamesCompareAsOpensslCompares) {
  const auto name = [](const std::string& subject, const std::string& options = "") {
    return make(subject, "", options);
  };
  const Certificate reference = name("/O=Example Org/CN=Portal");
  for (const char* same : {"/O=EXAMPLE   org/CN=portal", "/O= Example Org /CN=PORTAL"}) {
    const Certificate other = name(same);
    EXPECT_EQ(other.subject_der(), reference.subject_der()) << same;
    EXPECT_EQ(X509_NAME_cmp(X509_get_subject_name(other.native()), X509_get_subject_name(reference.native())), 0);
  }
  for (const char* differing : {"/O=ExampleOrg/CN=Portal", "/CN=Portal/O=Example Org", "/O=Example Org+CN=Portal",
                                "/OU=Example Org/CN=Portal"}) {
    const Certificate other = name(differing, "-multivalue-rdn");
    EXPECT_NE(other.subject_der(), reference.subject_der()) << differing;
    EXPECT_NE(X509_NAME_cmp(X509_get_subject_name(other.native()), X509_get_subject_name(reference.native())), 0);
  }
  // The same text as BMPString, UTF8String and T61String.
  const Bytes utf8 = der::canonical_name(from_hex("300e310c300a06035504030c0346c3bc"));
  EXPECT_EQ(utf8, der::canonical_name(from_hex("300f310d300b06035504031e04004600fc")));
  EXPECT_EQ(utf8, der::canonical_name(from_hex("300d310b300906035504031402"
                                               "46fc")));
}

TEST_F(CertificateTest, PrintsHostileNamesSafely) {
  const Certificate odd = make("/CN=<script>\x1b[31m\xe2\x80\xae/O=a\\+b;c", "");
  EXPECT_EQ(odd.subject(), "O=a\\+b\\;c,CN=\\<script\\>\\x1b[31m\\xe2\\x80\\xae");
  EXPECT_EQ(odd.common_name(), "<script>\\x1b[31m\\xe2\\x80\\xae");
  // SAN with a NUL: DNS "good.example\0.evil.example", then an address of three bytes.
  const Certificate nul =
      make("/CN=x", "subjectAltName=DER:3021821a676f6f642e6578616d706c65002e6576696c2e6578616d706c658703010203");
  ASSERT_EQ(nul.names().size(), 2U);
  EXPECT_EQ(nul.names()[0].value, "good.example\\x00.evil.example");
  EXPECT_FALSE(answers_to(nul.names(), "good.example"));
  EXPECT_EQ(nul.names()[1].kind, Kind::other);
}

TEST_F(CertificateTest, ListsExtensionsThatNobodyUnderstands) {
  const Certificate unknown = make("/CN=x", "1.2.3.4=critical,DER:0500\n1.2.3.5=DER:0500\nnoCheck=critical,ignored");
  EXPECT_TRUE(is_unknown(unknown, "1.2.3.4"));
  EXPECT_FALSE(is_unknown(unknown, "1.2.3.5"));
  const Certificate known =
      make("/CN=x",
           "basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:example.com\n"
           "certificatePolicies=critical,1.2.3\npolicyConstraints=critical,requireExplicitPolicy:0\n"
           "inhibitAnyPolicy=critical,0\nsubjectAltName=critical,DNS:a.example.com");
  EXPECT_TRUE(known.unknown_critical_extensions().empty());
}

TEST_F(CertificateTest, ListsNameConstraintsThatCannotBeRead) {
  const std::string oid = "2.5.29.30", one = "nameConstraints=critical,permitted;DNS:a.example";
  for (const char* wrong : {"0500", "3008a006300482036162", "3008a006310482026162", "3004a1003000"}) {
    EXPECT_TRUE(is_unknown(make("/CN=x", "nameConstraints=critical,DER:" + std::string(wrong)), oid)) << wrong;
    EXPECT_TRUE(is_unknown(make("/CN=x", "nameConstraints=DER:" + std::string(wrong)), oid)) << wrong;
  }
  EXPECT_FALSE(is_unknown(make("/CN=x", "nameConstraints=critical,DER:3008a0063004a4023000"), oid));  // of another form
  EXPECT_FALSE(is_unknown(make("/CN=x", one), oid));
  const Bytes twice = replaced(make_der("/CN=x", one + "\n2.5.29.31=DER:3000"), {0x55, 0x1d, 0x1f}, {0x55, 0x1d, 0x1e});
  EXPECT_TRUE(is_unknown(Certificate::from_der(twice), oid));
}

TEST_F(CertificateTest, BrokenExtensionsAllowNothing) {
  const Certificate broken = make("/CN=x",
                                  "basicConstraints=DER:0402\nkeyUsage=DER:0500\nextendedKeyUsage=DER:0500\n"
                                  "subjectAltName=DER:ffff");
  EXPECT_FALSE(broken.is_ca());
  EXPECT_TRUE(broken.has_key_usage());
  EXPECT_FALSE(broken.may_sign_certificates());
  EXPECT_FALSE(broken.extended_key_usages().empty()) << "empty would mean any use";
  EXPECT_TRUE(broken.names().empty());
  for (const char* oid : {"2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"})
    EXPECT_TRUE(is_unknown(broken, oid)) << oid;
}

TEST_F(CertificateTest, UnreadableDatesNeverHold) {
  Bytes der = make_der("/CN=x", "");
  // Both UTCTimes: 17 0d YYMMDD…; month 99 does not exist.
  std::size_t found = 0;
  for (std::size_t at = 0; at + 6 < der.size(); ++at) {
    if (der[at] == 0x17 && der[at + 1] == 0x0d && ++found <= 2) der[at + 4] = der[at + 5] = '9';
  }
  const Certificate certificate = Certificate::from_der(der);
  EXPECT_GT(certificate.not_before(), system_now() + std::chrono::years(1000));
  EXPECT_LT(certificate.not_after(), system_now() - std::chrono::years(1000));
}

TEST_F(CertificateTest, UnknownKeysAreStillCertificates) {
  // id-ecPublicKey becomes an OID that nobody knows.
  const Bytes der = replaced(make_der("/CN=x", ""), from_hex("06072a8648ce3d0201"), from_hex("06072a8648ce3d0c01"));
  const Certificate certificate = Certificate::from_der(der);
  EXPECT_EQ(certificate.key().bits, 0);
  EXPECT_EQ(certificate.key().type, "1.2.840.10045.12.1");
  EXPECT_FALSE(certificate.is_self_signed());
  EXPECT_FALSE(PrivateKey::generate(KeyType::ecdsa_p256).belongs_to(certificate));
}

TEST_F(CertificateTest, NamesKeysAndSignatures) {
  struct Case {
    const char* make_key;
    const char* options;
    const char* type;
    int bits;
    const char* algorithm;
    const char* digest;
  };
  const Case cases[] = {
      {"openssl genrsa -out k.key 1024", "-sha1", "RSA", 1024, "sha1WithRSAEncryption", "SHA1"},
      {"openssl genrsa -out k.key 1024", "-md5", "RSA", 1024, "md5WithRSAEncryption", "MD5"},
      {"openssl genrsa -out k.key 1024", "-sigopt rsa_padding_mode:pss -sha384", "RSA", 1024, "rsassaPss", "SHA384"},
      {"openssl genpkey -algorithm ED25519 -out k.key", "", "Ed25519", 256, "ED25519", ""},
      {"openssl ecparam -genkey -noout -name secp521r1 -out k.key", "-sha512", "EC P-521", 521, "ecdsa-with-SHA512",
       "SHA512"},
      {"openssl ecparam -genkey -noout -name secp256k1 -out k.key", "", "EC secp256k1", 256, "ecdsa-with-SHA256",
       "SHA256"},
      {"openssl ecparam -genkey -noout -name prime256v1 -param_enc explicit -out k.key", "", "EC explicit", 256,
       "ecdsa-with-SHA256", "SHA256"},
  };
  for (const Case& one : cases) {
    shop_->run(std::string(one.make_key) +
               " && openssl req -x509 -new -key k.key -subj /CN=k -outform DER -out k.der " + one.options);
    const Certificate certificate = Certificate::from_der(shop_->read("k.der"));
    EXPECT_EQ(certificate.key().type, one.type);
    EXPECT_EQ(certificate.key().bits, one.bits);
    EXPECT_EQ(certificate.signature_algorithm(), one.algorithm);
    EXPECT_EQ(certificate.signature_digest(), one.digest);
    EXPECT_TRUE(certificate.is_self_signed()) << one.make_key << one.options;
  }
}

TEST_F(CertificateTest, TakesExactlyOneCertificate) {
  Bytes der = make_der("/CN=x", "");
  const Bytes whole = der;
  der.push_back(0);
  EXPECT_EQ(code_of([&] { (void)Certificate::from_der(der); }), "trailing-bytes");
  der = whole;
  der.pop_back();
  EXPECT_EQ(code_of([&] { (void)Certificate::from_der(der); }), "not-a-certificate");
  EXPECT_EQ(code_of([&] { (void)Certificate::from_der({}); }), "not-a-certificate");
  EXPECT_EQ(code_of([&] { (void)Certificate::from_der(view_of("hello")); }), "not-a-certificate");
  EXPECT_EQ(code_of([&] { (void)Certificate::from_der(Bytes(2'000'000, 0x30)); }), "not-a-certificate");
}

// Ours reads the parts by a description of its own (plain_certificate.h), which leaves the key undecoded.
TEST_F(CertificateTest, TakesAndRefusesWhatOpensslDoes) {
  const Bytes whole = make_der("/O=Example/CN=x", "basicConstraints=critical,CA:TRUE\nsubjectAltName=DNS:a.example\n");
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const std::uint8_t flip : std::initializer_list<std::uint8_t>{0x01, 0x04, 0x20, 0x80, 0xff}) {
      Bytes der = whole;
      der[at] ^= flip;
      const unsigned char* start = der.data();
      X509* theirs = d2i_X509(nullptr, &start, static_cast<long>(der.size()));
      const bool is_theirs = theirs != nullptr && start == der.data() + der.size();
      X509_free(theirs);
      bool is_ours = true;
      try {
        const Certificate certificate = Certificate::from_der(der);
        EXPECT_NE(certificate.native(), nullptr);
        (void)certificate.key();
      } catch (const Failure&) {
        is_ours = false;
      }
      EXPECT_EQ(is_ours, is_theirs) << "byte " << at << " xor " << int{flip};
      ++(is_ours ? taken : refused);
    }
  }
  EXPECT_GT(taken, 100U);
  EXPECT_GT(refused, 100U);
}

Bytes sequence_of(ByteView content) {
  Bytes out{0x30, 0x82, static_cast<std::uint8_t>(content.size() >> 8U), static_cast<std::uint8_t>(content.size())};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

// The same certificate with `more` in front of its extensions; nobody looks at its signature here.
Bytes with_before_extensions(ByteView certificate, const Bytes& more) {
  ByteView in = der::next(certificate, der::sequence)->content;
  ByteView contents = der::next(in, der::sequence)->content;
  constexpr std::uint8_t extensions = 0xa3;
  Bytes changed;
  while (!contents.empty()) {
    const auto part = der::next(contents);
    if (part->tag == extensions) changed.insert(changed.end(), more.begin(), more.end());
    changed.insert(changed.end(), part->whole.begin(), part->whole.end());
  }
  Bytes all = sequence_of(changed);
  all.insert(all.end(), in.begin(), in.end());
  return sequence_of(all);
}

TEST_F(CertificateTest, UniqueIdentifiersStandWhereTheyMay) {
  const Bytes whole = make_der("/O=Example/CN=x", "subjectAltName=DNS:a.example\n");
  const Bytes issuer{0x81, 0x02, 0x00, 0x55}, subject{0x82, 0x02, 0x00, 0xaa};
  const auto joined = [](Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  std::size_t taken = 0;
  for (const Bytes& more : {Bytes(), issuer, subject, joined(issuer, subject), joined(subject, issuer),
                            joined(issuer, issuer), Bytes{0x85, 0x02, 0x00, 0x55}, Bytes{0x81, 0x00}}) {
    const Bytes der = with_before_extensions(whole, more);
    const unsigned char* start = der.data();
    X509* theirs = d2i_X509(nullptr, &start, static_cast<long>(der.size()));
    const bool is_theirs = theirs != nullptr;
    X509_free(theirs);
    const std::string code = code_of([&] {
      const Certificate certificate = Certificate::from_der(der);
      EXPECT_EQ(certificate.common_name(), "x");
      ASSERT_EQ(certificate.names().size(), 1U);
    });
    EXPECT_EQ(code, is_theirs ? "" : "not-a-certificate") << more.size();
    taken += is_theirs ? 1 : 0;
  }
  EXPECT_EQ(taken, 4U) << "none, one, the other, and both in their order";
}

}  // namespace
}  // namespace chancery
