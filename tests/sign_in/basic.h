// An Authorization header of HTTP Basic (RFC 7617), as a browser writes it.
#pragma once

#include <sodium.h>

#include <string>

namespace chancery::test {

inline std::string basic(const std::string& user, const std::string& password) {
  const std::string plain = user + ":" + password;
  std::string encoded(sodium_base64_encoded_len(plain.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char*>(plain.data()), plain.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  encoded.pop_back();  // the zero at its end
  return "Basic " + encoded;
}

}  // namespace chancery::test
