// What a DER structure is, told by its shape alone; and what a file is that is neither PEM nor DER. Internal to the PEM
// doctor (material.h).
#pragma once

#include <optional>
#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery {

enum class ContentKind {
  unknown,
  certificate,
  request,
  revocation_list,
  pkcs7,
  pkcs12,
  pkcs8_key,
  encrypted_key,  // PKCS#8 EncryptedPrivateKeyInfo
  pkcs1_key,
  sec1_key,
  dsa_key,
  public_key,
  parameters,
};

// Bytes behind the structure are not looked at. Lengths may be indefinite for PKCS#7 and PKCS#12, as Windows and
// BouncyCastle write them.
[[nodiscard]] ContentKind kind_of(ByteView der);
// "a certificate request", with its article.
[[nodiscard]] const char* name_of(ContentKind kind);

struct ForeignFormat {
  std::string message;  // "is a Java keystore (JKS)"
  std::string hint;
};
// Recognises what people mistake for a certificate file: Java keystores, web pages, SSH and PGP keys, archives, UTF-16.
// `source` is quoted in the hints.
[[nodiscard]] std::optional<ForeignFormat> foreign_format(ByteView bytes, const std::string& source);
// The same for the label of a PEM-like block ("OPENSSH PRIVATE KEY", "PGP PUBLIC KEY BLOCK").
[[nodiscard]] std::optional<ForeignFormat> foreign_label(std::string_view label, const std::string& source);

}  // namespace chancery
