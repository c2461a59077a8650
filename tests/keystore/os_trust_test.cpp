#include "keystore/trust/os_trust.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/pem.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

class OsTrustTest : public ::testing::Test {
 protected:
  OsTrustTest() {
    if (const char* given = std::getenv("SSL_CERT_FILE")) before_ = given;
  }
  void TearDown() override {
    if (before_) {
      ::setenv("SSL_CERT_FILE", before_->c_str(), 1);
    } else {
      ::unsetenv("SSL_CERT_FILE");
    }
  }

 private:
  std::optional<std::string> before_;
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

// A system below a folder: three roots in its bundle, made by openssl, and what distrusts some of them.
class SystemBelow : public ::testing::Test {
 protected:
  SystemBelow() {
    folder("etc/ssl/certs");
    folder("etc/pki/ca-trust/source/blocklist");
    for (const std::string name : {"a", "b", "c"}) {
      const std::string made =
          "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=" + name +
          " -keyout " + shop.path("key") + " -out " + shop.path(name + ".pem") + " 2>/dev/null";
      EXPECT_EQ(0, std::system(made.c_str()));
      der[name] = Certificate::from_der(*pem_der(shop.text(name + ".pem"))).fingerprint();
    }
  }
  static std::optional<SecretBytes> pem_der(const std::string& text) {
    pem::Scanner scanner(view_of(text));
    return pem::decode(scanner.next()->body);
  }
  void folder(const std::string& name) const { std::filesystem::create_directories(shop.path(name)); }
  void bundle(const std::string& text) const { shop.write("etc/ssl/certs/ca-certificates.crt", text); }
  std::string trusted() const {
    CertificatePool pool;
    pool.add_pem(os_trust_bundle_below(shop.path("")));
    std::string names;
    for (const auto& [name, fingerprint] : der) names += pool.contains(fingerprint) ? name : "";
    return names;
  }
  std::string text(const std::string& name) const { return shop.text(name + ".pem"); }

  Workshop shop;
  std::map<std::string, std::string> der;
};

TEST_F(SystemBelow, WhatIsNotDistrustedCountsToTheByte) {
  bundle(text("a") + text("b"));
  EXPECT_EQ(text_of(os_trust_bundle_below(shop.path(""))), text("a") + text("b"));
  EXPECT_EQ(trusted(), "ab");
}

TEST_F(SystemBelow, ABlocklistOfP11KitIsHeeded) {
  bundle(text("a") + text("b") + text("c"));
  shop.write("etc/pki/ca-trust/source/blocklist/b.pem", text("b"));
  EXPECT_EQ(trusted(), "ac");
  shop.write("etc/pki/ca-trust/source/more.p11-kit",
             "# made by hand\n[p11-kit-object-v1]\nlabel: \"a\"\ntrusted: true\n" + text("a") +
                 "\n[p11-kit-object-v1]\nlabel: \"c\"\nx-distrusted:  true\n" + text("c"));
  EXPECT_EQ(trusted(), "a");
}

TEST_F(SystemBelow, TrustSettingsOfOpensslAreHeeded) {
  const auto with = [&](const std::string& setting, const std::string& name) {
    const std::string out = shop.path(name + "-set.pem");
    const std::string made = "openssl x509 -in " + shop.path(name + ".pem") + " -trustout -" + setting + " -out " + out;
    EXPECT_EQ(0, std::system(made.c_str()));
    return shop.text(name + "-set.pem");
  };
  bundle(with("addtrust serverAuth", "a") + with("addreject serverAuth", "b") + with("addtrust emailProtection", "c"));
  EXPECT_EQ(trusted(), "a");
  bundle(with("addtrust anyExtendedKeyUsage", "a") + with("addreject emailProtection", "b") + text("c"));
  EXPECT_EQ(trusted(), "abc");
}

TEST_F(SystemBelow, WhatOpensslFindsByItsHashCountsToo) {
  bundle(text("a"));
  shop.write("etc/ssl/certs/own.pem", text("b"));
  EXPECT_EQ(trusted(), "a");
  std::filesystem::create_symlink("own.pem", shop.path("etc/ssl/certs/0123abcd.0"));
  EXPECT_EQ(trusted(), "ab");
}

}  // namespace
}  // namespace chancery
