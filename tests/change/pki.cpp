#include "tests/change/pki.h"

#include "keystore/x509/material.h"

namespace chancery::test {
namespace {

Certificate only_certificate(const Workshop& shop, const std::string& file) {
  return read_material(shop.read(file), {.source = file}).certificates.at(0);
}

}  // namespace

const Pki& Pki::instance() {
  static const Pki pki;
  return pki;
}

Pki::Pki() {
  const std::string key = "openssl ecparam -genkey -noout -name prime256v1 -out ";
  shop_.write("ca.ext",
              "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
              "subjectKeyIdentifier=hash\n");
  shop_.write("leaf.ext",
              "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
              "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
              "subjectAltName=DNS:appliance.example.com,DNS:engine.internal\n");
  for (const std::string name : {"root", "stranger"}) {
    shop_.run(key + name + ".key");
    shop_.run("openssl req -new -key " + name + ".key -subj /CN=" + name + " -out " + name + ".csr");
    shop_.run("openssl x509 -req -in " + name + ".csr -signkey " + name + ".key -days 3650 -extfile ca.ext -out " +
              name + ".pem");
  }
  shop_.run(key + "issuing.key && openssl req -new -key issuing.key -subj /CN=issuing -out issuing.csr");
  shop_.run(
      "openssl x509 -req -in issuing.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3000 -extfile ca.ext "
      "-out issuing.pem");
  for (const std::string name : {"old", "new", "other"}) make_leaf(name, "-days 300");
  make_leaf("expired", "");
}

void Pki::make_leaf(const std::string& name, const std::string& validity) const {
  const std::string faked = validity.empty() ? "faketime '2020-12-01' " : "";
  shop_.run("openssl ecparam -genkey -noout -name prime256v1 -out " + name + ".key");
  shop_.run("openssl req -new -key " + name + ".key -subj /CN=" + name + " -out " + name + ".csr");
  shop_.run(faked + "openssl x509 -req -in " + name + ".csr -CA issuing.pem -CAkey issuing.key -CAcreateserial " +
            (validity.empty() ? "-days 31" : validity) + " -extfile leaf.ext -out " + name + ".pem");
}

preflight::Identity Pki::identity(const std::string& name) const {
  return {.leaf = only_certificate(shop_, name + ".pem"),
          .intermediates = {only_certificate(shop_, "issuing.pem")},
          .key = read_material(shop_.read(name + ".key"), {.source = name}).keys.at(0)};
}

Certificate Pki::root() const { return only_certificate(shop_, "root.pem"); }
Certificate Pki::stranger() const { return only_certificate(shop_, "stranger.pem"); }

preflight::Knowledge Pki::knowledge() const {
  auto anchors = std::make_shared<CertificatePool>();
  anchors->add(root());
  auto intermediates = std::make_shared<CertificatePool>();
  intermediates->add(only_certificate(shop_, "issuing.pem"));
  preflight::Knowledge knowledge;
  knowledge.anchors = std::move(anchors);
  knowledge.intermediates = std::move(intermediates);
  return knowledge;
}

}  // namespace chancery::test
