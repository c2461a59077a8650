// The authority against other people's eyes: OpenSSL in strict mode, GnuTLS and Java judge what it issues.
#include "appliance/authority/authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>
#include <thread>

#include "appliance/authority/certificate_writer.h"
#include "appliance/authority/permitted_names.h"
#include "appliance/authority/register.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/fixture.h"
#include "tests/federation/token.h"

namespace chancery::authority {
namespace {

using testing::count_certificates;
using testing::run_command;
using testing::TemporaryFolder;
using testing::TurningClock;

class AuthorityTest : public ::testing::Test {
 protected:
  Authority found(const std::vector<std::string>& names, KeyType type = KeyType::ecdsa_p256) {
    return Authority::create(Folder::create(folder_.file("authority"), {.mode = 0700}), {.mode = 0600},
                             {.federation = federation_, .names = names, .key_type = type}, time_.clock());
  }
  Authority reopen() { return Authority::open(Folder::open(folder_.file("authority")), time_.clock()); }

  Certificate issue(Authority& authority, LeafPurpose purpose, const std::vector<std::string>& names,
                    const PrivateKey& key) {
    const bool is_member = purpose == LeafPurpose::member;
    return authority.issue({.purpose = purpose,
                            .names = names,
                            .member_uri = is_member ? "chancery://" + federation_ + "/member/secondary/engine" : "",
                            .public_key_der = key.public_key_der(),
                            .issued_for = "a test"});
  }

  void write_chain(Authority& authority, const Certificate& leaf) {
    folder_.write("root.pem", view_of(authority.root().to_pem()));
    folder_.write("issuing.pem", view_of(authority.issuing().to_pem()));
    folder_.write("leaf.pem", view_of(leaf.to_pem()));
    folder_.write("chain.pem", view_of(leaf.to_pem() + authority.issuing().to_pem() + authority.root().to_pem()));
  }

  testing::CommandResult openssl_verify(const std::string& purpose) {
    return run_command("openssl verify -x509_strict -purpose " + purpose + " -CAfile " + folder_.file("root.pem") +
                       " -untrusted " + folder_.file("issuing.pem") + " " + folder_.file("leaf.pem"));
  }
  testing::CommandResult gnutls_verify() {
    return run_command("certtool --verify --load-ca-certificate " + folder_.file("root.pem") + " --infile " +
                       folder_.file("chain.pem"));
  }

  TemporaryFolder folder_;
  TurningClock time_;
  std::string federation_ = "3fa2b5c6d7e8f901";
};

const std::vector<std::string> names{"portal.example.com", "portal.internal", "192.0.2.7", "2001:db8::7"};

TEST_F(AuthorityTest, EveryKindOfLeafPassesOpensslStrictAndGnutls) {
  Authority authority = found(names);
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  struct Case {
    LeafPurpose purpose;
    std::vector<const char*> purposes;
  };
  for (const Case& each : {Case{LeafPurpose::server, {"sslserver"}}, Case{LeafPurpose::client, {"sslclient"}},
                           Case{LeafPurpose::member, {"sslserver", "sslclient"}}}) {
    write_chain(authority, issue(authority, each.purpose, names, key));
    for (const char* purpose : each.purposes) {
      const auto openssl = openssl_verify(purpose);
      EXPECT_EQ(openssl.exit_code, 0) << openssl.output;
    }
    const auto gnutls = gnutls_verify();
    EXPECT_EQ(gnutls.exit_code, 0) << gnutls.output;
  }
}

TEST_F(AuthorityTest, PurposeIsExactlyWhatWasAsked) {
  Authority authority = found(names);
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  write_chain(authority, issue(authority, LeafPurpose::server, names, key));
  EXPECT_NE(openssl_verify("sslclient").exit_code, 0);
  write_chain(authority, issue(authority, LeafPurpose::client, names, key));
  EXPECT_NE(openssl_verify("sslserver").exit_code, 0);
}

TEST_F(AuthorityTest, AFederationWithoutAddressesAndOneWithoutDnsNames) {
  const PrivateKey key = PrivateKey::generate(KeyType::ed25519);
  {
    Authority authority = found({"localhost"});
    write_chain(authority, issue(authority, LeafPurpose::member, {"localhost"}, key));
    EXPECT_EQ(openssl_verify("sslserver").exit_code, 0) << openssl_verify("sslserver").output;
    EXPECT_EQ(gnutls_verify().exit_code, 0) << gnutls_verify().output;
  }
  std::filesystem::remove_all(folder_.file("authority"));
  Authority authority = found({"127.0.0.1"});
  write_chain(authority, issue(authority, LeafPurpose::member, {"127.0.0.1"}, key));
  EXPECT_EQ(openssl_verify("sslserver").exit_code, 0) << openssl_verify("sslserver").output;
  EXPECT_EQ(gnutls_verify().exit_code, 0) << gnutls_verify().output;
}

TEST_F(AuthorityTest, EveryTypeOfKeyOnBothSides) {
  for (const KeyType type : {KeyType::ecdsa_p384, KeyType::ecdsa_p521, KeyType::rsa_2048, KeyType::ed25519}) {
    std::filesystem::remove_all(folder_.file("authority"));
    Authority authority = found(names, type);
    write_chain(authority, issue(authority, LeafPurpose::member, names, PrivateKey::generate(type)));
    EXPECT_EQ(openssl_verify("sslserver").exit_code, 0) << openssl_verify("sslserver").output;
    EXPECT_EQ(gnutls_verify().exit_code, 0) << gnutls_verify().output;
  }
}

TEST_F(AuthorityTest, JavaTakesChainsWithMemberUris) {
  Authority authority = found(names);
  write_chain(authority, issue(authority, LeafPurpose::member, names, PrivateKey::generate(KeyType::ecdsa_p256)));
  const std::string source = std::string(CHANCERY_SOURCE_DIR) + "/tests/federation/VerifyChain.java";
  const auto java = run_command("java -Xshare:auto -XX:TieredStopAtLevel=1 " + source + " " + folder_.file("root.pem") +
                                " " + folder_.file("issuing.pem") + " " + folder_.file("leaf.pem"));
  EXPECT_EQ(java.exit_code, 0) << java.output;
}

TEST_F(AuthorityTest, StructureIsWhatTheHeaderPromises) {
  Authority authority = found(names);
  const Certificate root = authority.root();
  const Certificate issuing = authority.issuing();
  const Certificate leaf = issue(authority, LeafPurpose::member, names, PrivateKey::generate(KeyType::ecdsa_p256));
  EXPECT_TRUE(root.is_self_signed());
  EXPECT_TRUE(root.is_ca());
  EXPECT_EQ(root.path_length(), std::nullopt);
  EXPECT_TRUE(issuing.is_signed_by(root));
  EXPECT_EQ(issuing.path_length(), 0);
  EXPECT_TRUE(leaf.is_signed_by(issuing));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_EQ(leaf.common_name(), "portal.example.com");
  EXPECT_EQ(leaf.names().size(), names.size() + 1);
  EXPECT_EQ(leaf.not_before(), *time_.now - std::chrono::hours{1});
  EXPECT_EQ(leaf.serial().size(), 32U);
  EXPECT_FALSE(root.authority_key_id().empty());
  EXPECT_EQ(leaf.authority_key_id(), issuing.subject_key_id());
  const std::string text =
      run_command("openssl x509 -noout -text -in " + folder_.write("i.pem", view_of(issuing.to_pem()))).output;
  EXPECT_NE(text.find("X509v3 Name Constraints: critical"), std::string::npos) << text;
  EXPECT_NE(text.find("X509v3 Key Usage: critical"), std::string::npos) << text;
  EXPECT_NE(text.find("X509v3 Basic Constraints: critical"), std::string::npos) << text;
  EXPECT_NE(text.find("IP:192.0.2.7/255.255.255.255"), std::string::npos) << text;
}

TEST(PermittedNames, GrowByWhatNoneOfThemCovers) {
  NameConstraints permitted;
  permitted.dns = {"a.example.com"};
  permitted.addresses = {"192.0.2.1"};
  EXPECT_FALSE(widen(permitted, exact_names({"a.example.com", "c.b.a.example.com", "192.0.2.1"})));
  EXPECT_TRUE(widen(permitted, exact_names({"nota.example.com", "example.com", "b.example.com", "192.0.2.2"})));
  EXPECT_EQ(permitted.dns, (std::vector<std::string>{"a.example.com", "nota.example.com", "example.com"}));
  EXPECT_EQ(permitted.addresses, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(exact_names({"a.test", "A.test", "192.0.2.1", "192.0.2.1", "b.test"}).size(), 3U);
}

TEST_F(AuthorityTest, TheRegisterSaysOfALeafWhatStandsInIt) {
  Authority authority = found(names);
  for (const LeafPurpose purpose : {LeafPurpose::server, LeafPurpose::member}) {
    const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
    const SignedLeaf signed_leaf = authority.issue_encoded(
        {.purpose = purpose,
         .names = names,
         .member_uri =
             purpose == LeafPurpose::member ? "chancery://" + authority.federation() + "/member/engine/e" : "",
         .public_key_der = key.public_key_der(),
         .issued_for = "a test",
         .member = "e",
         .identity = "engine"});
    const Certificate leaf = Certificate::from_der(signed_leaf.der);
    EXPECT_EQ(to_hex(signed_leaf.sha256), leaf.fingerprint());
    const auto rows = authority.store().rows(
        "SELECT serial, sha256, names, not_after, key_sha256, der, kind, issued_for, member, identity, issued_at, "
        "revoked FROM certificates ORDER BY id DESC LIMIT 1");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(to_hex(rows[0].blob(0)), leaf.serial());
    EXPECT_EQ(to_hex(rows[0].blob(1)), leaf.fingerprint());
    std::string lines;
    for (const AlternativeName& name : leaf.names()) lines += to_text(name) + "\n";
    EXPECT_EQ(rows[0].text(2), lines);
    EXPECT_EQ(instant_of(rows[0].integer(3)), leaf.not_after());
    EXPECT_EQ(rows[0].blob(4), Bytes(leaf.key_digest().begin(), leaf.key_digest().end()));
    EXPECT_EQ(rows[0].blob(5), leaf.der());
    EXPECT_EQ(rows[0].text(6), purpose == LeafPurpose::member ? "member" : "server");
    EXPECT_EQ(rows[0].text(7), "a test");
    EXPECT_EQ(rows[0].text(8), "e");
    EXPECT_EQ(rows[0].text(9), "engine");
    EXPECT_EQ(instant_of(rows[0].integer(10)), authority.now());
    EXPECT_TRUE(rows[0].is_null(11));
  }
}

TEST_F(AuthorityTest, NamesOutsideTheConstraintsAreRefusedAndNothingIsRegistered) {
  Authority authority = found({"portal.example.com"});
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const auto before = count_certificates(authority);
  const auto refused = [&](const std::vector<std::string>& wanted) {
    return code_of([&] { (void)issue(authority, LeafPurpose::server, wanted, key); });
  };
  EXPECT_EQ(refused({"engine.example.com"}), "name-not-permitted");
  EXPECT_EQ(refused({"portal.example.com", "192.0.2.1"}), "name-not-permitted");
  EXPECT_EQ(refused({"notportal.example.com"}), "name-not-permitted");
  EXPECT_EQ(refused({"*.portal.example.com"}), "bad-name");
  EXPECT_EQ(refused({"a@portal.example.com"}), "bad-name");
  EXPECT_EQ(refused({"https://portal.example.com/"}), "bad-name");
  EXPECT_EQ(refused({"<script>.portal.example.com"}), "bad-name");
  EXPECT_EQ(refused({}), "bad-name");
  EXPECT_EQ(code_of([&] {
              (void)authority.issue({.purpose = LeafPurpose::member,
                                     .names = {"portal.example.com"},
                                     .member_uri = "chancery://another/member/secondary/x",
                                     .public_key_der = key.public_key_der()});
            }),
            "bad-name");
  EXPECT_EQ(count_certificates(authority), before);
}

TEST_F(AuthorityTest, PermittedNamesAreSeenByEveryProcessThatHasItOpen) {
  Authority serving = found({"portal.example.com"});
  Authority command = reopen();
  const Certificate first = serving.issuing();
  command.permit_names({"engine.example.com", "198.51.100.9"});
  command.permit_names({"portal.example.com"});  // nothing new: no new issuing certificate
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  write_chain(serving, issue(serving, LeafPurpose::member, {"engine.example.com", "198.51.100.9"}, key));
  EXPECT_NE(serving.issuing(), first);
  EXPECT_EQ(serving.issuing().key_digest(), first.key_digest());
  EXPECT_EQ(openssl_verify("sslserver").exit_code, 0) << openssl_verify("sslserver").output;
  EXPECT_EQ(gnutls_verify().exit_code, 0) << gnutls_verify().output;
  EXPECT_EQ(folder_.read("authority/issuing.pem"), serving.issuing().to_pem());
  EXPECT_EQ(count_certificates(serving), 4);  // root, two issuing, one leaf
}

TEST_F(AuthorityTest, WithoutTheRootsKeyTheDailyWorkGoesOnAndOnlyNewNamesAskForIt) {
  Authority authority = found({"portal.example.com"});
  const SecretBytes passphrase = secret_copy(std::string_view("a long passphrase"));
  const SecretBytes exported = authority.root_key({}).sealed(passphrase);
  authority.forget_root_key();
  EXPECT_EQ(authority.root_key_place(), RootKeyPlace::elsewhere);

  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  write_chain(authority, issue(authority, LeafPurpose::server, {"portal.example.com"}, key));
  EXPECT_EQ(openssl_verify("sslserver").exit_code, 0);
  const Bytes list = authority.revocation_list();
  authority.permit_names({"portal.example.com"});  // nothing new

  const Certificate issuing = authority.issuing();
  const auto before = count_certificates(authority);
  EXPECT_EQ(code_of([&] { authority.permit_names({"engine.example.com"}); }), "root-key-absent");
  EXPECT_EQ(code_of([&] { authority.expect_permissible({"engine.example.com"}, {}); }), "root-key-absent");
  EXPECT_EQ(code_of([&] { authority.permit_names({"engine.example.com"}, {.key_file = exported}); }),
            "root-key-locked");
  EXPECT_EQ(authority.issuing(), issuing);
  EXPECT_EQ(count_certificates(authority), before);
  EXPECT_EQ(folder_.read("authority/issuing.pem"), issuing.to_pem());

  authority.permit_names({"engine.example.com"}, {.key_file = exported, .passphrase = passphrase});
  write_chain(authority, issue(authority, LeafPurpose::server, {"engine.example.com"}, key));
  EXPECT_EQ(openssl_verify("sslserver").exit_code, 0);
  EXPECT_EQ(authority.root_key_place(), RootKeyPlace::elsewhere);
  time_.advance(std::chrono::hours{24 * 25});
  EXPECT_NE(authority.revocation_list(), list);  // made anew, still without the root
}

TEST_F(AuthorityTest, AnAuthorityUnderATokensRootPassesOpensslStrictAndGnutls) {
  const testing::SoftToken token(folder_);
  token.make_key("rsa");
  Authority authority = Authority::create(
      Folder::create(folder_.file("authority"), {.mode = 0700}), {.mode = 0600},
      {.federation = federation_, .names = names, .root_key = {.token_uri = token.uri("rsa"), .pin = token.pin()}},
      time_.clock());
  EXPECT_EQ(authority.root_key_place(), RootKeyPlace::token);
  EXPECT_EQ(code_of([&] { authority.permit_names({"engine.example.com"}); }), "root-key-locked");
  authority.permit_names({"engine.example.com"}, {.pin = token.pin()});
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  write_chain(authority, issue(authority, LeafPurpose::server, {"engine.example.com"}, key));
  EXPECT_EQ(openssl_verify("sslserver").exit_code, 0) << openssl_verify("sslserver").output;
  EXPECT_EQ(gnutls_verify().exit_code, 0) << gnutls_verify().output;
}

TEST_F(AuthorityTest, NameConstraintsHoldAgainstAThiefOfTheIssuingKey) {
  Authority authority = found({"portal.example.com"});
  write_chain(authority, authority.root());
  const std::string signed_foreign =
      "cd " + folder_.path() +
      " && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout thief.key -subj /CN=x -out t.csr"
      " && printf 'subjectAltName=DNS:bank.example.org\\nextendedKeyUsage=serverAuth\\n' > ext"
      " && openssl x509 -req -in t.csr -CA issuing.pem -CAkey authority/issuing.key -extfile ext -out leaf.pem";
  const auto made = run_command(signed_foreign);
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const auto judged = run_command("openssl verify -CAfile " + folder_.file("root.pem") + " -untrusted " +
                                  folder_.file("issuing.pem") + " " + folder_.file("leaf.pem"));
  EXPECT_NE(judged.output.find("permitted subtree violation"), std::string::npos) << judged.output;
}

TEST_F(AuthorityTest, WeakAndOddKeysAreRefused) {
  Authority authority = found(names);
  const auto before = count_certificates(authority);
  const std::vector<std::string> recipes{
      "openssl genrsa -out k.pem 1024 && openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out k.pem && "
      "openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl ecparam -name secp256k1 -genkey -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl ecparam -name secp224r1 -genkey -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl ecparam -name brainpoolP256r1 -genkey -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out "
      "k.der",
      "openssl ecparam -name prime256v1 -param_enc explicit -genkey -out k.pem && "
      "openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl ecparam -name prime256v1 -genkey -out k.pem && "
      "openssl ec -in k.pem -conv_form compressed -pubout -outform DER -out k.der",
      "openssl genpkey -algorithm ed448 -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "openssl genpkey -algorithm x25519 -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der",
      "printf '' > k.der", "head -c 91 /dev/urandom > k.der",
      // A point that is not on P-256.
      "openssl ecparam -name prime256v1 -genkey -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der "
      "&& "
      "printf '\\001\\002\\003\\004' | dd of=k.der bs=1 seek=40 conv=notrunc",
      "openssl ecparam -name prime256v1 -genkey -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out k.der "
      "&& "
      "printf 'x' >> k.der"};
  for (const std::string& recipe : recipes) {
    const auto made = run_command("cd " + folder_.path() + " && " + recipe);
    ASSERT_EQ(made.exit_code, 0) << made.output;
    const std::string spki = folder_.read("k.der");
    EXPECT_EQ(code_of([&] {
                (void)authority.issue({.names = names, .public_key_der = bytes_of(spki), .issued_for = recipe});
              }),
              "key-weak")
        << recipe;
  }
  EXPECT_EQ(count_certificates(authority), before);
}

TEST_F(AuthorityTest, SerialsAreUniqueOverTenThousand) {
  std::set<Bytes> serials;
  for (int count = 0; count < 10'000; ++count) serials.insert(new_serial(system_now()));
  EXPECT_EQ(serials.size(), 10'000U);
  // Even within one second, and a later one sorts behind an earlier.
  const Instant now = system_now();
  std::set<Bytes> within_a_second;
  for (int count = 0; count < 1'000; ++count) within_a_second.insert(new_serial(now));
  EXPECT_EQ(within_a_second.size(), 1'000U);
  EXPECT_GT(new_serial(now + std::chrono::seconds{1}), *within_a_second.rbegin());
  // And they are what goes into certificates: 16 bytes, positive, never the same.
  Authority authority = found({"portal.example.com"});
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  std::set<std::string> issued;
  for (int count = 0; count < 500; ++count) {
    const std::string serial = issue(authority, LeafPurpose::server, {"portal.example.com"}, key).serial();
    EXPECT_EQ(serial.size(), 32U);
    issued.insert(serial);
  }
  EXPECT_EQ(issued.size(), 500U);
  EXPECT_EQ(count_certificates(authority), 502);
}

TEST_F(AuthorityTest, TwoProcessesIssueAtOnceWithoutLosingAnything) {
  Authority first = found({"portal.example.com"});
  Authority second = reopen();
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const auto work = [&](Authority& authority) {
    for (int count = 0; count < 50; ++count) (void)issue(authority, LeafPurpose::server, {"portal.example.com"}, key);
  };
  std::thread other([&] { work(second); });
  std::thread third([&] { work(first); });
  work(first);
  other.join();
  third.join();
  EXPECT_EQ(count_certificates(first), 152);
}

TEST_F(AuthorityTest, WhatWasIssuedInARolledBackChangeIsNotInTheRegister) {
  Authority authority = found({"portal.example.com"});
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const auto before = count_certificates(authority);
  EXPECT_THROW(authority.store().write([&] {
    (void)issue(authority, LeafPurpose::server, {"portal.example.com"}, key);
    throw std::runtime_error("the caller changed its mind");
  }),
               std::runtime_error);
  EXPECT_EQ(count_certificates(authority), before);
}

TEST_F(AuthorityTest, FilesAreForTheOwnerOnlyAndASecondCreateChangesNothing) {
  Authority authority = found(names);
  for (const char* file : {"root.key", "issuing.key", "authority.db"}) {
    struct stat status {};
    ASSERT_EQ(::stat(folder_.file(std::string("authority/") + file).c_str(), &status), 0) << file;
    EXPECT_EQ(status.st_mode & 0777, 0600U) << file;
  }
  const std::string root_before = folder_.read("authority/root.pem");
  EXPECT_EQ(code_of([&] { (void)found(names); }), "already-exists");
  EXPECT_EQ(folder_.read("authority/root.pem"), root_before);
  EXPECT_EQ(reopen().root(), authority.root());
}

TEST_F(AuthorityTest, OpeningWhatIsNotThereOrNotWhole) {
  EXPECT_EQ(
      code_of([&] { (void)Authority::open(Folder::create(folder_.file("empty"), {.mode = 0700}), time_.clock()); }),
      "no-authority");
  { Authority authority = found(names); }
  folder_.write("authority/issuing.key", view_of(PrivateKey::generate(KeyType::ecdsa_p256).to_pem()));
  EXPECT_EQ(code_of([&] { (void)reopen(); }), "authority-damaged");
}

TEST_F(AuthorityTest, AnExpiredAuthorityIssuesNothing) {
  Authority authority = found(names);
  const auto before = count_certificates(authority);
  time_.advance(std::chrono::hours{24 * 366 * 11});
  EXPECT_EQ(
      code_of([&] { (void)issue(authority, LeafPurpose::server, names, PrivateKey::generate(KeyType::ecdsa_p256)); }),
      "authority-expired");
  EXPECT_EQ(count_certificates(authority), before);
}

TEST_F(AuthorityTest, FederationIdsThatCannotStandAsAHostAreRefused) {
  for (const char* id : {"", "-abc", "Abc", "a.b", "a/b", "a b", "a-"}) {
    federation_ = id;
    EXPECT_EQ(code_of([&] { (void)found(names); }), "bad-federation") << id;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.file("authority/root.key")));
}

TEST_F(AuthorityTest, SelfSignedLeafAnswersToItsNames) {
  for (const KeyType type : {KeyType::ecdsa_p256, KeyType::rsa_2048, KeyType::ed25519}) {
    const PrivateKey key = PrivateKey::generate(type);
    const Certificate leaf = self_signed(key, {"engine.example.com", "127.0.0.1"}, *time_.now);
    EXPECT_TRUE(leaf.is_self_signed());
    EXPECT_FALSE(leaf.is_ca());
    EXPECT_TRUE(key.belongs_to(leaf));
    EXPECT_TRUE(answers_to(leaf.names(), "engine.example.com"));
    const std::string file = folder_.write("self.pem", view_of(leaf.to_pem()));
    const auto judged =
        run_command("openssl verify -x509_strict -partial_chain -purpose sslserver -CAfile " + file + " " + file);
    EXPECT_EQ(judged.exit_code, 0) << judged.output;
  }
}

}  // namespace
}  // namespace chancery::authority
