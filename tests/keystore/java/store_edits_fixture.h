// What the tests of edits and conversions share: a PKI made by openssl, and a store of the type under test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "keystore/java/store_edits.h"
#include "keystore/x509/material.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {

inline constexpr std::int64_t now_ms = 1'790'000'000'000;

// Root, intermediate and leaves, made by openssl once for all tests.
struct EditsPki {
  Workshop shop;
  std::vector<Certificate> chain;  // leaf, intermediate, root
  Certificate renewed = read("renewed.crt");
  Certificate stranger = read("stranger.crt");
  Certificate renewed_sub = read("sub-renewed.crt");    // the same key, and lasts longer
  Certificate impostor_sub = read("sub-impostor.crt");  // the same name, another key, and lasts longest
  PrivateKey key = keys("leaf.key");
  PrivateKey strange_key = keys("stranger.key");

  Certificate read(const std::string& name) const {
    return read_material(shop.read(name), {.source = name}).certificates.at(0);
  }
  PrivateKey keys(const std::string& name) const { return read_material(shop.read(name), {.source = name}).keys.at(0); }
  EditsPki() : chain((make(), std::vector<Certificate>{read("leaf.crt"), read("sub.crt"), read("root.crt")})) {}

 private:
  void make() const {
    const std::string new_key = "openssl ecparam -genkey -name prime256v1 -noout -out ";
    shop.run(new_key + "root.key && " + new_key + "sub.key && " + new_key + "leaf.key && " + new_key + "stranger.key");
    const std::string ca = "printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign' >ca.ext && ";
    shop.run(ca + "openssl req -x509 -new -key root.key -subj '/O=Acme/CN=Acme Root CA' -days 900 -out root.crt");
    const auto sign = [&](const std::string& name, const std::string& of_key, const std::string& subject,
                          const std::string& issuer, int days, const std::string& extra) {
      shop.run("openssl req -utf8 -new -key " + of_key + ".key -subj '" + subject +
               "' -out r.csr && openssl x509 -req -in r.csr" + " -CA " + issuer + ".crt -CAkey " + issuer +
               ".key -CAcreateserial -days " + std::to_string(days) + extra + " -out " + name + ".crt");
    };
    sign("sub", "sub", "/O=Acme/CN=Acme Issuing CA", "root", 800, " -extfile ca.ext");
    sign("sub-renewed", "sub", "/O=Acme/CN=Acme Issuing CA", "root", 850, " -extfile ca.ext");
    sign("sub-impostor", "stranger", "/O=Acme/CN=Acme Issuing CA", "root", 870, " -extfile ca.ext");
    sign("leaf", "leaf", "/CN=Zürich Büro 1", "sub", 100, "");
    sign("renewed", "leaf", "/CN=Zürich Büro 1", "sub", 200, "");
    shop.run(
        "openssl req -x509 -new -key stranger.key -subj '/O=Acme/OU=Class 2\\, Devices' -days 90 -out stranger.crt");
  }
};

class StoreEditsTest : public ::testing::TestWithParam<StoreType> {
 protected:
  static void SetUpTestSuite() { pki_ = new EditsPki; }
  static void TearDownTestSuite() {
    delete pki_;
    pki_ = nullptr;
  }
  static EditsPki& pki() { return *pki_; }
  Keystore store{.type = GetParam()};
  const SecretBytes password = secret_copy("changeit");
  const SecretBytes other = secret_copy("another-secret");

  // As the file would have it.
  Keystore through_the_file(const Keystore& from, const SecretBytes& under) const {
    const SecretBytes bytes = seal_keystore(from, &under);
    return open_keystore(view_of(bytes), {.source = "store", .password = &under});
  }
  std::vector<std::string> aliases() const {
    std::vector<std::string> out;
    for (const Entry& entry : store.entries) out.push_back(entry.alias);
    return out;
  }
  ImportedKey import_leaf(const std::string& alias = "web") {
    return import_key(store, pki().key, {pki().chain[2], pki().stranger, pki().chain[0], pki().chain[1]},
                      {.alias = alias, .key_password = &password, .now_ms = now_ms});
  }

 private:
  static inline EditsPki* pki_ = nullptr;
};

}  // namespace chancery::java
