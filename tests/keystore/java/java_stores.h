// The stores that Java made for the tests of JKS and JCEKS (Stores.java): made once per process, in one JVM. The folder
// also has what they were made of: root.crt, issuing.crt, leaf.crt and leaf.p8 (EC), rsa.crt and rsa.p8, ed.crt and ed.p8.
//
//   const JavaStore& made = java_store("jks-keys");
//   EXPECT_EQ(description(open_java_store(made), made.key_password), text_file("jks-keys.txt"));
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "keystore/java/java_keystore.h"
#include "tests/keystore/java/description.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {

struct JavaStore {
  std::string name;
  std::string type;
  std::string password;
  std::string key_password;
  bool java_reads_it = true;

  friend void PrintTo(const JavaStore& one, std::ostream* out) { *out << one.name; }
};

inline const std::vector<JavaStore> java_stores = {
    {"jks-empty", "JKS", "changeit", "changeit"},
    {"jks-one", "JKS", "changeit", "changeit"},
    {"jks-small", "JKS", "changeit", "changeit"},
    {"jks-140", "JKS", "changeit", "changeit"},
    {"jks-10000", "JKS", "changeit", "changeit"},
    {"jks-names", "JKS", "changeit", "changeit"},
    {"jks-password", "JKS", "pässwörd 日本 😀", "changeit"},
    {"jks-nopassword", "JKS", "", "changeit"},
    {"jks-keys", "JKS", "changeit", "schlüssel 😀"},
    {"jks-v1", "JKS", "changeit", "schlüssel 😀"},
    {"jks-twice", "JKS", "changeit", "changeit"},
    {"jks-odd", "JKS", "changeit", "changeit", false},
    {"jceks-empty", "JCEKS", "changeit", "changeit"},
    {"jceks-small", "JCEKS", "changeit", "changeit"},
    {"jceks-140", "JCEKS", "changeit", "changeit"},
    {"jceks-10000", "JCEKS", "changeit", "changeit"},
    {"jceks-names", "JCEKS", "changeit", "changeit"},
    {"jceks-password", "JCEKS", "pässwörd 日本 😀", "changeit"},
    {"jceks-keys", "JCEKS", "changeit", "another password"},
    {"jceks-secrets", "JCEKS", "changeit", "another password"},
    {"jceks-plain", "JCEKS", "changeit", "another password", false},
    {"jceks-salt", "JCEKS", "changeit", "another password"},
    {"jceks-hostile", "JCEKS", "changeit", "another password", false},
    {"jceks-inside", "JCEKS", "changeit", "another password", false},
};

inline void write_list(const Workshop& shop) {
  std::string list;
  for (const JavaStore& one : java_stores) {
    list += one.name + '\t' + one.type + '\t' + one.password + '\t' + one.key_password + '\n';
  }
  shop.write("list.tsv", list);
}

inline void run_java(const Workshop& shop, const std::string& verb) {
  shop.run("LC_ALL=C.UTF-8 java -XX:TieredStopAtLevel=1 -Djdk.jceks.iterationCount=10000 " CHANCERY_SOURCE_DIR
           "/tests/keystore/java/Stores.java " +
           verb + " .");
}

inline void make_java_stores(const Workshop& shop) {
  shop.run(
      "openssl ecparam -genkey -name prime256v1 -out leaf.key && openssl genrsa -out rsa.key 2048 && "
      "openssl genpkey -algorithm ED25519 -out ed.key && "
      "for k in leaf rsa ed; do openssl req -x509 -new -key $k.key -subj /CN=$k.example.com -days 30 -out $k.crt && "
      "openssl pkcs8 -topk8 -nocrypt -in $k.key -outform DER -out $k.p8 || exit 1; done && "
      "for c in root issuing; do openssl req -x509 -new -key leaf.key -subj /CN=$c -set_serial 0x01010101 -days 30 "
      "-out $c.crt || exit 1; done");
  write_list(shop);
  run_java(shop, "make");
}

inline const Workshop& java_workshop() {
  static const Workshop shop;
  static const std::string failure = [] {
    try {
      make_java_stores(shop);
    } catch (const std::exception& caught) {
      return std::string(caught.what());
    }
    return std::string();
  }();
  if (!failure.empty()) throw std::runtime_error(failure);
  return shop;
}

inline const JavaStore& java_store(const std::string& name) {
  const auto found =
      std::find_if(java_stores.begin(), java_stores.end(), [&](const auto& one) { return one.name == name; });
  if (found == java_stores.end()) throw std::runtime_error("no store " + name);
  return *found;
}

inline Bytes java_store_bytes(const std::string& name) { return java_workshop().read(name + ".store"); }

inline Keystore open_bytes(ByteView bytes, const std::string& password) {
  const SecretBytes given = secret(password);
  return open_keystore(bytes, {.source = "file.store", .password = &given});
}
inline Keystore open_java_store(const std::string& name) {
  return open_bytes(java_store_bytes(name), java_store(name).password);
}
inline SecretBytes sealed(const Keystore& store, const std::string& password) {
  const SecretBytes given = secret(password);
  return seal_keystore(store, &given);
}

// As Stores.java describes a store.
inline std::string description(const Keystore& store, const std::string& key_password) {
  return described(store, key_password, "-1");
}

}  // namespace chancery::java
