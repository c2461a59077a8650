#include "keystore/x509/plain_constraints.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"

namespace chancery {
namespace {

using ConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, ossl::Deleter<NAME_CONSTRAINTS_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, ossl::Deleter<X509_EXTENSION_free>>;

// As OpenSSL writes them.
Bytes constraints(const char* text) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, nullptr, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, NID_name_constraints, text));
  if (!extension) throw std::runtime_error(text);
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension.get());
  const unsigned char* data = ASN1_STRING_get0_data(value);
  return {data, data + ASN1_STRING_length(value)};
}

bool is_read_by_openssl(const Bytes& value) {
  const unsigned char* at = value.data();
  const ConstraintsPtr decoded(reinterpret_cast<NAME_CONSTRAINTS*>(
      ASN1_item_d2i(nullptr, &at, static_cast<long>(value.size()), ASN1_ITEM_rptr(NAME_CONSTRAINTS))));
  ERR_clear_error();
  return decoded && at == value.data() + value.size();
}

TEST(PlainConstraintsTest, ListsOfNamesArePlain) {
  EXPECT_TRUE(is_plain_constraints(constraints("permitted;DNS:a.example")));
  EXPECT_TRUE(is_plain_constraints(constraints("excluded;email:a.example")));
  EXPECT_TRUE(is_plain_constraints(
      constraints("permitted;DNS:a,permitted;IP:192.0.2.1/255.255.255.255,excluded;URI:b.example,excluded;email:c")));
}

TEST(PlainConstraintsTest, TheRestIsLeftToOpenssl) {
  for (const char* hex : {"3008a0063004a4023000",        // a directory name
                          "300ba009300782026162800100",  // a minimum
                          "3008a006300482026162ff",      // bytes behind it
                          "3008a10630048202616200",      // and within
                          "3010a106300482026163a006300482026162", "0500", "30", "3080a006300482026162"}) {
    EXPECT_FALSE(is_plain_constraints(from_hex(hex))) << hex;
  }
  EXPECT_FALSE(is_plain_constraints({}));
}

// Whatever is changed or cut off: what passes as plain, OpenSSL reads to the end.
TEST(PlainConstraintsTest, WhatIsPlainIsReadByOpenssl) {
  const Bytes whole =
      constraints("permitted;DNS:ab,permitted;IP:192.0.2.1/255.255.255.255,excluded;URI:b.c,excluded;email:c");
  ASSERT_TRUE(is_read_by_openssl(whole));
  std::size_t plain = 0, others = 0;
  const auto look = [&](const Bytes& value) {
    if (!is_plain_constraints(value)) {
      ++others;
      return;
    }
    ++plain;
    EXPECT_TRUE(is_read_by_openssl(value)) << to_hex(value);
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      look(changed);
    }
    look(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at)));
    Bytes shorter = whole;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at));
    look(shorter);
  }
  EXPECT_GT(plain, 1000U);
  EXPECT_GT(others, 1000U);
}

}  // namespace
}  // namespace chancery
