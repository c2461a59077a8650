// A certificate request (PKCS#10, RFC 2986) as OpenSSL's own objects, with its key left as it is. For sources (.cpp) only.
//
//   std::size_t trailing = 0;
//   const PlainRequestPtr plain = decode_plain_request(der, trailing);   // nullptr: not a request, OpenSSL's queue says why
//
// Takes and refuses what d2i_X509_REQ does. That one looks for a decoder of the key as well, which costs more than
// everything else here.
#pragma once

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/plain_certificate.h"

namespace chancery {

struct PlainRequestContents {  // CertificationRequestInfo
  ASN1_ENCODING encoding;      // as it came: what the signature is over
  ASN1_INTEGER* version;
  X509_NAME* subject;
  PlainKey* key;
  STACK_OF(X509_ATTRIBUTE) * attributes;
};
struct PlainRequest {
  PlainRequestContents* contents;
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* signature;
};

struct FreePlainRequest {
  void operator()(PlainRequest* request) const noexcept;
};
using PlainRequestPtr = std::unique_ptr<PlainRequest, FreePlainRequest>;

// `trailing`: how many bytes stand behind it.
[[nodiscard]] PlainRequestPtr decode_plain_request(ByteView der, std::size_t& trailing);

// The SubjectPublicKeyInfo; empty where it cannot be encoded.
[[nodiscard]] Bytes key_of(const PlainRequest& request);
// The extensions that it asks for; nullptr where it asks for none that can be read.
[[nodiscard]] ossl::ExtensionStackPtr extensions_of(const PlainRequest& request);
// Whether this key verifies its signature.
[[nodiscard]] bool is_signed_by(const PlainRequest& request, EVP_PKEY* key);

}  // namespace chancery
