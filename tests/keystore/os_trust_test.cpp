#include "keystore/trust/os_trust.h"

#include <gtest/gtest.h>

#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

class OsTrustTest : public ::testing::Test {
 protected:
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }
};

TEST_F(OsTrustTest, IsDebiansBundle) {
  ::unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(os_trust_path(), "/etc/ssl/certs/ca-certificates.crt");
  EXPECT_GT(os_trust_bundle().size(), 10'000U);
}

TEST_F(OsTrustTest, SslCertFileComesFirstIfItExists) {
  const Workshop shop;
  shop.write("roots.pem", "mine");
  ::setenv("SSL_CERT_FILE", shop.path("roots.pem").c_str(), 1);
  EXPECT_EQ(text_of(os_trust_bundle()), "mine");
  ::setenv("SSL_CERT_FILE", shop.path("absent.pem").c_str(), 1);
  EXPECT_EQ(os_trust_path(), "/etc/ssl/certs/ca-certificates.crt");
}

}  // namespace
}  // namespace chancery
