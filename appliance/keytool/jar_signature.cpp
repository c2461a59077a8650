#include "appliance/keytool/jar_signature.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include <algorithm>
#include <optional>

#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr unsigned judge_nobody = CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY;

using CmsPtr = std::unique_ptr<CMS_ContentInfo, ossl::Deleter<CMS_ContentInfo_free>>;
using DigestPtr = std::unique_ptr<EVP_MD, ossl::Deleter<EVP_MD_free>>;

CmsPtr parsed(ByteView der) {
  const unsigned char* at = der.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  if (cms && OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) cms.reset();
  return cms;
}

ossl::BioPtr reading(ByteView bytes) {
  return ossl::BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

Bytes der_of(X509* certificate) {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509(certificate, &encoded);
  Bytes out;
  if (size > 0) out.assign(encoded, encoded + size);
  OPENSSL_free(encoded);
  return out;
}

// Java's way from a certificate to the next: by name, among those of the block.
std::vector<Bytes> chain_from(X509* signer, const STACK_OF(X509) * block) {
  std::vector<Bytes> chain{der_of(signer)};
  X509* last = signer;
  while (X509_NAME_cmp(X509_get_subject_name(last), X509_get_issuer_name(last)) != 0) {
    X509* issuer = nullptr;
    for (int at = 0; at < sk_X509_num(block) && issuer == nullptr; ++at) {
      X509* each = sk_X509_value(block, at);
      if (X509_NAME_cmp(X509_get_subject_name(each), X509_get_issuer_name(last)) == 0) issuer = each;
    }
    if (issuer == nullptr) break;
    Bytes der = der_of(issuer);
    if (std::ranges::find(chain, der) != chain.end()) break;  // two that issued each other
    chain.push_back(std::move(der));
    last = issuer;
  }
  return chain;
}

// Java lets a key with a keyUsage sign only where that has digitalSignature or nonRepudiation.
bool may_sign(X509* certificate) {
  const std::uint32_t usage = X509_get_key_usage(certificate);
  return usage == UINT32_MAX || (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
}

Bytes digest_by_oid(ByteView oid, ByteView bytes) {
  const unsigned char* at = oid.data();
  const std::unique_ptr<ASN1_OBJECT, ossl::Deleter<ASN1_OBJECT_free>> object(
      d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(oid.size())));
  const char* name = object ? OBJ_nid2sn(OBJ_obj2nid(object.get())) : nullptr;
  const DigestPtr digest(name == nullptr ? nullptr : EVP_MD_fetch(nullptr, name, nullptr));
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (!digest || EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, digest.get(), nullptr) != 1) return {};
  out.resize(size);
  return out;
}

// TSTInfo { version, policy, messageImprint { { digest }, value }, … } (RFC 3161, 2.4.2).
bool is_stamp_of(ByteView info, ByteView signature) {
  const auto outer = der::next(info, der::sequence);
  if (!outer) return false;
  ByteView in = outer->content;
  const auto version = der::next(in, der::integer);
  const auto policy = der::next(in, der::object_identifier);
  const auto imprint = der::next(in, der::sequence);
  if (!version || !policy || !imprint) return false;
  ByteView parts = imprint->content;
  const auto algorithm = der::next(parts, der::sequence);
  const auto value = der::next(parts, der::octet_string);
  if (!algorithm || !value) return false;
  ByteView inner = algorithm->content;
  const auto oid = der::next(inner, der::object_identifier);
  const Bytes made = oid ? digest_by_oid(oid->whole, signature) : Bytes();
  return !made.empty() && std::ranges::equal(made, value->content);
}

struct Stamp {
  bool is_right = true;
  std::vector<Bytes> chain;
};

Stamp stamp_of(CMS_SignerInfo* signer) {
  const int at = CMS_unsigned_get_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, -1);
  if (at < 0) return {};
  X509_ATTRIBUTE* attribute = CMS_unsigned_get_attr(signer, at);
  const auto* value = static_cast<const ASN1_STRING*>(X509_ATTRIBUTE_get0_data(attribute, 0, V_ASN1_SEQUENCE, nullptr));
  if (value == nullptr) return {.is_right = false, .chain = {}};
  const CmsPtr token = parsed({ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
  const ossl::BioPtr content(BIO_new(BIO_s_mem()));
  if (!token || !content || CMS_verify(token.get(), nullptr, nullptr, nullptr, content.get(), judge_nobody) != 1) {
    return {.is_right = false, .chain = {}};
  }
  char* info = nullptr;
  const long size = BIO_get_mem_data(content.get(), &info);
  const ASN1_OCTET_STRING* signature = CMS_SignerInfo_get0_signature(signer);
  const ossl::X509StackPtr certificates(CMS_get1_certs(token.get()));
  const std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })> signers(
      CMS_get0_signers(token.get()));
  const bool is_right =
      size > 0 && signers && sk_X509_num(signers.get()) > 0 &&
      is_stamp_of({reinterpret_cast<const std::uint8_t*>(info), static_cast<std::size_t>(size)},
                  {ASN1_STRING_get0_data(signature), static_cast<std::size_t>(ASN1_STRING_length(signature))});
  if (!is_right) return {.is_right = false, .chain = {}};
  return {.is_right = true, .chain = chain_from(sk_X509_value(signers.get(), 0), certificates.get())};
}

}  // namespace

std::optional<std::vector<CodeSigner>> signers_of(ByteView block, ByteView signed_bytes) {
  const CmsPtr cms = parsed(block);
  const ossl::BioPtr content = reading(signed_bytes);
  const bool is_right =
      cms && content && CMS_verify(cms.get(), nullptr, nullptr, content.get(), nullptr, judge_nobody) == 1;
  std::vector<CodeSigner> out;
  if (is_right) {
    const ossl::X509StackPtr certificates(CMS_get1_certs(cms.get()));
    STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
    for (int at = 0; at < sk_CMS_SignerInfo_num(signers); ++at) {
      CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(signers, at);
      X509* certificate = nullptr;
      CMS_SignerInfo_get0_algs(signer, nullptr, &certificate, nullptr, nullptr);
      Stamp stamp = stamp_of(signer);
      if (certificate == nullptr || !may_sign(certificate) || !stamp.is_right) continue;
      out.push_back({.chain = chain_from(certificate, certificates.get()), .time_stamp = std::move(stamp.chain)});
    }
  }
  ERR_clear_error();
  if (cms && !is_right) return std::nullopt;
  return out;
}

}  // namespace chancery::keytool
