#include "appliance/membership/revocation_list.h"

#include <openssl/err.h>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery {
namespace {

constexpr std::size_t largest = std::size_t{4} * 1024 * 1024;
constexpr const char* pem_label = "X509 CRL";

Failure bad(const std::string& cause) {
  return Failure({.code = "bad-crl",
                  .subject = "revocation list",
                  .cause = cause,
                  .hint = "the federation's own is at https://PRIMARY:8444/crl; chancery-manager fetches it anew"});
}

ossl::X509CrlPtr parsed(ByteView der) {
  const unsigned char* at = der.data();
  ossl::X509CrlPtr list(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  if (!list || at != der.data() + der.size()) {
    ERR_clear_error();
    throw bad("it cannot be read");
  }
  return list;
}

Bytes octets_of(const ASN1_STRING* text) {
  const unsigned char* data = ASN1_STRING_get0_data(text);
  return {data, data + ASN1_STRING_length(text)};
}

Instant instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) throw bad("a date in it cannot be read");
  return Instant{std::chrono::seconds{timegm(&parts)}};
}

// As Certificate::serial() writes it.
std::string serial_text(const ASN1_INTEGER* serial) { return to_hex(octets_of(serial)); }

}  // namespace

RevocationList RevocationList::from_der(ByteView der) {
  if (der.size() > largest) throw bad("it is larger than 4 MiB");
  const ossl::X509CrlPtr crl = parsed(der);
  RevocationList list;
  list.der_.assign(der.begin(), der.end());
  unsigned char* name = nullptr;
  const int size = i2d_X509_NAME(X509_CRL_get_issuer(crl.get()), &name);
  if (size <= 0) throw bad("its issuer cannot be read");
  list.issuer_ = der::canonical_name({name, static_cast<std::size_t>(size)});
  OPENSSL_free(name);
  list.this_update_ = instant_of(X509_CRL_get0_lastUpdate(crl.get()));
  list.next_update_ = instant_of(X509_CRL_get0_nextUpdate(crl.get()));
  auto* key_id =
      static_cast<AUTHORITY_KEYID*>(X509_CRL_get_ext_d2i(crl.get(), NID_authority_key_identifier, nullptr, nullptr));
  if (key_id != nullptr && key_id->keyid != nullptr) list.authority_key_id_ = octets_of(key_id->keyid);
  AUTHORITY_KEYID_free(key_id);
  auto* number = static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr));
  if (number != nullptr) ASN1_INTEGER_get_uint64(&list.number_, number);
  ASN1_INTEGER_free(number);
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
  for (int at = 0; at < sk_X509_REVOKED_num(entries); ++at) {
    list.serials_.insert(serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, at))));
  }
  ERR_clear_error();
  return list;
}

RevocationList RevocationList::from_pem(ByteView pem) {
  pem::Scanner scanner(pem);
  const auto block = scanner.next();
  Bytes der;
  if (!block || block->label != pem_label || !block->is_closed || !pem::decode_into(block->body, der)) {
    throw bad("it is no PEM of a revocation list");
  }
  return from_der(der);
}

bool RevocationList::lists(const Certificate& certificate) const {
  return serials_.contains(certificate.serial()) && certificate.issuer_der() == issuer_;
}

bool RevocationList::is_signed_by(const Certificate& issuer) const {
  if (issuer.subject_der() != issuer_) return false;
  const ossl::X509CrlPtr crl = parsed(der_);
  const bool fits = X509_CRL_verify(crl.get(), X509_get0_pubkey(issuer.native())) == 1;
  ERR_clear_error();
  return fits;
}

bool RevocationList::covers(const Certificate& certificate) const {
  if (certificate.issuer_der() != issuer_) return false;
  const Bytes& key = certificate.authority_key_id();
  return key.empty() || authority_key_id_.empty() || key == authority_key_id_;
}

bool RevocationList::is_of_the_issuer_of(const RevocationList& other) const {
  return issuer_ == other.issuer_ && authority_key_id_ == other.authority_key_id_;
}

std::string RevocationList::to_pem() const {
  const std::string body = to_base64(der_);
  std::string text = std::string("-----BEGIN ") + pem_label + "-----\n";
  for (std::size_t at = 0; at < body.size(); at += 64) text += body.substr(at, 64) + "\n";
  return text + "-----END " + pem_label + "-----\n";
}

std::vector<RevocationList> revocation_lists(ByteView pem) {
  if (pem.size() > 2 * largest) throw bad("the file is larger than 8 MiB");
  std::vector<RevocationList> lists;
  pem::Scanner scanner(pem);
  while (const auto block = scanner.next()) {
    Bytes der;
    if (block->label != pem_label || !block->is_closed || !pem::decode_into(block->body, der)) {
      throw bad("it is no PEM of revocation lists");
    }
    lists.push_back(RevocationList::from_der(der));
  }
  if (lists.empty()) throw bad("there is none in it");
  return lists;
}

}  // namespace chancery
