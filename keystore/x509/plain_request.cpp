#include "keystore/x509/plain_request.h"

#include <openssl/asn1t.h>

namespace chancery {
namespace {

// clang-format off
ASN1_SEQUENCE_enc(PlainRequestContents, encoding, nullptr) = {
  ASN1_SIMPLE(PlainRequestContents, version, ASN1_INTEGER),
  ASN1_SIMPLE(PlainRequestContents, subject, X509_NAME),
  ASN1_SIMPLE(PlainRequestContents, key, PlainKey),
  // Some write none where an empty set belongs.
  ASN1_IMP_SET_OF_OPT(PlainRequestContents, attributes, X509_ATTRIBUTE, 0)
} static_ASN1_SEQUENCE_END_ref(PlainRequestContents, PlainRequestContents)

ASN1_SEQUENCE(PlainRequest) = {
  ASN1_SIMPLE(PlainRequest, contents, PlainRequestContents),
  ASN1_SIMPLE(PlainRequest, algorithm, X509_ALGOR),
  ASN1_SIMPLE(PlainRequest, signature, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(PlainRequest)
// clang-format on

}  // namespace

void FreePlainRequest::operator()(PlainRequest* request) const noexcept {
  ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(request), ASN1_ITEM_rptr(PlainRequest));
}

PlainRequestPtr decode_plain_request(ByteView der, std::size_t& trailing) {
  return decode_plain<PlainRequestPtr>(ASN1_ITEM_rptr(PlainRequest), der, trailing);
}

Bytes key_of(const PlainRequest& request) {
  unsigned char* encoded = nullptr;
  const int size =
      ASN1_item_i2d(reinterpret_cast<ASN1_VALUE*>(request.contents->key), &encoded, ASN1_ITEM_rptr(PlainKey));
  if (size <= 0) return {};
  Bytes out(encoded, encoded + size);
  OPENSSL_free(encoded);
  return out;
}

ossl::ExtensionStackPtr extensions_of(const PlainRequest& request) {
  const STACK_OF(X509_ATTRIBUTE)* all = request.contents->attributes;
  // Microsoft's own identifier is met in the wild as well.
  for (const int kind : {NID_ext_req, NID_ms_ext_req}) {
    const int at = X509at_get_attr_by_NID(all, kind, -1);
    if (at < 0) continue;
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(X509at_get_attr(all, at), 0);
    if (value == nullptr || ASN1_TYPE_get(value) != V_ASN1_SEQUENCE) return nullptr;
    const unsigned char* bytes = ASN1_STRING_get0_data(value->value.sequence);
    return ossl::ExtensionStackPtr(reinterpret_cast<STACK_OF(X509_EXTENSION)*>(
        ASN1_item_d2i(nullptr, &bytes, ASN1_STRING_length(value->value.sequence), ASN1_ITEM_rptr(X509_EXTENSIONS))));
  }
  return nullptr;
}

bool is_signed_by(const PlainRequest& request, EVP_PKEY* key) {
  return ASN1_item_verify(ASN1_ITEM_rptr(PlainRequestContents), request.algorithm, request.signature, request.contents,
                          key) == 1;
}

}  // namespace chancery
