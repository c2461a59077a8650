// The PKCS#12 stores that Java, openssl and NSS made for the tests: made once per process, described by Java in one JVM
// (Pkcs12Stores.java). The folder also has what they were made of: root.crt, issuing.crt, leaf.crt and leaf.p8 (EC), rsa.crt
// and rsa.p8, ed.crt and ed.p8, and the same as .key.
//
//   const P12& made = p12("keys");
//   EXPECT_EQ(description(open_p12(made), made.key_password), p12_workshop().text("keys.txt"));
#pragma once

#include <algorithm>
#include <ostream>
#include <vector>

#include "keystore/java/java_keystore.h"
#include "keystore/java/pkcs12.h"
#include "tests/keystore/java/description.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {

struct P12 {
  std::string name;
  std::string password;  // "-": none
  std::string key_password;
  std::string maker = "java";  // or a command that writes NAME.p12
  enum class Java { agrees, sees_less, refuses, unasked } java = Java::agrees;
  friend std::ostream& operator<<(std::ostream& out, const P12& one) { return out << one.name; }
};

inline const std::vector<P12>& p12s() {
  static const std::string export_ = "openssl pkcs12 -export -passout pass:changeit ";
  static const std::string pair = export_ + "-inkey leaf.key -in leaf.crt -certfile cas.crt ";
  static const std::vector<P12> all = {
      {"empty", "changeit", "changeit"},
      {"one", "changeit", "changeit"},
      {"small", "changeit", "changeit"},
      {"many140", "changeit", "changeit"},
      {"many10000", "changeit", "changeit"},
      {"names", "changeit", "changeit"},
      {"keys", "changeit", "another password"},
      {"secrets", "changeit", "another password"},
      {"attributes", "changeit", "changeit"},
      {"small.legacy", "changeit", "changeit"},
      {"small.cert=PBEWithHmacSHA1AndAES_128,mac=HmacPBESHA1,key=PBEWithHmacSHA1AndAES_256", "changeit", "changeit"},
      {"small.cert=PBEWithHmacSHA224AndAES_256,mac=HmacPBESHA224,key=PBEWithHmacSHA384AndAES_128", "changeit",
       "changeit"},
      {"small.cert=PBEWithHmacSHA512AndAES_128,mac=HmacPBESHA384,key=PBEWithHmacSHA512AndAES_256", "changeit",
       "changeit"},
      {"small.cert=PBEWithSHA1AndRC4_128,mac=HmacPBESHA512,key=PBEWithSHA1AndRC2_128", "changeit", "changeit"},
      {"small.cert=PBEWithSHA1AndDESede,key=PBEWithMD5AndDES,count=1", "changeit", "changeit"},
      {"small.cert=PBEWithSHA1AndRC4_40", "changeit", "changeit"},
      {"small.cert=NONE", "changeit", "changeit"},
      {"small.certcount=2,keycount=2,count=2", "changeit", "changeit"},
      {"one.cert=NONE,mac=NONE", "-", "changeit"},
      {"many140.cert=NONE,mac=NONE", "changeit", "changeit"},
      {"attributes.cert=NONE", "", ""},
      {"openssl", "changeit", "changeit", pair + "-name Web -out openssl.p12"},
      {"openssl-no-name", "changeit", "changeit", pair + "-out openssl-no-name.p12"},
      {"openssl-legacy", "changeit", "changeit", pair + "-legacy -name Web -out openssl-legacy.p12"},
      {"openssl-rc2", "changeit", "changeit",
       pair + "-legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC4-128 -name web -out openssl-rc2.p12"},
      {"openssl-2des", "changeit", "changeit",
       pair + "-legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES -name web -out openssl-2des.p12",
       P12::Java::refuses},
      {"openssl-3des2", "changeit", "changeit",
       pair + "-keypbe des-ede3-cbc -certpbe aes-192-cbc -macalg sha512 -iter 3000 -name web -out openssl-3des2.p12",
       P12::Java::refuses},
      {"openssl-csp", "changeit", "changeit",
       pair + "-CSP 'Microsoft Enhanced Cryptographic Provider v1.0' -caname 'The Issuer' -caname The\\ Root -name web "
              "-out openssl-csp.p12"},
      {"openssl-empty-password", "", "",
       "openssl pkcs12 -export -passout pass: -inkey leaf.key -in leaf.crt -name web -out openssl-empty-password.p12"},
      {"openssl-plain-key", "changeit", "changeit", pair + "-keypbe NONE -name web -out openssl-plain-key.p12",
       P12::Java::sees_less},
      {"openssl-trust", "changeit", "changeit", export_ + "-nokeys -in cas.crt -name Corp -out openssl-trust.p12",
       P12::Java::sees_less},
      {"openssl-twice", "changeit", "changeit",
       "cat again.crt issuing.crt root.crt >candidates.crt && " + export_ +
           "-inkey leaf.key -in leaf.crt -certfile candidates.crt -name web -out openssl-twice.p12"},
      {"openssl-utf8", "pässwörd 日本 😀", "pässwörd 日本 😀",
       "openssl pkcs12 -export -passout 'pass:pässwörd 日本 😀' -inkey leaf.key -in leaf.crt -name web -out "
       "openssl-utf8.p12",
       P12::Java::refuses},
      {"openssl-utf8-legacy", "pässwörd 日本 😀", "pässwörd 日本 😀",
       "openssl pkcs12 -export -legacy -passout 'pass:pässwörd 日本 😀' -inkey leaf.key -in leaf.crt -name web -out "
       "openssl-utf8-legacy.p12",
       P12::Java::refuses},
      // OpenSSL takes what is not UTF-8 for Latin-1.
      {"openssl-latin1", "pässwörd", "pässwörd",
       "openssl pkcs12 -export -passout \"$(printf 'pass:p\\344ssw\\366rd')\" -inkey leaf.key -in leaf.crt -name web "
       "-out openssl-latin1.p12",
       P12::Java::refuses},
      // What OpenSSL 1.0 made of UTF-8, byte by byte.
      {"openssl-1.0", "pässwörd", "pässwörd",
       "openssl pkcs12 -export -legacy -passout 'pass:pÃ¤sswÃ¶rd' -inkey leaf.key -in leaf.crt -name web -out "
       "openssl-1.0.p12",
       P12::Java::refuses},
      {"nss-utf8", "pässwörd", "pässwörd", "pk12util -o nss-utf8.p12 -n web -d nss -K '' -W 'pässwörd'",
       P12::Java::refuses},
      {"nss-empty-password", "", "", "pk12util -o nss-empty-password.p12 -n web -d nss -K '' -W ''",
       P12::Java::unasked},
      {"nss", "changeit", "changeit", "pk12util -o nss.p12 -n web -d nss -K '' -W changeit", P12::Java::unasked},
      {"nss-legacy", "changeit", "changeit",
       "pk12util -o nss-legacy.p12 -n web -d nss -K '' -W changeit -c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple "
       "DES-CBC' -C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC'",
       P12::Java::unasked},
  };
  return all;
}

// Without those whose iterations (NSS: 600,000) take Java seconds, unless they were made anew.
inline void write_list(const Workshop& shop, bool is_renewed = false) {
  std::string list;
  for (const P12& one : p12s()) {
    if (one.java == P12::Java::unasked && !is_renewed) continue;
    list +=
        one.name + '\t' + one.password + '\t' + one.key_password + '\t' + (one.maker == "java" ? "java" : "") + '\n';
  }
  shop.write("list.tsv", list);
}

inline void run_java(const Workshop& shop, const std::string& verb_and_folders) {
  shop.run("LC_ALL=C.UTF-8 java -XX:TieredStopAtLevel=1 " CHANCERY_SOURCE_DIR
           "/tests/keystore/java/Pkcs12Stores.java " +
           verb_and_folders);
}

inline const Workshop& p12_workshop() {
  static const Workshop shop;
  static const std::string trouble = [] {
    try {
      shop.run("bash " CHANCERY_SOURCE_DIR "/tests/keystore/java/make_p12_material.sh");
      for (const P12& one : p12s()) {
        if (one.maker != "java") shop.run(one.maker);
      }
      write_list(shop);
      run_java(shop, "make .");
    } catch (const std::exception& failed) {
      return std::string(failed.what());
    }
    return std::string();
  }();
  if (!trouble.empty()) throw std::runtime_error(trouble.substr(0, 2000));
  return shop;
}

inline const P12& p12(const std::string& name) {
  const auto found = std::find_if(p12s().begin(), p12s().end(), [&](const P12& one) { return one.name == name; });
  if (found == p12s().end()) throw std::runtime_error("no store " + name);
  return *found;
}

inline Bytes p12_bytes(const std::string& name) { return p12_workshop().read(name + ".p12"); }

// "-": without a password.
inline Keystore open_bytes(ByteView bytes, const std::string& password, bool accept_absent_integrity = false) {
  const SecretBytes given = secret(password);
  return open_keystore(bytes, {.source = "file.p12",
                               .password = password == "-" ? nullptr : &given,
                               .accept_absent_integrity = accept_absent_integrity});
}
inline Keystore open_p12(const P12& made) { return open_bytes(p12_bytes(made.name), made.password); }
inline SecretBytes sealed(const Keystore& store, const std::string& password) {
  const SecretBytes given = secret(password);
  return seal_keystore(store, password == "-" ? nullptr : &given);
}

// As Pkcs12Stores.java describes a store.
inline std::string description(const Keystore& store, const std::string& key_password) {
  return described(store, key_password, "-");
}

}  // namespace chancery::java
