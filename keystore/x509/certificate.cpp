#include "keystore/x509/certificate.h"

#include <openssl/err.h>

#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/alternative_names.h"
#include "keystore/x509/der.h"
#include "keystore/x509/key_description.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/plain_certificate.h"
#include "keystore/x509/plain_constraints.h"
#include "keystore/x509/public_key.h"
#include "keystore/x509/recent_authorities.h"
#include "keystore/x509/signature_check.h"

namespace chancery {
namespace {

constexpr std::size_t largest = 1024 * 1024;

Failure not_a_certificate(std::string cause) {
  return Failure({.code = "not-a-certificate",
                  .subject = "certificate",
                  .cause = std::move(cause),
                  .hint = "look at it with `openssl x509 -in FILE -noout -text`, or get it from the CA again"});
}

std::string dotted(const ASN1_OBJECT* object) {
  char text[160];
  const int size = OBJ_obj2txt(text, sizeof text, object, 1);
  return size > 0 ? text : "?";
}

// A time that cannot be read makes the certificate invalid at any time: it begins after all and has ended before all.
constexpr Instant never_begins = std::chrono::sys_days{std::chrono::year{9999} / 12 / 31};
constexpr Instant long_ended = std::chrono::sys_days{std::chrono::year{1} / 1 / 1};

Instant instant_of(const ASN1_TIME* time, Instant otherwise) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return otherwise;
  }
  const std::chrono::year_month_day date{std::chrono::year{parts.tm_year + 1900},
                                         std::chrono::month{static_cast<unsigned>(parts.tm_mon + 1)},
                                         std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
  if (!date.ok()) return otherwise;
  return Instant{std::chrono::sys_days{date}} + std::chrono::hours{parts.tm_hour} + std::chrono::minutes{parts.tm_min} +
         std::chrono::seconds{parts.tm_sec};
}

std::string serial_text(const ASN1_INTEGER* serial) {
  const ByteView bytes{ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))};
  const std::string sign = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0 ? "-" : "";
  return sign + (bytes.empty() ? "00" : to_hex(bytes));
}

Bytes bytes_of_string(const ASN1_STRING* string) {
  if (string == nullptr || ASN1_STRING_length(string) <= 0) return {};
  const unsigned char* data = ASN1_STRING_get0_data(string);
  return {data, data + ASN1_STRING_length(string)};
}

Bytes der_of_name(const X509_NAME* name) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &data, &size) != 1) throw not_a_certificate("a name in it cannot be encoded");
  return {data, data + size};
}

bool is_processed(int nid) {
  switch (nid) {
    case NID_basic_constraints:
    case NID_key_usage:
    case NID_ext_key_usage:
    case NID_subject_alt_name:
    case NID_name_constraints:
    case NID_certificate_policies:
    case NID_policy_constraints:
    case NID_policy_mappings:
    case NID_inhibit_any_policy:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct Certificate::State {
  Bytes der;
  std::string fingerprint;
  std::string subject, issuer, common_name;
  Bytes subject_der, issuer_der;
  std::string serial;
  std::vector<AlternativeName> names;
  Instant not_before{}, not_after{};
  Sha256 key_digest{};
  int version = 1;
  std::string signature_algorithm, signature_digest;
  bool is_ca = false;
  std::optional<int> path_length;
  bool has_key_usage = false;
  bool may_sign = true;
  std::vector<std::string> extended_key_usages;
  std::vector<std::string> unknown_critical;
  Bytes subject_key_id, authority_key_id;

  // What costs more than the rest is done when asked, once: decoding the key, and checking a signature.
  mutable std::once_flag native_once, public_key_once, key_once, self_signed_once;
  mutable ossl::X509Ptr native;
  mutable ossl::KeyPtr public_key;  // nullptr: of a kind that OpenSSL does not know
  mutable KeyDescription key;
  mutable bool self_signed = false;

  X509* with_key() const;
  EVP_PKEY* decoded_key() const;
  const KeyDescription& described_key() const;

  using Extensions = STACK_OF(X509_EXTENSION);
  void read_names(const PlainContents& contents);
  void read_key_digest();
  void read_signature(const X509_ALGOR* algorithm);
  void read_extensions(const Extensions* extensions);
  void read_constraints(const Extensions* extensions);
  void read_usages(const Extensions* extensions);

  // The decoded extension; an unreadable or repeated one is put among those we do not understand, critical or not.
  template <typename T>
  T* extension(const Extensions* extensions, int nid, bool& present) {
    int critical = -1;
    T* decoded = static_cast<T*>(X509V3_get_d2i(extensions, nid, &critical, nullptr));
    present = critical != -1;
    if (decoded == nullptr && present) unknown_critical.push_back(dotted(OBJ_nid2obj(nid)));
    return decoded;
  }
};

void Certificate::State::read_names(const PlainContents& contents) {
  subject = ossl::to_text(contents.subject);
  issuer = ossl::to_text(contents.issuer);
  common_name = ossl::common_name_of(contents.subject);
  subject_der = der::canonical_name(der_of_name(contents.subject));
  issuer_der = der::canonical_name(der_of_name(contents.issuer));
}

X509* Certificate::State::with_key() const {
  std::call_once(native_once, [this] {
    native = decode_with_key(der);
    if (!native) native = decode_without_key(der);
    ERR_clear_error();
  });
  return native.get();
}

EVP_PKEY* Certificate::State::decoded_key() const {
  std::call_once(public_key_once, [this] {
    if (const auto outline = der::outline_of(der)) public_key = decode_public_key(outline->key);
    ERR_clear_error();
  });
  return public_key.get();
}

const KeyDescription& Certificate::State::described_key() const {
  std::call_once(key_once, [this] { key = describe(X509_get_X509_PUBKEY(with_key())); });
  return key;
}

void Certificate::State::read_key_digest() {
  if (const auto outline = der::outline_of(der)) {
    key_digest = sha256(outline->key);
    return;
  }
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(with_key()), &encoded);
  if (size <= 0) throw not_a_certificate("its public key cannot be encoded");
  key_digest = sha256({encoded, static_cast<std::size_t>(size)});
  OPENSSL_free(encoded);
}

void Certificate::State::read_signature(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  const int nid = OBJ_obj2nid(object);
  signature_algorithm = nid == NID_undef ? dotted(object) : OBJ_nid2ln(nid);
  int digest = NID_undef;
  OBJ_find_sigid_algs(nid, &digest, nullptr);
  // RSA-PSS names its digest in the parameters. Not asked otherwise: it makes OpenSSL decode every extension.
  if (nid == NID_rsassaPss) X509_get_signature_info(with_key(), &digest, nullptr, nullptr, nullptr);
  signature_digest = digest == NID_undef ? "" : OBJ_nid2sn(digest);
}

void Certificate::State::read_constraints(const Extensions* extensions) {
  bool present = false;
  struct Free {
    void operator()(BASIC_CONSTRAINTS* constraints) const noexcept { BASIC_CONSTRAINTS_free(constraints); }
  };
  const std::unique_ptr<BASIC_CONSTRAINTS, Free> basic(
      extension<BASIC_CONSTRAINTS>(extensions, NID_basic_constraints, present));
  if (!basic) return;
  is_ca = version == 3 && basic->ca != 0;
  if (basic->pathlen == nullptr) return;
  std::int64_t length = 0;
  if (ASN1_INTEGER_get_int64(&length, basic->pathlen) != 1) length = std::numeric_limits<int>::max();
  if (length < 0) {
    unknown_critical.push_back(dotted(OBJ_nid2obj(NID_basic_constraints)));
    length = 0;
  }
  path_length = static_cast<int>(std::min<std::int64_t>(length, std::numeric_limits<int>::max()));
}

void Certificate::State::read_usages(const Extensions* extensions) {
  struct FreeBits {
    void operator()(ASN1_BIT_STRING* bits) const noexcept { ASN1_BIT_STRING_free(bits); }
  };
  struct FreeUsages {
    void operator()(EXTENDED_KEY_USAGE* usages) const noexcept { EXTENDED_KEY_USAGE_free(usages); }
  };
  constexpr int key_cert_sign = 5;
  const std::unique_ptr<ASN1_BIT_STRING, FreeBits> bits(
      extension<ASN1_BIT_STRING>(extensions, NID_key_usage, has_key_usage));
  if (has_key_usage) may_sign = bits && ASN1_BIT_STRING_get_bit(bits.get(), key_cert_sign) == 1;

  bool present = false;
  const std::unique_ptr<EXTENDED_KEY_USAGE, FreeUsages> usages(
      extension<EXTENDED_KEY_USAGE>(extensions, NID_ext_key_usage, present));
  if (!present) return;
  const int count = usages ? sk_ASN1_OBJECT_num(usages.get()) : 0;
  for (int index = 0; index < count; ++index) {
    extended_key_usages.push_back(dotted(sk_ASN1_OBJECT_value(usages.get(), index)));
  }
  // Empty would mean "any use"; one that says nothing readable allows nothing.
  if (extended_key_usages.empty()) extended_key_usages.push_back("unreadable");
}

namespace {

// Once, or OpenSSL refuses it.
bool has_plain_constraints(const STACK_OF(X509_EXTENSION) * extensions) {
  const int at = X509v3_get_ext_by_NID(extensions, NID_name_constraints, -1);
  if (at < 0 || X509v3_get_ext_by_NID(extensions, NID_name_constraints, at) >= 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509v3_get_ext(extensions, at));
  return is_plain_constraints({ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

}  // namespace

void Certificate::State::read_extensions(const Extensions* extensions) {
  const int count = X509v3_get_ext_count(extensions);
  for (int index = 0; index < count; ++index) {
    const X509_EXTENSION* one = X509v3_get_ext(extensions, index);
    const ASN1_OBJECT* object = X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(one));
    if (X509_EXTENSION_get_critical(one) != 0 && !is_processed(OBJ_obj2nid(object))) {
      unknown_critical.push_back(dotted(object));
    }
  }
  read_constraints(extensions);
  read_usages(extensions);

  bool present = false;
  const ossl::GeneralNamesPtr alternatives(extension<GENERAL_NAMES>(extensions, NID_subject_alt_name, present));
  names = ossl::from_general_names(alternatives.get());

  struct FreeString {
    void operator()(ASN1_OCTET_STRING* string) const noexcept { ASN1_OCTET_STRING_free(string); }
  };
  struct FreeAuthority {
    void operator()(AUTHORITY_KEYID* id) const noexcept { AUTHORITY_KEYID_free(id); }
  };
  struct FreeConstraints {
    void operator()(NAME_CONSTRAINTS* constraints) const noexcept { NAME_CONSTRAINTS_free(constraints); }
  };
  const std::unique_ptr<ASN1_OCTET_STRING, FreeString> own(
      extension<ASN1_OCTET_STRING>(extensions, NID_subject_key_identifier, present));
  if (own) subject_key_id = bytes_of_string(own.get());
  const std::unique_ptr<AUTHORITY_KEYID, FreeAuthority> authority(
      extension<AUTHORITY_KEYID>(extensions, NID_authority_key_identifier, present));
  if (authority) authority_key_id = bytes_of_string(authority->keyid);
  if (has_plain_constraints(extensions)) return;
  const std::unique_ptr<NAME_CONSTRAINTS, FreeConstraints> constraints(
      extension<NAME_CONSTRAINTS>(extensions, NID_name_constraints, present));
}

Certificate Certificate::from_der(ByteView der) {
  static RecentAuthorities<State> recent;
  if (der.size() > largest) throw not_a_certificate("it has more than 1 MiB, no certificate is that large");
  const Sha256 digest = sha256(der);
  if (auto known = recent.find(digest)) return Certificate(std::move(known));
  auto state = std::make_shared<State>();
  std::size_t trailing = 0;
  const PlainPtr plain = decode_plain_certificate(der, trailing);
  if (!plain) throw not_a_certificate("these bytes are not an X.509 certificate: " + ossl::drain_errors());
  ERR_clear_error();
  if (trailing > 0) {
    throw Failure({.code = "trailing-bytes",
                   .subject = "certificate",
                   .cause = std::to_string(trailing) + " bytes follow after the end of the certificate",
                   .hint = "get the file from the CA again; careful clients refuse a certificate with such bytes"});
  }
  state->der.assign(der.begin(), der.end());
  state->fingerprint = to_hex(digest);
  const PlainContents& contents = *plain->contents;
  const long version = contents.version == nullptr ? 0 : ASN1_INTEGER_get(contents.version);
  state->version = static_cast<int>(std::min<long>(version, 1000)) + 1;
  state->serial = serial_text(contents.serial);
  state->not_before = instant_of(contents.validity->notBefore, never_begins);
  state->not_after = instant_of(contents.validity->notAfter, long_ended);
  state->read_names(contents);
  state->read_key_digest();
  state->read_signature(plain->algorithm);
  state->read_extensions(contents.extensions);
  ERR_clear_error();
  recent.keep(digest, state);
  return Certificate(std::move(state));
}

const Bytes& Certificate::der() const noexcept { return state_->der; }
const std::string& Certificate::fingerprint() const noexcept { return state_->fingerprint; }
std::string Certificate::to_pem() const { return pem::encode("CERTIFICATE", state_->der); }
const std::string& Certificate::subject() const noexcept { return state_->subject; }
const std::string& Certificate::issuer() const noexcept { return state_->issuer; }
const std::string& Certificate::common_name() const noexcept { return state_->common_name; }
const Bytes& Certificate::subject_der() const noexcept { return state_->subject_der; }
const Bytes& Certificate::issuer_der() const noexcept { return state_->issuer_der; }
const std::string& Certificate::serial() const noexcept { return state_->serial; }
const std::vector<AlternativeName>& Certificate::names() const noexcept { return state_->names; }
Instant Certificate::not_before() const noexcept { return state_->not_before; }
Instant Certificate::not_after() const noexcept { return state_->not_after; }
const KeyDescription& Certificate::key() const noexcept { return state_->described_key(); }
const Sha256& Certificate::key_digest() const noexcept { return state_->key_digest; }
int Certificate::version() const noexcept { return state_->version; }
const std::string& Certificate::signature_algorithm() const noexcept { return state_->signature_algorithm; }
const std::string& Certificate::signature_digest() const noexcept { return state_->signature_digest; }
bool Certificate::is_ca() const noexcept { return state_->is_ca; }
std::optional<int> Certificate::path_length() const noexcept { return state_->path_length; }
bool Certificate::is_self_issued() const noexcept { return state_->subject_der == state_->issuer_der; }
bool Certificate::has_key_usage() const noexcept { return state_->has_key_usage; }
bool Certificate::may_sign_certificates() const noexcept { return state_->may_sign; }
const std::vector<std::string>& Certificate::extended_key_usages() const noexcept {
  return state_->extended_key_usages;
}
const std::vector<std::string>& Certificate::unknown_critical_extensions() const noexcept {
  return state_->unknown_critical;
}
const Bytes& Certificate::subject_key_id() const noexcept { return state_->subject_key_id; }
const Bytes& Certificate::authority_key_id() const noexcept { return state_->authority_key_id; }
x509_st* Certificate::native() const noexcept { return state_->with_key(); }

bool Certificate::is_self_signed() const noexcept {
  if (!is_self_issued()) return false;
  std::call_once(state_->self_signed_once, [this] { state_->self_signed = is_signed_by(*this); });
  return state_->self_signed;
}

bool Certificate::is_signed_by(const Certificate& issuer) const {
  if (state_->issuer_der != issuer.state_->subject_der) return false;
  if (EVP_PKEY* plain = issuer.state_->decoded_key(); plain != nullptr) {
    if (const auto good = is_signed_by_key(der(), plain)) return *good;
  }
  EVP_PKEY* key = X509_get0_pubkey(issuer.native());
  const bool verified = key != nullptr && X509_verify(native(), key) == 1;
  ERR_clear_error();
  return verified;
}

}  // namespace chancery
