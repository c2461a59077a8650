// The parts of a certificate as OpenSSL's own objects, with its key left as it is. For sources (.cpp) only.
//
//   std::size_t trailing = 0;
//   const PlainPtr plain = decode_plain_certificate(der, trailing);     // nullptr: not a certificate, OpenSSL's queue says why
//
// Takes and refuses what d2i_X509 does. That one decodes the key as well, which costs ten times the rest, and two
// milliseconds the first time.
#pragma once

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/handles.h"

namespace chancery {

struct PlainKey {
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* bits;
};
struct PlainContents {  // TBSCertificate, RFC 5280, 4.1
  ASN1_INTEGER* version;
  ASN1_INTEGER* serial;
  X509_ALGOR* signature;
  X509_NAME* issuer;
  X509_VAL* validity;
  X509_NAME* subject;
  PlainKey* key;
  ASN1_BIT_STRING* issuer_id;
  ASN1_BIT_STRING* subject_id;
  STACK_OF(X509_EXTENSION) * extensions;
};
struct PlainCertificate {
  PlainContents* contents;
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* signature;
};

DECLARE_ASN1_ITEM(PlainKey)

// One value of this type; `trailing`: how many bytes stand behind it. nullptr: none, OpenSSL's queue says why.
template <typename Pointer>
[[nodiscard]] Pointer decode_plain(const ASN1_ITEM* item, ByteView der, std::size_t& trailing) {
  const unsigned char* at = der.data();
  Pointer plain(
      reinterpret_cast<typename Pointer::pointer>(ASN1_item_d2i(nullptr, &at, static_cast<long>(der.size()), item)));
  trailing = static_cast<std::size_t>(der.data() + der.size() - at);
  return plain;
}

struct FreePlain {
  void operator()(PlainCertificate* certificate) const noexcept;
};
using PlainPtr = std::unique_ptr<PlainCertificate, FreePlain>;

// `trailing`: how many bytes stand behind it.
[[nodiscard]] PlainPtr decode_plain_certificate(ByteView der, std::size_t& trailing);

// OpenSSL's X509. nullptr where OpenSSL refuses.
[[nodiscard]] ossl::X509Ptr decode_with_key(ByteView der);
// In a context of no algorithms, where no key is even tried.
[[nodiscard]] ossl::X509Ptr decode_without_key(ByteView der);

}  // namespace chancery
