#include "tests/keystore/material_fixture.h"

namespace chancery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_F(MaterialTest, OrdinaryPemNeedsNoNote) {
  for (const char* kind : {"ec", "rsa", "ed"}) {
    const Material found =
        read_text(text((std::string(kind) + ".crt").c_str()) + text((std::string(kind) + ".key").c_str()));
    EXPECT_TRUE(is_identity(found)) << kind;
    EXPECT_THAT(codes(found), IsEmpty()) << kind;
  }
  const Material request = read_text(text("ec.csr"));
  ASSERT_EQ(request.requests.size(), 1U);
  EXPECT_EQ(request.requests[0].subject(), "CN=ec.example.com");
}

TEST_F(MaterialTest, MendsTextThatEditorsMade) {
  const std::string pair = text("ec.crt") + text("ec.key");
  EXPECT_THAT(codes(read_text(crlf(pair))), ElementsAre("crlf-line-endings"));
  EXPECT_TRUE(is_identity(read_text(crlf(pair))));
  EXPECT_THAT(codes(read_text("\xef\xbb\xbf" + pair)), ElementsAre("byte-order-mark"));
  EXPECT_TRUE(is_identity(read_text("\xef\xbb\xbf" + pair)));
  const std::string cut = pair.substr(0, pair.size() - 1);
  EXPECT_THAT(codes(read_text(cut)), ElementsAre("missing-final-newline"));
  EXPECT_TRUE(is_identity(read_text(cut)));
  std::string indented = "  ";
  for (const char unit : pair) indented += unit == '\n' ? std::string(" \t\n    ") : std::string(1, unit);
  EXPECT_TRUE(is_identity(read_text(indented)));
  std::string one_line = pair;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  EXPECT_TRUE(is_identity(read_text(one_line)));
  EXPECT_TRUE(is_identity(read_text("\n\n" + text("ec.key") + "\n\n\n" + text("ec.crt"))));
  const Material glued = read_text(text("ec.crt").substr(0, text("ec.crt").size() - 1) + text("ec.key"));
  EXPECT_TRUE(is_identity(glued)) << "two files glued by cat, without a newline between";
}

TEST_F(MaterialTest, LeavesOutTextAroundBlocks) {
  const Material printed = read_made("openssl x509 -in ec.crt -text -out out");
  EXPECT_EQ(printed.certificates.size(), 1U);
  EXPECT_THAT(codes(printed), ElementsAre("text-around-blocks"));
  const Material bags = read_made(
      "openssl pkcs12 -export -in ec.crt -inkey ec.key -passout pass:x | "
      "openssl pkcs12 -passin pass:x -nodes -out out");
  EXPECT_TRUE(is_identity(bags));
  EXPECT_THAT(codes(bags), ElementsAre("text-around-blocks"));
}

TEST_F(MaterialTest, TakesOpensslsOwnLabels) {
  const Material trusted = read_made("openssl x509 -in ec.crt -trustout -addtrust serverAuth -setalias x -out out");
  EXPECT_EQ(trusted.certificates, read_text(text("ec.crt")).certificates);
  EXPECT_THAT(codes(trusted), ElementsAre("trusted-certificate-block"));
  const Material old = read_made("sed 's/ CERTIFICATE/ X509 CERTIFICATE/' ec.crt > out");
  EXPECT_EQ(old.certificates.size(), 1U);
  EXPECT_THAT(codes(old), IsEmpty());
  EXPECT_EQ(read_made("sed 's/ CERTIFICATE/ NEW CERTIFICATE/' ec.csr > out").requests.size(), 1U);
}

TEST_F(MaterialTest, TakesSeveralBlocksInAnyOrder) {
  const Material found =
      read_text(text("ec.key") + text("rsa.crt") + text("ec.crt") + text("rsa.crt") + text("ed.key"));
  ASSERT_EQ(found.certificates.size(), 3U);
  EXPECT_EQ(found.certificates[0].common_name(), "rsa.example.com");
  EXPECT_EQ(found.certificates[1].common_name(), "ec.example.com");
  EXPECT_EQ(found.keys.size(), 2U);
  ASSERT_THAT(codes(found), ElementsAre("duplicate-certificate"));
  EXPECT_THAT(found.notes[0].subject, HasSubstr("portal.file, block 5 (line "));
}

TEST_F(MaterialTest, TakesDerOfEveryKind) {
  const char* certificate = "openssl x509 -in rsa.crt -outform DER -out out";
  EXPECT_THAT(codes(read_made(certificate)), ElementsAre("converted-from-der"));
  EXPECT_EQ(read_made(certificate).certificates, read_text(text("rsa.crt")).certificates);
  for (const char* command :
       {"openssl rsa -in rsa.key -traditional -outform DER -out out", "openssl ec -in ec.key -outform DER -out out",
        "openssl pkcs8 -topk8 -nocrypt -in rsa.key -outform DER -out out",
        "openssl pkcs8 -topk8 -nocrypt -in ec.key -outform DER -out out",
        "openssl pkcs8 -topk8 -nocrypt -in ed.key -outform DER -out out"}) {
    const Material found = read_made(command);
    EXPECT_EQ(found.keys.size(), 1U) << command;
    EXPECT_THAT(codes(found), ElementsAre("converted-from-der")) << command;
  }
  EXPECT_EQ(read_made("openssl req -in ec.csr -outform DER -out out").requests.size(), 1U);
  const Material encrypted =
      read_made("openssl pkcs8 -topk8 -in ec.key -passout file:pass -outform DER -out out", "correct horse");
  EXPECT_EQ(encrypted.keys.size(), 1U);
  EXPECT_THAT(codes(encrypted), ElementsAre("converted-from-der"));
}

TEST_F(MaterialTest, TakesPkcs7) {
  for (const char* form : {"DER", "PEM"}) {
    const Material found =
        read_made("openssl crl2pkcs7 -nocrl -certfile rsa.crt -certfile ec.crt -out out -outform " + std::string(form));
    ASSERT_EQ(found.certificates.size(), 2U) << form;
    EXPECT_EQ(found.certificates[0].common_name(), "rsa.example.com");
    EXPECT_THAT(codes(found), ElementsAre("converted-from-pkcs7"));
  }
  const Material signed_mail =
      read_made("echo x | openssl cms -sign -signer ec.crt -inkey ec.key -outform DER -nodetach -keyid -out out");
  EXPECT_EQ(signed_mail.certificates.size(), 1U);
  EXPECT_THAT(codes(read_made("echo x | openssl cms -encrypt -outform DER -out out rsa.crt")),
              ElementsAre("not-a-certificate"));
}

TEST_F(MaterialTest, TakesPkcs12OfEveryAge) {
  const std::string both = "openssl pkcs12 -export -in pair -out out -passout file:pass ";
  const Material modern = read_made(both, "correct horse");
  EXPECT_TRUE(is_identity(modern));
  EXPECT_THAT(codes(modern), ElementsAre("converted-from-pkcs12"));
  for (const char* options : {"-legacy", "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
                              "-descert -legacy", "-keypbe des-ede3-cbc -certpbe des-ede3-cbc"}) {
    const Material old = read_made(both + options, "correct horse");
    EXPECT_TRUE(is_identity(old)) << options;
    EXPECT_THAT(codes(old), UnorderedElementsAre("converted-from-pkcs12", "legacy-encryption")) << options;
  }
  EXPECT_TRUE(is_identity(read_made(both + "-keypbe NONE -certpbe NONE", "correct horse")));
  const Material chain = read_made(both + "-certfile rsa.crt -name portal", "correct horse");
  ASSERT_EQ(chain.certificates.size(), 2U);
  EXPECT_EQ(chain.certificates[0].common_name(), "ec.example.com");
}

TEST_F(MaterialTest, TakesStoresOfOtherTools) {
  const Material java = read_made(
      "rm -f out; keytool -genkeypair -alias portal -keyalg EC -dname CN=portal -keystore out -storetype PKCS12 "
      "-storepass 'correct horse'",
      "correct horse");
  EXPECT_TRUE(is_identity(java));
  const Material gnutls = read_made(
      "certtool --to-p12 --load-certificate ec.crt "
      "--load-privkey ec.p8 --p12-name portal --password 'correct horse' --outfile out",
      "correct horse");
  EXPECT_TRUE(is_identity(gnutls)) << "certtool writes PEM around PKCS#12";
}

TEST_F(MaterialTest, AbsentAndEmptyPasswordsAreBothTried) {
  EXPECT_TRUE(is_identity(read_made("openssl pkcs12 -export -in pair -out out -passout pass:")));
  EXPECT_TRUE(is_identity(read_made("openssl pkcs12 -export -legacy -in pair -out out -passout pass:")));
  // GnuTLS can write the null password, OpenSSL the empty one.
  EXPECT_TRUE(
      is_identity(read_made("certtool --to-p12 --load-certificate ec.crt --load-privkey ec.p8 --p12-name portal "
                            "--null-password --password '' --outder --outfile out")));
}

TEST_F(MaterialTest, AStoreThatLostItsMacIsNotBelieved) {
  const Material bare =
      read_made("openssl pkcs12 -export -in pair -out out -nomac -passout file:pass", "correct horse");
  EXPECT_TRUE(bare.keys.empty());
  EXPECT_THAT(codes(bare), ElementsAre("damaged-block"));
  const Material open_key =
      read_made("openssl pkcs12 -export -in pair -out out -nomac -keypbe NONE -certpbe NONE -passout pass:");
  EXPECT_TRUE(open_key.keys.empty());
  const Material certificates =
      read_made("openssl pkcs12 -export -nokeys -in ec.crt -out out -nomac -certpbe NONE -passout pass:");
  EXPECT_EQ(certificates.certificates.size(), 1U) << "password-less stores of certificates are ordinary in Java";
}

TEST_F(MaterialTest, OpensEncryptedKeysOfBothKinds) {
  const std::string pass = " -passout file:pass -out out ";
  struct Case {
    std::string command;
    bool is_legacy;
  };
  const Case cases[] = {
      {"openssl pkcs8 -topk8 -in rsa.key" + pass, false},
      {"openssl pkcs8 -topk8 -in ed.key -v2 aes-128-cbc" + pass, false},
      {"openssl pkcs8 -topk8 -in ec.key -scrypt" + pass, false},
      {"openssl pkcs8 -topk8 -in ec.key -v2 des3" + pass, true},
      {"openssl pkcs8 -topk8 -in ec.key -v1 PBE-MD5-DES -provider legacy -provider default" + pass, true},
      {"openssl pkcs8 -topk8 -in ec.key -v1 PBE-SHA1-RC2-40 -provider legacy -provider default" + pass, true},
      {"openssl rsa -in rsa.key -traditional -aes128" + pass, true},
      {"openssl rsa -in rsa.key -traditional -des3" + pass, true},
      {"openssl rsa -in rsa.key -traditional -des -provider legacy -provider default" + pass, true},
      {"openssl ec -in ec.key -aes256" + pass, true},
  };
  for (const Case& one : cases) {
    const Material opened = read_made(one.command, "correct horse");
    EXPECT_EQ(opened.keys.size(), 1U) << one.command;
    EXPECT_EQ(codes(opened), one.is_legacy ? std::vector<std::string>{"legacy-encryption"} : std::vector<std::string>{})
        << one.command;
    const Bytes file = shop_->read("out");
    for (const char* passphrase : {static_cast<const char*>(nullptr), "wrong", ""}) {
      const Material locked = read(file, passphrase);
      EXPECT_TRUE(locked.keys.empty());
      ASSERT_THAT(codes(locked), ElementsAre("key-encrypted")) << one.command;
      EXPECT_THAT(locked.notes[0].hint, HasSubstr("--passphrase-file"));
      EXPECT_THAT(locked.notes[0].hint, HasSubstr("openssl pkey -in portal.file -out portal.file.plain"));
    }
    EXPECT_EQ(read(view_of(crlf(std::string(text_of(file)))), "correct horse").keys.size(), 1U) << one.command;
  }
  const Bytes store = [] {
    shop_->run("openssl pkcs12 -export -in pair -out out -passout file:pass");
    return shop_->read("out");
  }();
  for (const char* passphrase : {static_cast<const char*>(nullptr), "wrong"}) {
    const Material locked = read(store, passphrase);
    EXPECT_TRUE(locked.keys.empty() && locked.certificates.empty());
    EXPECT_THAT(codes(locked), ElementsAre("key-encrypted"));
  }
}

TEST_F(MaterialTest, TakesKeysInUnusualForms) {
  // The curve only in the EC PARAMETERS block before it: [0] is taken out of a P-256 key.
  Bytes sec1 = [] {
    shop_->run("openssl ec -in ec.key -outform DER -out out");
    return shop_->read("out");
  }();
  const Bytes curve = from_hex("a00a06082a8648ce3d030107");
  const auto at = std::search(sec1.begin(), sec1.end(), curve.begin(), curve.end());
  ASSERT_NE(at, sec1.end());
  sec1.erase(at, at + static_cast<std::ptrdiff_t>(curve.size()));
  sec1[1] = static_cast<std::uint8_t>(sec1[1] - curve.size());
  const std::string parameters = text("ec.key").substr(0, text("ec.key").find("-----BEGIN EC PRIVATE"));
  const std::string key = "-----BEGIN EC PRIVATE KEY-----\n" + to_base64(sec1) + "\n-----END EC PRIVATE KEY-----\n";
  EXPECT_TRUE(is_identity(read_text(parameters + key + text("ec.crt"))));
  EXPECT_THAT(codes(read_text(key)), ElementsAre("damaged-block"));
  // PKCS#8 version 2 with its public key, as RFC 8410 shows it and OpenSSL 3.0 refuses it.
  const Material version_2 = read_text(
      "-----BEGIN PRIVATE KEY-----\nMHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_EQ(version_2.keys.size(), 1U);
  EXPECT_THAT(codes(version_2), IsEmpty());
  EXPECT_EQ(to_hex(version_2.keys[0].public_key_der()).substr(24),
            "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
}

}  // namespace
}  // namespace chancery
