// What the tests of the PEM doctor share: one identity in three kinds of key, made by openssl, and the codes of notes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"
#include "tests/keystore/workshop.h"

namespace chancery {

inline std::vector<std::string> codes(const Material& found) {
  std::vector<std::string> out;
  for (const MaterialNote& note : found.notes) {
    out.push_back(note.code);
    EXPECT_FALSE(note.hint.empty()) << note.code;
    EXPECT_FALSE(note.message.empty()) << note.code;
    EXPECT_THAT(note.subject, ::testing::HasSubstr("portal")) << note.code;
  }
  return out;
}

// Fixtures are made once for all tests of a file; `pair` and `ec.p8` too, for stores.
class MaterialTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop_ = new Workshop;
    shop_->run(
        "echo 'correct horse' >pass && openssl ecparam -genkey -name prime256v1 -out ec.key && "
        "openssl genrsa -traditional -out rsa.key 2048 && openssl genpkey -algorithm ED25519 -out ed.key && "
        "for k in ec rsa ed; do openssl req -x509 -new -key $k.key -subj /CN=$k.example.com -days 30 -out $k.crt || "
        "exit 1; done && "
        "openssl req -new -key ec.key -subj /CN=ec.example.com -out ec.csr && cat ec.crt ec.key >pair && "
        "openssl pkcs8 -topk8 -nocrypt -in ec.key -out ec.p8");
  }
  static void TearDownTestSuite() {
    delete shop_;
    shop_ = nullptr;
  }

  static Material read(ByteView bytes, const char* passphrase = nullptr) {
    const SecretBytes secret = secret_copy(std::string_view(passphrase == nullptr ? "" : passphrase));
    return read_material(bytes, {.source = "portal.file", .passphrase = passphrase == nullptr ? nullptr : &secret});
  }
  static Material read_text(std::string_view text) { return read(view_of(text)); }
  static Material read_made(const std::string& command, const char* passphrase = nullptr) {
    shop_->run(command);
    return read(shop_->read("out"), passphrase);
  }
  static std::string text(const char* name) { return shop_->text(name); }
  static bool is_identity(const Material& found) {
    return found.certificates.size() == 1 && found.keys.size() == 1 && found.keys[0].belongs_to(found.certificates[0]);
  }
  static std::string crlf(const std::string& text) {
    std::string out;
    for (const char unit : text) out += unit == '\n' ? std::string("\r\n") : std::string(1, unit);
    return out;
  }
  static Bytes replaced(Bytes der, const std::string& from_hex_text, const std::string& to_hex_text) {
    const Bytes from = from_hex(from_hex_text), to = from_hex(to_hex_text);
    auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
    EXPECT_NE(at, der.end());
    for (; at != der.end(); at = std::search(at, der.end(), from.begin(), from.end())) {
      std::copy(to.begin(), to.end(), at);
    }
    return der;
  }

  static inline Workshop* shop_ = nullptr;
};

}  // namespace chancery
