#include "keystore/x509/certificate_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "keystore/trust/os_trust.h"

namespace chancery {
namespace {

TEST(CertificatePoolTest, IndexesDebiansBundleWithoutDecodingIt) {
  const Bytes bundle = os_trust_bundle();
  ASSERT_FALSE(bundle.empty()) << "ca-certificates is installed by ./dev";
  CertificatePool pool;
  pool.add_pem(bundle);
  const std::string text(text_of(bundle));
  std::set<std::string> different;  // a certificate may stand in the file and in the folder of hashes
  for (std::size_t at = text.find("-----BEGIN"); at != std::string::npos; at = text.find("-----BEGIN", at + 1)) {
    different.insert(text.substr(at, text.find("-----END", at) - at));
  }
  const std::size_t blocks = different.size();
  EXPECT_EQ(pool.size(), blocks);
  pool.add_pem(bundle);
  EXPECT_EQ(pool.size(), blocks) << "duplicates are kept once";
  EXPECT_EQ(pool.all().size(), blocks);
  for (const Certificate& one : pool.all()) {
    EXPECT_TRUE(pool.contains(one.fingerprint()));
    const auto found = pool.with_subject(one.subject_der());
    EXPECT_NE(std::find(found.begin(), found.end(), one), found.end()) << one.subject();
    EXPECT_FALSE(pool.add(one));
  }
  EXPECT_FALSE(pool.contains(std::string(64, '0')));
  EXPECT_FALSE(pool.contains("xyz"));
  EXPECT_TRUE(pool.with_subject({}).empty());
}

TEST(CertificatePoolTest, SkipsWhatIsNoCertificate) {
  CertificatePool pool;
  pool.add_pem(
      view_of("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMAA=\n"
              "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMAA="));
  pool.add_der(view_of("hello"));
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_TRUE(pool.all().empty());
}

}  // namespace
}  // namespace chancery
