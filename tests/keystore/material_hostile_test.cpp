#include "tests/keystore/material_fixture.h"

namespace chancery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  const double start = processor_seconds();
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
  EXPECT_LT(processor_seconds() - start, 3);
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
  const double start = processor_seconds();
  (void)read_text(unclosed);
  (void)read_text(std::string(material_limit, '-'));
  (void)read_text("-----BEGIN CERTIFICATE-----" + std::string(material_limit - 100, '\n'));
  (void)read_text("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
                  std::string(material_limit - 100, '\n'));
  EXPECT_LT(processor_seconds() - start, 3);
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
