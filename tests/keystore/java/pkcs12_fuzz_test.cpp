// PKCS#12 against mutations of good files: ours, and openssl's with few iterations; whole, and each part by itself.
#include <gtest/gtest.h>

#include "keystore/java/pkcs12_memory.h"
#include "tests/fuzz/bombard.h"
#include "tests/keystore/java/fuzz/pkcs12_targets.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {
namespace {

const SecretBytes password = secret_copy(std::string_view("fuzz"));

class Pkcs12Fuzz : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run(
        "openssl ecparam -genkey -name prime256v1 -out k && openssl req -x509 -new -key k -subj /CN=a -out a && "
        "openssl req -x509 -new -key k -subj /O=b/CN=b -out b && n=0; for o in '-inkey k -certpbe NONE' "
        "'-inkey k -certpbe NONE -keypbe NONE -name Web -CSP csp' '-nokeys -certpbe NONE -caname b' "
        "'-inkey k -certpbe NONE -legacy -keypbe PBE-SHA1-RC2-40 -nomac' '-inkey k'; do n=$((n+1)); "
        "openssl pkcs12 -export -in a -certfile b -passout pass:fuzz -iter 2 -maciter $o -out $n.p12 || exit 1; done");
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }
  static std::vector<Bytes> files() {
    std::vector<Bytes> out;
    for (const char* name : {"1.p12", "2.p12", "3.p12", "4.p12", "5.p12"}) out.push_back(shop_->read(name));
    const SecretBytes ours = seal_keystore(store(), nullptr);
    out.emplace_back(ours.begin(), ours.end());
    return out;
  }
  // All that a store can hold, under few iterations.
  static Keystore store() {
    Keystore out = open_keystore(shop_->read("2.p12"), {.source = "2.p12", .password = &password});
    out.entries.push_back(trusted_certificate("root 😀", out.entries[0].certificates[0].der, 1));
    out.entries.push_back(out.entries[0]);
    out.entries.back().alias = "WEB";
    const Keystore few = open_keystore(shop_->read("1.p12"), {.source = "1.p12", .password = &password});
    out.entries.push_back(few.entries[0]);
    out.entries.back().created_ms = 1'700'000'000'000;
    out.entries.push_back({.alias = "geheim", .kind = EntryKind::secret_key});
    out.entries.back().key = SealedKey{StoreType::pkcs12, pkcs12::secret_value(few.entries[0].key->bytes)};
    return out;
  }
  static Workshop* shop_;
};
Workshop* Pkcs12Fuzz::shop_ = nullptr;

TEST_F(Pkcs12Fuzz, Files) { fuzz::bombard("pkcs12", fuzz::pkcs12, files()); }

TEST_F(Pkcs12Fuzz, Bags) {
  std::vector<Bytes> seeds;
  const pkcs12::SafeLayout layout = pkcs12::lay_out(store(), nullptr, false);
  for (const asn1::DerWriter* each : {&layout.keys, &layout.certificates}) {
    seeds.emplace_back(each->bytes().begin(), each->bytes().end());
  }
  fuzz::bombard("pkcs12_bags", fuzz::pkcs12_bags, seeds);
}

TEST_F(Pkcs12Fuzz, Protection) {
  std::vector<Bytes> seeds;
  const auto seed = [&](asn1::DerWriter& out) {
    const SecretBytes bytes = out.take();
    seeds.emplace_back(bytes.begin(), bytes.end());
  };
  for (const char* oid : {"\x03", "\x06", "\x01"}) {
    asn1::DerWriter out;
    out.integer(2);
    out.octets(Bytes(8, 1));
    out.wrap(der::sequence, 0);
    out.oid(view_of("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01" + std::string(oid)));
    out.wrap(der::sequence, 0);
    seed(out);
  }
  pkcs12::Encryption encryption = pkcs12::default_encryption();
  encryption.iterations = 2;
  encryption.salt = Bytes(20, 1);
  encryption.iv = Bytes(16, 1);
  asn1::DerWriter out;
  pkcs12::write(out, encryption);
  seed(out);
  pkcs12::Mac mac = pkcs12::default_mac();
  mac.iterations = 2;
  mac.salt = Bytes(20, 1);
  mac.value = Bytes(32, 1);
  for (int round = 0; round < 2; ++round) {
    pkcs12::write(out, mac);
    ByteView rest = out.bytes();
    const Bytes content(der::next(rest)->content.begin(), out.bytes().end());
    seeds.push_back(content);
    (void)out.take();
    mac.prf = mac.digest;
    mac.key_size = 32;
  }
  fuzz::bombard("pkcs12_protection", fuzz::pkcs12_protection, seeds);
}

// The targets open what they are given, and do not merely refuse it.
TEST_F(Pkcs12Fuzz, SeedsAreGoodStores) {
  std::size_t open = 0;
  for (const Bytes& seed : files()) {
    const Keystore read =
        open_keystore(seed, {.source = "seed", .password = &password, .accept_absent_integrity = true});
    for (const Entry& entry : read.entries) {
      EXPECT_TRUE(!entry.key || !open_key(read, entry, password).encoded.empty());
      ++open;
    }
  }
  EXPECT_GE(open, 7U);
}

}  // namespace
}  // namespace chancery::java
