// Stores in the words of Stores.java and Pkcs12Stores.java: a line an entry, sorted.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "keystore/bytes/text_encoding.h"
#include "keystore/java/java_keystore.h"
#include "keystore/openssl/digest.h"

namespace chancery::java {

inline SecretBytes secret(const std::string& text) { return secret_copy(std::string_view(text)); }

// alias in hex, kind, date (`undated` where there is none), digests of the certificates, algorithm and digest of the key.
inline std::string described(const Keystore& store, const std::string& key_password, const std::string& undated) {
  std::vector<std::string> lines;
  for (const Entry& entry : store.entries) {
    std::string line = to_hex(view_of(entry.alias)) + ' ' + std::string(name_of(entry.kind)) + ' ' +
                       (entry.created_ms ? std::to_string(*entry.created_ms) : undated);
    for (const StoredCertificate& one : entry.certificates) line += ' ' + sha256_hex(one.der);
    if (entry.key) {
      const KeyMaterial key = open_key(store, entry, secret(key_password));
      EXPECT_EQ(key.kind, entry.kind);
      line += ' ' + key.algorithm + ' ' + sha256_hex(key.encoded);
    }
    lines.push_back(line + '\n');
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}

}  // namespace chancery::java
