#include "keystore/x509/material.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "keystore/bytes/text_encoding.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<std::string> codes(const Material& found) {
  std::vector<std::string> out;
  for (const MaterialNote& note : found.notes) {
    out.push_back(note.code);
    EXPECT_FALSE(note.hint.empty()) << note.code;
    EXPECT_FALSE(note.message.empty()) << note.code;
    EXPECT_THAT(note.subject, HasSubstr("portal")) << note.code;
  }
  return out;
}

// One identity in three kinds of key, made once.
class MaterialTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run(
        "echo 'correct horse' >pass && openssl ecparam -genkey -name prime256v1 -out ec.key && "
        "openssl genrsa -traditional -out rsa.key 2048 && openssl genpkey -algorithm ED25519 -out ed.key && "
        "for k in ec rsa ed; do openssl req -x509 -new -key $k.key -subj /CN=$k.example.com -days 30 -out $k.crt || "
        "exit 1; done && "
        "openssl req -new -key ec.key -subj /CN=ec.example.com -out ec.csr");
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }

  static Material read(ByteView bytes, const char* passphrase = nullptr) {
    const SecretBytes secret = secret_copy(std::string_view(passphrase == nullptr ? "" : passphrase));
    return read_material(bytes, {.source = "portal.file", .passphrase = passphrase == nullptr ? nullptr : &secret});
  }
  static Material read_text(std::string_view text) { return read(view_of(text)); }
  static Material read_made(const std::string& command, const char* passphrase = nullptr) {
    shop_->run(command);
    return read(shop_->read("out"), passphrase);
  }
  static std::string text(const char* name) { return shop_->text(name); }
  static bool is_identity(const Material& found) {
    return found.certificates.size() == 1 && found.keys.size() == 1 && found.keys[0].belongs_to(found.certificates[0]);
  }
  static std::string crlf(const std::string& text) {
    std::string out;
    for (const char unit : text) out += unit == '\n' ? std::string("\r\n") : std::string(1, unit);
    return out;
  }
  static Bytes replaced(Bytes der, const std::string& from_hex_text, const std::string& to_hex_text) {
    const Bytes from = from_hex(from_hex_text), to = from_hex(to_hex_text);
    auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
    EXPECT_NE(at, der.end());
    for (; at != der.end(); at = std::search(at, der.end(), from.begin(), from.end())) {
      std::copy(to.begin(), to.end(), at);
    }
    return der;
  }

  static Workshop* shop_;
};
Workshop* MaterialTest::shop_ = nullptr;

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
  const std::string both = "cat ec.crt ec.key > pair && openssl pkcs12 -export -in pair -out out -passout file:pass ";
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
      "openssl pkcs8 -topk8 -nocrypt -in ec.key -out ec.p8 && certtool --to-p12 --load-certificate ec.crt "
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

TEST_F(MaterialTest, SaysWhatIsDamaged) {
  const std::string certificate = text("ec.crt");
  std::string broken = certificate;
  broken[broken.size() / 2] = '!';
  EXPECT_THAT(codes(read_text(broken)), ElementsAre("damaged-block"));
  EXPECT_THAT(codes(read_text(certificate.substr(0, certificate.size() / 2) + "\n")), ElementsAre("damaged-block"));
  std::string swapped = certificate;
  swapped.replace(swapped.find("END CERTIFICATE"), 15, "END PRIVATE KEY");
  EXPECT_THAT(codes(read_text(swapped)), ElementsAre("damaged-block"));
  // A block that was never closed does not swallow the one behind it.
  const Material after = read_text(certificate.substr(0, 200) + "\n" + text("rsa.crt"));
  ASSERT_EQ(after.certificates.size(), 1U);
  EXPECT_THAT(codes(after), ElementsAre("damaged-block"));
  // Bytes after the DER, inside the block.
  Bytes der = read_text(certificate).certificates.at(0).der();
  der.push_back(0);
  const auto block = [](const char* label, ByteView bytes) {
    return std::string("-----BEGIN ") + label + "-----\n" + to_base64(bytes) + "\n-----END " + label + "-----\n";
  };
  const Material trailing = read_text(block("CERTIFICATE", der));
  EXPECT_TRUE(trailing.certificates.empty());
  EXPECT_THAT(codes(trailing), ElementsAre("damaged-block"));
  EXPECT_TRUE(read(der).certificates.empty());
  const Material mislabelled = read_text(block("CERTIFICATE", read_text(text("ec.csr")).requests.at(0).der()));
  ASSERT_THAT(codes(mislabelled), ElementsAre("not-a-certificate"));
  EXPECT_THAT(mislabelled.notes[0].message, HasSubstr("request"));
  EXPECT_THAT(codes(read_text(block("CERTIFICATE", from_hex("3003020101")))), ElementsAre("not-a-certificate"));
  EXPECT_THAT(codes(read_text(block("PRIVATE KEY", der))), ElementsAre("damaged-block"));
  EXPECT_THAT(codes(read_text(block("PRIVATE KEY", from_hex("3000")))), ElementsAre("damaged-block"));
  for (const char* label : {"PKCS7", "PKCS12", "ENCRYPTED PRIVATE KEY", "CERTIFICATE REQUEST", "EC PRIVATE KEY"}) {
    EXPECT_THAT(codes(read_text(block(label, from_hex("3003020101")))), ElementsAre("damaged-block")) << label;
  }
}

TEST_F(MaterialTest, LeavesOutWhatIsNotNeeded) {
  shop_->run(
      "openssl dsaparam -out dsa.param -genkey 1024 && openssl pkey -in ec.key -pubout -out ec.pub && "
      "openssl genpkey -algorithm X25519 -out x.key && touch index && printf "
      "'[ca]\\ndefault_ca=c\\n[c]\\ndatabase=index\\n"
      "default_md=sha256\\ndefault_crl_days=9\\n' > ca.cnf && "
      "openssl ca -config ca.cnf -gencrl -keyfile ec.key -cert ec.crt -out crl.pem");
  for (const char* name : {"ec.pub", "x.key", "crl.pem"}) {
    const Material found = read(shop_->read(name));
    EXPECT_TRUE(found.keys.empty() && found.certificates.empty()) << name;
    EXPECT_THAT(codes(found), ElementsAre("unused-block")) << name;
  }
  EXPECT_THAT(codes(read(shop_->read("dsa.param"))), ElementsAre("unused-block", "unused-block"));
  EXPECT_THAT(codes(read_made("openssl crl -in crl.pem -outform DER -out out")), ElementsAre("unused-block"));
  EXPECT_THAT(codes(read_made("openssl pkey -pubin -in ec.pub -outform DER -out out")), ElementsAre("unused-block"));
  const Material odd = read_text(
      "-----BEGIN \x1b[31mEVIL-----\nMAA=\n-----END \x1b[31mEVIL-----\n-----BEGIN MESSAGE-----\nMAA=\n-----END "
      "MESSAGE-----\n");
  EXPECT_THAT(codes(odd), ElementsAre("unused-block", "text-around-blocks"));
}

TEST_F(MaterialTest, MeasuresIterationsBeforeItComputesThem) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  // 70000 (02 03 01 11 70) becomes 8388607, in place.
  shop_->run("openssl pkcs12 -export -in pair -out out -passout file:pass -iter 70000");
  const Bytes store = replaced(shop_->read("out"), "0203011170", "02037fffff");
  const Material refused = read(store, "correct horse");
  EXPECT_TRUE(refused.keys.empty() && refused.certificates.empty());
  EXPECT_THAT(codes(refused), ElementsAre("too-large"));
  shop_->run("openssl pkcs8 -topk8 -in ec.key -iter 70000 -passout file:pass -outform DER -out out");
  const Material key = read(replaced(shop_->read("out"), "0203011170", "02037fffff"), "correct horse");
  EXPECT_THAT(codes(key), ElementsAre("converted-from-der", "too-large"));
  // scrypt: r = 8, p = 1 become 127 and 127.
  shop_->run("openssl pkcs8 -topk8 -in ec.key -scrypt -passout file:pass -outform DER -out out");
  const Material memory =
      read(replaced(shop_->read("out"), "02024000020108020101", "0202400002017f02017f"), "correct horse");
  EXPECT_THAT(codes(memory), ElementsAre("converted-from-der", "too-large"));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST_F(MaterialTest, NamesWhatTheFileIsInstead) {
  shop_->run(
      "rm -f out; keytool -importcert -noprompt -alias a -file ec.crt -keystore out -storetype JKS -storepass "
      "changeit");
  const auto expect = [](const Material& found, const char* message, const char* hint) {
    ASSERT_THAT(codes(found), ElementsAre("not-pem")) << message;
    EXPECT_THAT(found.notes[0].message, HasSubstr(message));
    EXPECT_THAT(found.notes[0].hint, HasSubstr(hint));
  };
  expect(read(shop_->read("out")), "Java keystore (JKS)", "chancery keystore export");
  expect(read(shop_->read("out")), "Java keystore (JKS)", "keytool");
  expect(read(from_hex("cececece00000002")), "JCEKS", "keytool");
  expect(read_text("  <!DOCTYPE html><html>Not found</html>"), "web page", "CA");
  expect(read_text("<html>\n"), "web page", "CA");
  expect(
      read_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
      "OpenSSH", "ssh-keygen -p -m PKCS8");
  expect(read_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI user@host\n"), "SSH public key", "X.509");
  expect(read_text("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n"), "SSH public key",
         "X.509");
  expect(read_text(
             "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\nmQEN\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"),
         "PGP", "X.509");
  expect(read_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), "PuTTY", "PuTTYgen");
  expect(read_text(std::string("PK\x03\x04", 4) + "rest"), "zip", "unpack");
  expect(read_text("{\"kty\":\"EC\"}"), "JSON", "PEM");
  expect(read_text("hello\n"), "no PEM block", "BEGIN CERTIFICATE");
  expect(read_made("openssl x509 -in ec.crt -outform DER | head -c 300 > out"), "cut short", "binary");
  expect(read_made("grep -v -- ----- ec.crt > out"), "without its BEGIN", "-----BEGIN");
  std::string wide = "\xff\xfe";
  for (const char unit : text("ec.crt")) wide += {unit, '\0'};
  expect(read_text(wide), "UTF-16", "iconv");
  expect(read_text(wide.substr(2)), "UTF-16", "iconv");
}

TEST_F(MaterialTest, EmptyAndTooLarge) {
  EXPECT_THAT(codes(read({})), ElementsAre("empty-input"));
  EXPECT_THAT(codes(read_text(" \r\n\t\n")), ElementsAre("empty-input"));
  EXPECT_THAT(codes(read_text("\xef\xbb\xbf")), ElementsAre("byte-order-mark", "empty-input"));
  EXPECT_THAT(codes(read(Bytes(material_limit + 1, 'x'))), ElementsAre("too-large"));
  std::string many;
  for (int count = 0; count < 20'050; ++count) many += "-----BEGIN A-----\n-----END A-----\n";
  const Material found = read_text(many);
  EXPECT_EQ(found.notes.size(), 20'001U);
  EXPECT_EQ(found.notes.back().code, "too-large");
}

TEST_F(MaterialTest, HostileTextTakesLinearTime) {
  std::string unclosed;
  while (unclosed.size() < material_limit - 20) unclosed += "-----BEGIN A-----";
  const auto start = std::chrono::steady_clock::now();
  (void)read_text(unclosed);
  (void)read_text(std::string(material_limit, '-'));
  (void)read_text("-----BEGIN CERTIFICATE-----" + std::string(material_limit - 100, '\n'));
  (void)read_text("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
                  std::string(material_limit - 100, '\n'));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(MaterialTest, TakesDebiansWholeBundle) {
  std::ifstream in("/etc/ssl/certs/ca-certificates.crt", std::ios::binary);
  const Bytes bundle{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  ASSERT_FALSE(bundle.empty());
  const Material found = read(bundle);
  EXPECT_GT(found.certificates.size(), 100U);
  EXPECT_THAT(codes(found), IsEmpty());
  for (const Certificate& root : found.certificates) EXPECT_TRUE(root.is_self_signed()) << root.subject();
}

TEST_F(MaterialTest, HugeRsaNumbersAreRefusedBeforeOpensslComputesWithThem) {
  // PKCS#1 with nine numbers, one of them of 3000 bytes.
  const auto number = [](std::size_t size) {
    Bytes out{0x02, 0x82, static_cast<std::uint8_t>(size >> 8U), static_cast<std::uint8_t>(size)};
    out.resize(out.size() + size, 0x55);
    return out;
  };
  Bytes inside{0x02, 0x01, 0x00};
  for (const std::size_t size : std::initializer_list<std::size_t>{256, 3, 256, 3000, 128, 128, 128, 128}) {
    const Bytes part = number(size);
    inside.insert(inside.end(), part.begin(), part.end());
  }
  Bytes der{0x30, 0x82, static_cast<std::uint8_t>(inside.size() >> 8U), static_cast<std::uint8_t>(inside.size())};
  der.insert(der.end(), inside.begin(), inside.end());
  const Material found = read(der);
  EXPECT_TRUE(found.keys.empty());
  EXPECT_THAT(codes(found), ElementsAre("converted-from-der", "too-large"));
}

}  // namespace
}  // namespace chancery
