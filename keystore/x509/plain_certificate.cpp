#include "keystore/x509/plain_certificate.h"

#include <openssl/asn1t.h>
#include <openssl/provider.h>

namespace chancery {

// clang-format off
ASN1_SEQUENCE(PlainKey) = {
  ASN1_SIMPLE(PlainKey, algorithm, X509_ALGOR),
  ASN1_SIMPLE(PlainKey, bits, ASN1_BIT_STRING)
} ASN1_SEQUENCE_END(PlainKey)

namespace {

ASN1_SEQUENCE(PlainContents) = {
  ASN1_EXP_OPT(PlainContents, version, ASN1_INTEGER, 0),
  ASN1_SIMPLE(PlainContents, serial, ASN1_INTEGER),
  ASN1_SIMPLE(PlainContents, signature, X509_ALGOR),
  ASN1_SIMPLE(PlainContents, issuer, X509_NAME),
  ASN1_SIMPLE(PlainContents, validity, X509_VAL),
  ASN1_SIMPLE(PlainContents, subject, X509_NAME),
  ASN1_SIMPLE(PlainContents, key, PlainKey),
  ASN1_IMP_OPT(PlainContents, issuer_id, ASN1_BIT_STRING, 1),
  ASN1_IMP_OPT(PlainContents, subject_id, ASN1_BIT_STRING, 2),
  ASN1_EXP_SEQUENCE_OF_OPT(PlainContents, extensions, X509_EXTENSION, 3)
} static_ASN1_SEQUENCE_END(PlainContents)

ASN1_SEQUENCE(PlainCertificate) = {
  ASN1_SIMPLE(PlainCertificate, contents, PlainContents),
  ASN1_SIMPLE(PlainCertificate, algorithm, X509_ALGOR),
  ASN1_SIMPLE(PlainCertificate, signature, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(PlainCertificate)
      // clang-format on

      ossl::X509Ptr
      decode_whole(ByteView der, OSSL_LIB_CTX * context) {
    X509* made = X509_new_ex(context, nullptr);
    const unsigned char* at = der.data();
    // Frees what it was given when it fails.
    return ossl::X509Ptr(made == nullptr ? nullptr : d2i_X509(&made, &at, static_cast<long>(der.size())));
  }

}  // namespace

void FreePlain::operator()(PlainCertificate* certificate) const noexcept {
  ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(certificate), ASN1_ITEM_rptr(PlainCertificate));
}

PlainPtr decode_plain_certificate(ByteView der, std::size_t& trailing) {
  return decode_plain<PlainPtr>(ASN1_ITEM_rptr(PlainCertificate), der, trailing);
}

ossl::X509Ptr decode_with_key(ByteView der) { return decode_whole(der, nullptr); }

ossl::X509Ptr decode_without_key(ByteView der) {
  static OSSL_LIB_CTX* const context = [] {
    OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
    if (made != nullptr) (void)OSSL_PROVIDER_load(made, "null");
    return made;
  }();
  return decode_whole(der, context);
}

}  // namespace chancery
