// The root's key as it may be kept: in clear, encrypted, off the appliance, in a PKCS#11 token (SoftHSM).
#include "appliance/authority/root_key.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "appliance/authority/certificate_writer.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/fixture.h"
#include "tests/federation/token.h"

namespace chancery::authority {
namespace {

using testing::run_command;
using testing::SoftToken;
using testing::TemporaryFolder;

const SecretBytes passphrase = secret_copy(std::string_view("a long passphrase"));
const SecretBytes other_passphrase = secret_copy(std::string_view("another passphrase"));

class RootKeyTest : public ::testing::Test {
 protected:
  Certificate root_of(const RootKey& key) const {
    const Bytes public_key = key.signer().public_key_der();
    const Bytes name = subject_name("A test", "A root");
    const Instant now = system_now();
    return Certificate::from_der(
        write_certificate(key.signer(), {.serial = new_serial(system_now()),
                                         .issuer = name,
                                         .not_before = now - std::chrono::hours{1},
                                         .not_after = now + std::chrono::hours{24},
                                         .subject = name,
                                         .public_key_der = public_key,
                                         .extensions = root_extensions(key_identifier(public_key))}));
  }
  std::string open_code(const Certificate& root, const RootAccess& access) const {
    return code_of([&] { (void)RootKey::open(folder_, root, access); });
  }

  TemporaryFolder place_;
  Folder folder_ = Folder::open(place_.path());
};

TEST_F(RootKeyTest, InClearItSignsWithoutMore) {
  const RootKey made = RootKey::create({});
  made.keep(folder_, {.mode = 0600}, {});
  const Certificate root = root_of(made);
  EXPECT_EQ(root_key_place(folder_), RootKeyPlace::clear);
  EXPECT_EQ(root_of(RootKey::open(folder_, root, {})).key_digest(), root.key_digest());
}

TEST_F(RootKeyTest, EncryptedItOpensWithItsPassphraseAndForOpenssl) {
  const RootKeeping keeping{.key_type = KeyType::rsa_3072, .passphrase = passphrase};
  const RootKey made = RootKey::create(keeping);
  made.keep(folder_, {.mode = 0600}, keeping);
  const Certificate root = root_of(made);
  EXPECT_EQ(root_key_place(folder_), RootKeyPlace::encrypted);
  EXPECT_EQ(open_code(root, {}), "root-key-locked");
  EXPECT_EQ(open_code(root, {.passphrase = other_passphrase}), "root-key-locked");
  EXPECT_EQ(open_code(root, {.passphrase = passphrase}), "");

  place_.write("passphrase", view_of(passphrase));
  const auto public_key =
      run_command("openssl pkey -in " + place_.file("root.key") + " -passin file:" + place_.file("passphrase") +
                  " -pubout -outform DER | openssl sha256 -r");
  EXPECT_EQ(public_key.output.substr(0, 64), to_hex(root.key_digest()));
  const auto parsed = run_command("openssl asn1parse -in " + place_.file("root.key"));
  EXPECT_NE(parsed.output.find("scrypt"), std::string::npos) << parsed.output;
  EXPECT_NE(parsed.output.find("aes-256-cbc"), std::string::npos) << parsed.output;
}

TEST_F(RootKeyTest, OffTheApplianceTheExportedFileSignsAndNothingElseDoes) {
  const RootKey made = RootKey::create({});
  made.keep(folder_, {.mode = 0600}, {});
  const Certificate root = root_of(made);
  const SecretBytes exported = RootKey::open(folder_, root, {}).sealed(passphrase);
  forget_root_key(folder_);
  forget_root_key(folder_);  // nothing to do is fine
  EXPECT_FALSE(folder_.status("root.key"));
  EXPECT_EQ(root_key_place(folder_), RootKeyPlace::elsewhere);

  EXPECT_EQ(open_code(root, {}), "root-key-absent");
  EXPECT_EQ(open_code(root, {.passphrase = passphrase}), "root-key-absent");
  EXPECT_EQ(open_code(root, {.key_file = exported, .key_name = "root.key"}), "root-key-locked");
  EXPECT_EQ(open_code(root, {.key_file = exported, .passphrase = other_passphrase}), "root-key-locked");
  EXPECT_EQ(open_code(root, {.key_file = RootKey::create({}).sealed(passphrase), .passphrase = passphrase}),
            "root-key-wrong");
  EXPECT_EQ(open_code(root, {.key_file = secret_copy(std::string_view("no key"))}), "root-key-wrong");
  const RootKey opened = RootKey::open(folder_, root, {.key_file = exported, .passphrase = passphrase});
  EXPECT_EQ(opened.signer().key_digest(), root.key_digest());
}

TEST_F(RootKeyTest, AShortPassphraseProtectsNothing) {
  const SecretBytes eleven = secret_copy(std::string_view("abcdefghijk"));
  EXPECT_EQ(code_of([&] { (void)RootKey::create({.passphrase = eleven}); }), "passphrase-weak");
  EXPECT_EQ(code_of([&] { (void)RootKey::create({}).sealed(eleven); }), "passphrase-weak");
}

TEST_F(RootKeyTest, ATokenSignsAndKeepsItsKey) {
  const SoftToken token(place_);
  for (const std::string name : {"ec", "rsa"}) {
    token.make_key(name);
    const RootKeeping keeping{.token_uri = token.uri(name), .pin = token.pin()};
    std::optional<RootKey> made = RootKey::create(keeping);
    made->keep(folder_, {.mode = 0600}, keeping);
    EXPECT_EQ(root_key_place(folder_), RootKeyPlace::token);
    EXPECT_FALSE(folder_.status("root.key"));
    EXPECT_EQ(code_of([&] { (void)made->sealed(passphrase); }), "root-key-in-token");
    const Certificate root = root_of(RootKey::open(folder_, root_of(*made), {.pin = token.pin()}));
    made.reset();
    place_.write("root.pem", view_of(root.to_pem()));
    const auto verified =
        run_command("openssl verify -x509_strict -CAfile " + place_.file("root.pem") + " " + place_.file("root.pem"));
    EXPECT_EQ(verified.exit_code, 0) << verified.output;

    EXPECT_EQ(open_code(root, {}), "root-key-locked");
    EXPECT_EQ(open_code(root, {.pin = secret_copy(std::string_view("999999"))}), "root-key-locked");
    EXPECT_EQ(open_code(root, {.pin = token.pin()}), "");
    EXPECT_EQ(code_of([&] { (void)RootKey::create({.token_uri = token.uri_for_p11_kit(name), .pin = token.pin()}); }),
              "token-unavailable");
    EXPECT_EQ(open_code(root_of(RootKey::create({})), {.pin = token.pin()}), "root-key-wrong");
  }
}

TEST_F(RootKeyTest, ATokensLibraryIsFoundByP11KitAsWell) {
  if (::getenv("CHANCERY_TEST_P11_KIT") == nullptr) {  // one library a process
    const auto inner = run_command("CHANCERY_TEST_P11_KIT=1 /proc/" + std::to_string(::getpid()) +
                                   "/exe --gtest_filter=RootKeyTest.ATokensLibraryIsFoundByP11KitAsWell");
    EXPECT_EQ(inner.exit_code, 0) << inner.output;
    return;
  }
  const SoftToken token(place_);
  token.make_key("ec");
  const std::string uri = token.uri_for_p11_kit("ec");
  const SecretBytes wrong = secret_copy(std::string_view("999999"));
  EXPECT_EQ(code_of([&] { (void)RootKey::create({.token_uri = uri, .pin = wrong}); }), "root-key-locked");
  const RootKey key = RootKey::create({.token_uri = uri, .pin = token.pin()});
  EXPECT_EQ(key.signer().description().type, "EC P-256");
}

TEST_F(RootKeyTest, UrisThatTellASecretOrNoKeyAreRefused) {
  const SecretBytes pin = secret_copy(std::string_view("123456"));
  for (const std::string uri :
       {"pkcs11:", "root.key", "pkcs11:token=root", "pkcs11:token=root;object=key?pin-value=123456",
        "pkcs11:token=root;object=key;pin-source=file:/etc/pin", "pkcs11:object=a key",
        "pkcs11:object=key?module-path=lib.so"}) {
    try {
      (void)RootKey::create({.token_uri = uri, .pin = pin});
      ADD_FAILURE() << uri;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "bad-token-uri") << uri;
      EXPECT_EQ(std::string(failure.what()).find("123456"), std::string::npos);
    }
  }
  EXPECT_EQ(code_of([&] {
              (void)RootKey::create({.token_uri = "pkcs11:object=key?module-path=/no/such/lib.so", .pin = pin});
            }),
            "token-unavailable");
}

}  // namespace
}  // namespace chancery::authority
