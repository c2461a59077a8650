// A PKCS#11 token in software (SoftHSM), with keys made by its own tools. One at a time: the library takes its folder from
// the environment.
#pragma once

#include "tests/federation/fixture.h"

namespace chancery::testing {

class SoftToken {
 public:
  explicit SoftToken(const TemporaryFolder& place) : configuration_(place.file("softhsm2.conf")) {
    std::filesystem::create_directory(place.file("tokens"));
    std::ofstream(configuration_) << "directories.tokendir = " << place.file("tokens")
                                  << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", configuration_.c_str(), 1);
    must_run("softhsm2-util --init-token --free --label root --pin 123456 --so-pin 567890");
  }
  ~SoftToken() { ::unsetenv("SOFTHSM2_CONF"); }
  SoftToken(const SoftToken&) = delete;
  SoftToken& operator=(const SoftToken&) = delete;

  // "ec" or "rsa"
  void make_key(const std::string& name) const {
    const std::string kind =
        name == "rsa" ? "--generate-privkey=rsa --bits 3072" : "--generate-privkey=ecdsa --curve=secp256r1";
    must_run("GNUTLS_PIN=123456 p11tool --provider=" + std::string(library) + " " + kind + " --label=" + name +
             " --login pkcs11:token=root");
  }
  std::string uri(const std::string& name) const { return uri_for_p11_kit(name) + "?module-path=" + library; }
  std::string uri_for_p11_kit(const std::string& name) const {
    return "pkcs11:token=root;object=" + name + ";type=private";
  }
  SecretBytes pin() const { return secret_copy(std::string_view("123456")); }

  static constexpr const char* library = "/usr/lib/softhsm/libsofthsm2.so";

 private:
  std::string configuration_;
};

}  // namespace chancery::testing
