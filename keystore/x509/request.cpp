#include "keystore/x509/request.h"

#include <openssl/err.h>

#include "keystore/openssl/alternative_names.h"
#include "keystore/x509/key_description.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/plain_request.h"
#include "keystore/x509/public_key.h"

namespace chancery {
namespace {

constexpr std::size_t largest = 64 * 1024;
constexpr std::size_t longest_common_name = 64;  // RFC 5280, ub-common-name

Failure not_a_request(std::string cause) {
  return Failure(
      {.code = "not-a-request",
       .subject = "certificate request",
       .cause = std::move(cause),
       .hint = "make one with `chancery cert csr IDENTITY`, or look at this with `openssl req -in FILE -text`"});
}

// Of a key that OpenSSL does not know.
KeyDescription described(ByteView public_key_der) {
  struct Free {
    void operator()(X509_PUBKEY* key) const noexcept { X509_PUBKEY_free(key); }
  };
  const unsigned char* at = public_key_der.data();
  const std::unique_ptr<X509_PUBKEY, Free> key(d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(public_key_der.size())));
  if (!key) throw not_a_request("its public key cannot be read");
  return describe(key.get());
}

void add_names(X509_REQ* request, const std::vector<AlternativeName>& names) {
  if (names.empty()) return;
  const ossl::GeneralNamesPtr general = ossl::to_general_names(names);
  const ossl::ExtensionStackPtr extensions(sk_X509_EXTENSION_new_null());
  ossl::ExtensionPtr extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, general.get()));
  if (!extensions || !extension || sk_X509_EXTENSION_push(extensions.get(), extension.get()) <= 0) {
    throw not_a_request("its names cannot be written: " + ossl::drain_errors());
  }
  extension.release();
  if (X509_REQ_add_extensions(request, extensions.get()) != 1) {
    throw not_a_request("its names cannot be written: " + ossl::drain_errors());
  }
}

}  // namespace

struct CertificateRequest::State {
  PlainRequestPtr plain;
  ossl::KeyPtr decoded;  // nullptr: of a kind that OpenSSL does not know
  Bytes der;
  std::string subject;
  std::vector<AlternativeName> names;
  KeyDescription key;
  Bytes public_key_der;
  Sha256 key_digest{};
};

CertificateRequest CertificateRequest::make(const PrivateKey& key, const std::vector<AlternativeName>& names) {
  const ossl::X509ReqPtr request(X509_REQ_new());
  const auto failed = [] {
    return ossl::openssl_failure("crypto-failed", "certificate request", "check the installation of OpenSSL");
  };
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1) throw failed();
  if (!names.empty() && names.front().value.size() <= longest_common_name) {
    const std::string& value = names.front().value;
    if (X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                   -1, 0) != 1) {
      throw failed();
    }
  }
  add_names(request.get(), names);
  const KeyDescription description = key.description();
  const bool is_edwards = description.type == "Ed25519" || description.type == "Ed448";
  if (X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), is_edwards ? nullptr : EVP_sha256()) <= 0) {
    throw failed();
  }
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_REQ(request.get(), &encoded);
  if (size <= 0) throw failed();
  const Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return from_der(der);
}

CertificateRequest CertificateRequest::from_der(ByteView der) {
  if (der.size() > largest) throw not_a_request("it has more than 64 KiB");
  auto state = std::make_shared<State>();
  std::size_t trailing = 0;
  state->plain = decode_plain_request(der, trailing);
  if (!state->plain) throw not_a_request("these bytes are not a PKCS#10 request: " + ossl::drain_errors());
  if (trailing != 0) throw not_a_request("bytes follow after the end of the request");
  state->der.assign(der.begin(), der.end());
  state->subject = ossl::to_text(state->plain->contents->subject);
  state->public_key_der = key_of(*state->plain);
  if (state->public_key_der.empty()) throw not_a_request("its public key cannot be read");
  state->decoded = decode_public_key(state->public_key_der);
  state->key = state->decoded ? describe(state->decoded.get()) : described(state->public_key_der);
  state->key_digest = sha256(state->public_key_der);
  if (const ossl::ExtensionStackPtr extensions = extensions_of(*state->plain)) {
    const ossl::GeneralNamesPtr names(
        static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
    state->names = ossl::from_general_names(names.get());
  }
  ERR_clear_error();
  return CertificateRequest(std::move(state));
}

CertificateRequest CertificateRequest::from_pem(ByteView pem) {
  pem::Scanner scanner(pem);
  for (int count = 0; count < 100; ++count) {
    const auto block = scanner.next();
    if (!block) break;
    if (block->label != "CERTIFICATE REQUEST" && block->label != "NEW CERTIFICATE REQUEST") continue;
    Bytes der;
    if (!block->is_closed || !pem::decode_into(block->body, der)) throw not_a_request("its PEM block is damaged");
    return from_der(der);
  }
  throw not_a_request("there is no CERTIFICATE REQUEST block in it");
}

const Bytes& CertificateRequest::der() const noexcept { return state_->der; }
std::string CertificateRequest::to_pem() const { return pem::encode("CERTIFICATE REQUEST", state_->der); }
const std::string& CertificateRequest::subject() const noexcept { return state_->subject; }
const std::vector<AlternativeName>& CertificateRequest::names() const noexcept { return state_->names; }
const KeyDescription& CertificateRequest::key() const noexcept { return state_->key; }
const Bytes& CertificateRequest::public_key_der() const noexcept { return state_->public_key_der; }
const Sha256& CertificateRequest::key_digest() const noexcept { return state_->key_digest; }

bool CertificateRequest::is_self_signature_valid() const {
  EVP_PKEY* key = state_->decoded.get();
  const bool valid = key != nullptr && is_signed_by(*state_->plain, key);
  ERR_clear_error();
  return valid;
}

}  // namespace chancery
