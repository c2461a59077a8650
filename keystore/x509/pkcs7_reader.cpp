#include <openssl/cms.h>
#include <openssl/err.h>

#include "keystore/openssl/handles.h"
#include "keystore/x509/material_doctor.h"

namespace chancery {
namespace {

struct FreeCms {
  void operator()(CMS_ContentInfo* content) const noexcept { CMS_ContentInfo_free(content); }
};
struct FreeRevocationLists {
  void operator()(STACK_OF(X509_CRL) * stack) const noexcept { sk_X509_CRL_pop_free(stack, X509_CRL_free); }
};

}  // namespace

void MaterialDoctor::take_pkcs7(ByteView der, const std::string& subject) {
  const unsigned char* at = der.data();
  const std::unique_ptr<CMS_ContentInfo, FreeCms> content(
      d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!content) return note_damaged(subject, "its PKCS#7 structure is broken");
  if (at != der.data() + der.size()) return note_damaged(subject, "bytes follow after the end of its PKCS#7 structure");
  if (OBJ_obj2nid(CMS_get0_type(content.get())) != NID_pkcs7_signed) {
    return note("not-a-certificate", subject, "is a PKCS#7 message that holds no certificates in the open",
                "export the certificates as PEM (\"Base64\"), or as PKCS#7 without encryption");
  }
  note("converted-from-pkcs7", subject, "is a PKCS#7 file (.p7b)", "nothing to do: it is converted on the way in");
  const ossl::X509StackPtr certificates(CMS_get1_certs(content.get()));
  const int count = certificates ? sk_X509_num(certificates.get()) : 0;
  if (count == 0) {
    note("not-a-certificate", subject, "is a PKCS#7 file without a certificate",
         "export it again with the certificates included");
  }
  for (int index = 0; index < count; ++index) {
    unsigned char* encoded = nullptr;
    const int size = i2d_X509(sk_X509_value(certificates.get(), index), &encoded);
    if (size > 0) take_certificate({encoded, static_cast<std::size_t>(size)}, subject);
    OPENSSL_free(encoded);
  }
  const std::unique_ptr<STACK_OF(X509_CRL), FreeRevocationLists> lists(CMS_get1_crls(content.get()));
  if (lists && sk_X509_CRL_num(lists.get()) > 0) {
    note_unused(subject, "also holds certificate revocation lists, which are not needed here");
  }
  ERR_clear_error();
}

}  // namespace chancery
