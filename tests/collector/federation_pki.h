// The roots of a federation that rotates, by openssl: "old", "new" and "newer", each vouched for by the one before
// ("new-by-old", "newer-by-new"), issuing CAs "issuing-old" and "issuing-new", and what a thief would make: "evil", with
// "evil-by-issuing" (signed by an issuing CA), "evil-by-itself" and "evil-by-leaf".
#pragma once

#include "keystore/x509/certificate.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/material.h"
#include "tests/keystore/workshop.h"

namespace chancery::test {

class FederationPki {
 public:
  static const FederationPki& instance() {
    static const FederationPki pki;
    return pki;
  }
  Certificate operator[](const std::string& name) const {
    return read_material(shop_.read(name + ".crt"), {.source = name}).certificates.at(0);
  }
  Bytes der(const std::string& name) const { return (*this)[name].der(); }
  std::string sha256(const std::string& name) const { return (*this)[name].fingerprint(); }
  CertificatePool pool(const std::vector<std::string>& names) const {
    CertificatePool pool;
    for (const std::string& name : names) pool.add((*this)[name]);
    return pool;
  }
  const Workshop& shop() const { return shop_; }

 private:
  FederationPki() {
    for (const char* name : {"old", "new", "newer", "evil", "stranger"}) {
      key(name);
      shop_.run(std::string("openssl req -x509 -new -key ") + name + ".key -subj /CN=Root -days 900 -out " + name +
                ".crt -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign");
    }
    const std::string ca =
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    key("issuing-old");
    key("issuing-new");
    key("leaf");
    sign("issuing-old", "issuing-old", "/CN=Issuing", "old", ca);
    sign("issuing-new", "issuing-new", "/CN=Issuing", "new", ca);
    sign("leaf", "leaf", "/CN=engine", "issuing-old", "subjectAltName=DNS:engine.test\n");
    sign("new-by-old", "new", "/CN=Root", "old", ca);
    sign("newer-by-new", "newer", "/CN=Root", "new", ca);
    sign("evil-by-issuing", "evil", "/CN=Root", "issuing-old", ca);
    sign("evil-by-itself", "evil", "/CN=Root", "evil", ca);
    sign("evil-by-leaf", "evil", "/CN=Root", "leaf", ca);
    sign("evil-by-stranger", "evil", "/CN=Root", "stranger", ca);
    sign("evil-no-ca-by-old", "evil", "/CN=Root", "old", "basicConstraints=critical,CA:FALSE\n");
    sign("evil-name-by-old", "new", "/CN=Other", "old", ca);
  }
  void key(const std::string& name) const {
    shop_.run("openssl ecparam -genkey -noout -name prime256v1 -out " + name + ".key");
  }
  void sign(const std::string& name, const std::string& key_of, const std::string& subject, const std::string& issuer,
            const std::string& extensions) const {
    shop_.write(name + ".ext", extensions);
    shop_.run("openssl req -new -key " + key_of + ".key -subj " + subject + " -out " + name + ".csr && " +
              "openssl x509 -req -in " + name + ".csr -CA " + issuer + ".crt -CAkey " + issuer +
              ".key -set_serial 0x$(openssl rand -hex 8) -days 800 -extfile " + name + ".ext -out " + name + ".crt");
  }
  Workshop shop_;
};

}  // namespace chancery::test
