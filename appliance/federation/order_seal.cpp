#include "appliance/federation/order_seal.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <array>

#include "appliance/federation/order.h"
#include "keystore/openssl/handles.h"

namespace chancery::federation {
namespace {

using CmsPtr = std::unique_ptr<CMS_ContentInfo, ossl::Deleter<CMS_ContentInfo_free>>;
struct SignerStackFree {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }  // borrowed certificates
};
using BorrowedStack = std::unique_ptr<STACK_OF(X509), SignerStackFree>;

constexpr const char* sealing_hint = "look at this machine's OpenSSL: `openssl version -a`";
constexpr unsigned sign_flags = CMS_BINARY | CMS_NOSMIMECAP;
constexpr int security_level = 2;  // OpenSSL's: 112 bits, no SHA-1

Failure malformed(const std::string& cause) {
  ERR_clear_error();
  return Failure({.code = "order-malformed",
                  .subject = "order",
                  .cause = cause,
                  .hint = "primary and member must be of the same major version"});
}

Failure unreadable() {
  ERR_clear_error();
  return Failure({.code = "order-unreadable",
                  .subject = "order",
                  .cause = "it was encrypted for another key than the one of this appliance, or altered on the way",
                  .hint = "try again; if it stays so, the primary has another member certificate of this appliance: "
                          "chancery federation list"});
}

Failure refused(const std::string& subject, const std::string& cause) {
  ERR_clear_error();
  return Failure({.code = "order-refused",
                  .subject = subject,
                  .cause = cause,
                  .hint = "only this federation's primary and its members speak here; is its authority's root the one "
                          "that this appliance has? chancery authority root"});
}

ossl::BioPtr memory_of(ByteView bytes) {
  ossl::BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (!bio) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  return bio;
}

ossl::BioPtr empty_memory() {
  ossl::BioPtr bio(BIO_new(BIO_s_mem()));  // freed and grown with wiping, as OpenSSL's own
  if (!bio) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  return bio;
}

ByteView contents_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {reinterpret_cast<const std::uint8_t*>(data), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// OpenSSL does not wipe the content that a signature covers.
struct ContentWiper {
  CMS_ContentInfo* cms;
  ~ContentWiper() {
    ASN1_OCTET_STRING** content = CMS_get0_content(cms);
    if (content != nullptr && *content != nullptr) wipe((*content)->data, static_cast<std::size_t>((*content)->length));
  }
};

Bytes der_of(CMS_ContentInfo* cms) {
  const ossl::BioPtr out = empty_memory();
  if (i2d_CMS_bio(out.get(), cms) != 1) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  const ByteView bytes = contents_of(out.get());
  return {bytes.begin(), bytes.end()};
}

ossl::X509StackPtr stack_of(const std::vector<Certificate>& certificates, std::size_t from) {
  ossl::X509StackPtr stack(sk_X509_new_null());
  for (std::size_t i = from; stack && i < certificates.size(); ++i) {
    X509_up_ref(certificates[i].native());
    sk_X509_push(stack.get(), certificates[i].native());
  }
  if (!stack) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  return stack;
}

SecretBytes signed_by(ByteView content, const OrderSigner& signer) {
  const ossl::BioPtr in = memory_of(content);
  const auto more = stack_of(signer.chain, 1);
  const CmsPtr cms(CMS_sign(nullptr, nullptr, more.get(), nullptr, sign_flags | CMS_PARTIAL));
  if (!cms ||
      CMS_add1_signer(cms.get(), signer.chain.front().native(), signer.key.native(), EVP_sha256(), sign_flags) ==
          nullptr ||
      CMS_final(cms.get(), in.get(), nullptr, sign_flags) != 1) {
    throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  }
  const ContentWiper wiper{cms.get()};
  const ossl::BioPtr out = empty_memory();
  if (i2d_CMS_bio(out.get(), cms.get()) != 1) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  return secret_copy(contents_of(out.get()));
}

bool set_key_parameters(CMS_RecipientInfo* recipient) {
  EVP_PKEY_CTX* context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
  if (context == nullptr) return false;
  // Not the defaults of 1998: SHA-1 in the key derivation, PKCS#1 v1.5.
  if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_AGREE) {
    return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
  }
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1;
}

CmsPtr parsed(ByteView der, int kind) {
  const unsigned char* at = der.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  if (!cms || at != der.data() + der.size()) throw malformed("it is no CMS message");
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != kind) throw malformed("it is a CMS message of another kind");
  return cms;
}

SecretBytes decrypted(ByteView sealed, const OrderRecipient& recipient) {
  const CmsPtr cms = parsed(sealed, NID_id_smime_ct_authEnvelopedData);
  // One recipient, known by certificate: nothing that needs a password's or anybody's many rounds.
  STACK_OF(CMS_RecipientInfo)* recipients = CMS_get0_RecipientInfos(cms.get());
  if (sk_CMS_RecipientInfo_num(recipients) != 1) throw malformed("it is not for one recipient");
  const int type = CMS_RecipientInfo_type(sk_CMS_RecipientInfo_value(recipients, 0));
  if (type != CMS_RECIPINFO_AGREE && type != CMS_RECIPINFO_TRANS) throw malformed("it is not for a certificate");
  const ossl::BioPtr out = empty_memory();
  if (CMS_decrypt(cms.get(), recipient.key.native(), recipient.certificate.native(), nullptr, out.get(), CMS_BINARY) !=
      1) {
    throw unreadable();
  }
  return secret_copy(contents_of(out.get()));
}

// The one signer's certificate, by a signature over the whole content that is right.
X509* signer_of(CMS_ContentInfo* cms, BIO* content) {
  STACK_OF(CMS_SignerInfo)* infos = CMS_get0_SignerInfos(cms);
  if (sk_CMS_SignerInfo_num(infos) != 1) throw malformed("it has not one signer");
  X509_ALGOR* digest = nullptr;
  CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(infos, 0), nullptr, nullptr, &digest, nullptr);
  const int kind = digest == nullptr ? NID_undef : OBJ_obj2nid(digest->algorithm);
  if (kind != NID_sha256 && kind != NID_sha384 && kind != NID_sha512)
    throw malformed("its signature is of a weak kind");
  if (CMS_is_detached(cms) != 0) throw malformed("it does not hold what it signs");
  if (CMS_verify(cms, nullptr, nullptr, nullptr, content, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1) {
    throw refused("order", "its signature is not right");
  }
  const BorrowedStack signers(CMS_get0_signers(cms));
  if (!signers || sk_X509_num(signers.get()) != 1) throw malformed("it has not one signer");
  return sk_X509_value(signers.get(), 0);
}

Certificate value_of(X509* native) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(native, &der);
  if (size <= 0) throw malformed("a certificate in it cannot be read");
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owned(der, [](unsigned char* p) { OPENSSL_free(p); });
  return Certificate::from_der({der, static_cast<std::size_t>(size)});
}

void expect_chain(X509* signer, STACK_OF(X509) * between, const OrderTrust& trust, Instant now) {
  const ossl::X509StorePtr store(X509_STORE_new());
  const ossl::X509StoreCtxPtr context(X509_STORE_CTX_new());
  if (!store || !context) throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  for (const Certificate& root : trust.roots) X509_STORE_add_cert(store.get(), root.native());
  if (X509_STORE_CTX_init(context.get(), store.get(), signer, between) != 1) {
    throw ossl::openssl_failure("order-failed", "order", sealing_hint);
  }
  X509_VERIFY_PARAM* demands = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(demands, static_cast<time_t>(now.time_since_epoch().count()));
  X509_VERIFY_PARAM_set_flags(demands, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_auth_level(demands, security_level);
  X509_VERIFY_PARAM_set_depth(demands, 4);
  if (X509_verify_cert(context.get()) != 1) {
    const int reason = X509_STORE_CTX_get_error(context.get());
    throw refused(value_of(signer).subject(),
                  std::string("its signer is not of this federation: ") + X509_verify_cert_error_string(reason));
  }
  if (!trust.is_revoked) return;
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const Certificate each = value_of(sk_X509_value(chain, i));
    if (trust.is_revoked(each)) throw refused(each.subject(), "the certificate that signed it is revoked");
  }
}

}  // namespace

Bytes seal(ByteView content, const OrderSigner& signer, const Certificate& recipient) {
  const SecretBytes inner = signed_by(content, signer);
  const ossl::BioPtr in = memory_of(view_of(inner));
  const CmsPtr cms(CMS_encrypt(nullptr, nullptr, EVP_aes_256_gcm(), CMS_BINARY | CMS_PARTIAL));
  CMS_RecipientInfo* info =
      cms ? CMS_add1_recipient_cert(cms.get(), recipient.native(), CMS_BINARY | CMS_KEY_PARAM) : nullptr;
  if (info == nullptr || !set_key_parameters(info) || CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY) != 1) {
    throw ossl::openssl_failure("order-failed", recipient.subject(), sealing_hint);
  }
  return der_of(cms.get());
}

Opened open_sealed(ByteView sealed, const OrderRecipient& recipient, const OrderTrust& trust, Instant now) {
  if (sealed.empty() || sealed.size() > sealed_order_limit) throw malformed("it is empty or too large");
  const SecretBytes inner = decrypted(sealed, recipient);
  const CmsPtr cms = parsed(view_of(inner), NID_pkcs7_signed);
  const ContentWiper wiper{cms.get()};
  const ossl::BioPtr content = empty_memory();
  X509* signer = signer_of(cms.get(), content.get());
  const ossl::X509StackPtr all(CMS_get1_certs(cms.get()));
  constexpr int most_certificates = 8;
  if (sk_X509_num(all.get()) > most_certificates) throw malformed("it brings too many certificates");
  expect_chain(signer, all.get(), trust, now);
  return {.content = secret_copy(contents_of(content.get())), .signer = value_of(signer)};
}

}  // namespace chancery::federation
