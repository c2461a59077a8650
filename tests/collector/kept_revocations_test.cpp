// Which lists of revoked certificates a collector believes.
#include "collector/kept_revocations.h"

#include "tests/collector/federation_pki.h"

namespace chancery::collector {
namespace {

using test::FederationPki;

class KeptRevocationsTest : public testing::Test {
 protected:
  // A list signed by `issuer` with the next number of its own, in which `revoked` stands ("" for none).
  Bytes list(const std::string& issuer, int number, const std::string& revoked) const {
    const Workshop& bench = pki.shop();
    std::string index;
    if (!revoked.empty()) {
      std::string serial = pki[revoked].serial();
      for (char& digit : serial) digit = static_cast<char>(std::toupper(static_cast<unsigned char>(digit)));
      index = "R\t301231235959Z\t250101000000Z\t" + serial + "\tunknown\t/CN=x\n";
    }
    bench.write("index.txt", index);
    bench.write("number", (number < 16 ? "0" : "") + std::to_string(number) + "\n");
    bench.write(
        "ca.cnf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n"
        "crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n");
    bench.run("openssl ca -config ca.cnf -gencrl -keyfile " + issuer + ".key -cert " + issuer +
              ".crt -out list.pem && openssl crl -in list.pem -outform DER -out list.der");
    const auto der = bench.read("list.der");
    return {der.begin(), der.end()};
  }
  wire::Revocations message(const Bytes& list, const std::vector<std::string>& issuers) const {
    wire::Revocations message{.issuers = {}, .lists = {list}};
    for (const std::string& name : issuers) message.issuers.push_back(pki.der(name));
    return message;
  }

  const FederationPki& pki = FederationPki::instance();
  Workshop shop;
  Folder state = Folder::open(shop.path());
  CertificatePool trusted = pki.pool({"old"});
};

TEST_F(KeptRevocationsTest, AListOfAnIssuingCaCountsAndStaysAndNeverGoesBack) {
  KeptRevocations lists(state);
  EXPECT_TRUE(lists.take(message(list("issuing-old", 2, "leaf"), {"issuing-old"}), trusted));
  EXPECT_TRUE(lists.lists(pki["leaf"]));
  EXPECT_FALSE(lists.lists(pki["issuing-old"]));
  EXPECT_TRUE(KeptRevocations(state).lists(pki["leaf"])) << "after a restart, too";
  EXPECT_FALSE(lists.take(message(list("issuing-old", 1, ""), {"issuing-old"}), trusted));
  EXPECT_FALSE(lists.take(message(list("issuing-old", 2, ""), {"issuing-old"}), trusted));
  EXPECT_TRUE(lists.lists(pki["leaf"]));
  EXPECT_TRUE(lists.take(message(list("issuing-old", 3, ""), {"issuing-old"}), trusted));
  EXPECT_FALSE(lists.lists(pki["leaf"]));
}

TEST_F(KeptRevocationsTest, AListOfSomebodyElseDoesNotCount) {
  KeptRevocations lists(state);
  // Signed by a CA under a root that is not trusted here; by a leaf; by a CA that is not shown; by nobody.
  EXPECT_FALSE(lists.take(message(list("issuing-new", 2, "leaf"), {"issuing-new"}), trusted));
  EXPECT_FALSE(lists.take(message(list("leaf", 2, "leaf"), {"leaf", "issuing-old"}), trusted));
  EXPECT_FALSE(lists.take(message(list("issuing-old", 2, "leaf"), {"issuing-new"}), trusted));
  EXPECT_FALSE(lists.take(message(Bytes(100, 1), {"issuing-old"}), trusted));
  EXPECT_FALSE(lists.lists(pki["leaf"]));
  EXPECT_FALSE(state.status("revocations.pem").has_value());
}

TEST_F(KeptRevocationsTest, TwoIssuingCasHaveTwoLists) {
  const CertificatePool both = pki.pool({"old", "new"});
  KeptRevocations lists(state);
  EXPECT_TRUE(lists.take(message(list("issuing-old", 9, "leaf"), {"issuing-old"}), both));
  EXPECT_TRUE(lists.take(message(list("issuing-new", 1, ""), {"issuing-new"}), both));
  EXPECT_EQ(lists.digests().size(), 2U);
  EXPECT_TRUE(lists.lists(pki["leaf"]));
}

}  // namespace
}  // namespace chancery::collector
