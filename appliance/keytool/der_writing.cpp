#include "appliance/keytool/der_writing.h"

#include "appliance/keytool/certificate_view.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {

Bytes der_element(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  if (content.size() < 0x80) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    Bytes length;
    for (std::size_t left = content.size(); left != 0; left >>= 8) {
      length.insert(length.begin(), static_cast<std::uint8_t>(left));
    }
    out.push_back(static_cast<std::uint8_t>(0x80 | length.size()));
    out.insert(out.end(), length.begin(), length.end());
  }
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Bytes der_joined(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes der_sequence(std::initializer_list<ByteView> parts) { return der_element(der::sequence, der_joined(parts)); }

Bytes der_integer(std::uint64_t value) {
  Bytes content;
  do {
    content.insert(content.begin(), static_cast<std::uint8_t>(value));
    value >>= 8;
  } while (value != 0);
  if ((content.front() & 0x80) != 0) content.insert(content.begin(), 0);
  return der_element(der::integer, content);
}

Bytes der_oid(std::string_view dotted) { return der_element(der::object_identifier, oid_from_dotted(dotted)); }

}  // namespace chancery::keytool
