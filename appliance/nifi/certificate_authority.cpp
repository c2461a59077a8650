#include "appliance/nifi/certificate_authority.h"

#include <algorithm>

#include "appliance/authority/certificate_writer.h"
#include "appliance/authority/der.h"
#include "appliance/authority/public_key_rules.h"
#include "appliance/nifi/names.h"
#include "appliance/nifi/whole_folder.h"
#include "appliance/nifi/wire.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/files/folder.h"
#include "keystore/java/java_keystore.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/handles.h"

namespace chancery::nifi {
namespace {

namespace der = authority::der;

constexpr char keystore_file[] = "nifi-ca-keystore.jks";
constexpr char password_file[] = "nifi-ca-keystore.password";
constexpr char certificate_file[] = "nifi-ca-cert.pem";
constexpr auto authority_life = std::chrono::hours(24 * 3650);
constexpr auto leaf_life = std::chrono::hours(24 * 825);
constexpr auto backdated = std::chrono::hours(1);
constexpr std::size_t password_limit = 4096;

// As it stands in the certificate, byte for byte, which is how an issuer is compared with it.
Bytes encoded_subject(const Certificate& certificate) {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(certificate.native()), &encoded);
  if (size <= 0) throw ossl::openssl_failure("not-a-certificate", certificate.subject(), "name another folder");
  const Bytes name(encoded, encoded + size);
  OPENSSL_free(encoded);
  return name;
}

Bytes extension(std::string_view object_id, bool critical, ByteView value) {
  const Bytes flag = critical ? der::boolean(true) : Bytes{};
  return der::sequence({der::object_id(object_id), flag, der::octet_string(value)});
}

// It signs certificates and serves TLS with one key: the protocol wants it so.
Bytes authority_extensions(ByteView key_id, const std::vector<AlternativeName>& names) {
  const Bytes with_path_length = der::sequence({der::boolean(true), der::integer(0)});
  constexpr std::uint8_t usage = 0x80 | 0x20 | 0x04 | 0x02;  // signatures, key encipherment, certificates, CRLs
  const Bytes uses =
      der::sequence({der::joined({der::object_id("1.3.6.1.5.5.7.3.1"), der::object_id("1.3.6.1.5.5.7.3.2")})});
  Bytes sans;
  for (const AlternativeName& name : names) {
    if (name.kind != AlternativeName::Kind::dns) continue;
    const Bytes entry = der::context(2, view_of(name.value));
    sans.insert(sans.end(), entry.begin(), entry.end());
  }
  const Bytes san_extension = sans.empty() ? Bytes{} : extension("2.5.29.17", false, der::sequence({sans}));
  return der::joined({extension("2.5.29.19", true, with_path_length),
                      extension("2.5.29.15", true, der::bit_string({&usage, 1}, 1)),
                      extension("2.5.29.37", false, uses), extension("2.5.29.14", false, der::octet_string(key_id)),
                      extension("2.5.29.35", false, der::sequence({der::context(0, key_id)})), san_extension});
}

Certificate self_signed(const PrivateKey& key, const Subject& subject, Instant now) {
  const Bytes public_key = key.public_key_der();
  const Bytes serial = authority::new_serial(now);
  return Certificate::from_der(authority::write_certificate(
      key, {.serial = serial,
            .issuer = subject.der,
            .not_before = now - backdated,
            .not_after = now + authority_life,
            .subject = subject.der,
            .public_key_der = public_key,
            .extensions = authority_extensions(key_identifier(public_key), all_names(subject.common_name, {}))}));
}

void create(const std::string& path, const std::string& host, Instant now) {
  const Subject subject = subject_for(host);
  expect_free(path);
  const PrivateKey key = PrivateKey::generate(KeyType::rsa_2048);
  const Certificate certificate = self_signed(key, subject, now);
  const SecretBytes password = to_base64url_secret(view_of(random_secret(24)));
  java::Keystore store{.type = java::StoreType::jks};
  (void)java::import_key(store, key, {certificate},
                         {.alias = key_alias, .key_password = &password, .now_ms = milliseconds_of(now)});
  SecretBytes password_line = password;
  password_line.push_back('\n');
  put_folder(path, {{keystore_file, java::seal_keystore(store, &password)},
                    {password_file, std::move(password_line)},
                    {certificate_file, secret_copy(std::string_view(certificate.to_pem()))}});
}

SecretBytes read_password(const Folder& folder) {
  SecretBytes password = folder.read_secret(password_file, password_limit);
  if (!password.empty() && password.back() == '\n') password.pop_back();
  return password;
}

struct Opened {
  Certificate certificate;
  PrivateKey key;
};

Opened open(const Folder& folder) {
  const std::string source = folder.path() + "/" + keystore_file;
  const SecretBytes password = read_password(folder);
  const java::Keystore store = java::open_keystore(view_of(folder.read_secret(keystore_file, java::keystore_limit)),
                                                   {.source = source, .password = &password});
  const java::Entry& entry = java::entry_at(store, key_alias);
  if (entry.kind != java::EntryKind::private_key || entry.certificates.empty()) {
    throw Failure({.code = "no-key",
                   .subject = source,
                   .cause = "its entry nifi-key holds no key with a certificate",
                   .hint = "name another folder: a new CA is made there"});
  }
  return {.certificate = Certificate::from_der(entry.certificates.front().der),
          .key = java::to_private_key(java::open_key(store, entry, password), key_alias)};
}

void expect_fit(const Opened& opened, const std::string& host, Instant now) {
  const Certificate& certificate = opened.certificate;
  const auto refuse = [&](const char* code, const std::string& cause) {
    throw Failure({.code = code,
                   .subject = certificate.subject(),
                   .cause = cause,
                   .hint = "name another folder: a new CA is made there, and every client enrols again"});
  };
  if (!opened.key.belongs_to(certificate)) refuse("key-mismatch", "the key beside this CA is not its own");
  if (!certificate.is_ca() || !certificate.is_self_signed()) refuse("not-a-ca", "it is no self-signed CA");
  if (!same_host(certificate.common_name(), host)) {
    refuse("name-mismatch", "clients accept this CA only as " + certificate.common_name() + ", and not as " + host);
  }
  if (now >= certificate.not_after()) refuse("expired", "this CA ended on " + to_rfc3339(certificate.not_after()));
}

}  // namespace

CertificateAuthority CertificateAuthority::open_or_create(const std::string& folder, const std::string& host,
                                                          const Clock& clock) {
  const auto is_there = [&] {
    try {
      return Folder::open(folder).status(keystore_file).has_value();
    } catch (const Failure& failure) {
      if (failure.code() == "not-found") return false;
      throw;
    }
  };
  const bool makes_one = !is_there();
  if (makes_one) create(folder, host, clock());
  Opened opened = open(Folder::open(folder));
  expect_fit(opened, host, clock());
  return {std::move(opened.certificate), std::move(opened.key), makes_one};
}

Certificate CertificateAuthority::issue(const CertificateRequest& request, Instant now) const {
  if (!request.is_self_signature_valid()) {
    throw Failure({.code = "bad-request-signature",
                   .subject = "certificate request",
                   .cause = "its signature is wrong, so whoever sent it may not have the key",
                   .hint = "make the request with the key that it is for"});
  }
  const Bytes& public_key = request.public_key_der();
  const bool is_rsa = authority::check_public_key(public_key) == authority::PublicKeyKind::rsa;
  const Certified certified = certified_names(request);
  if (now >= certificate_.not_after()) {
    throw Failure({.code = "expired",
                   .subject = certificate_.subject(),
                   .cause = "this CA ended on " + to_rfc3339(certificate_.not_after()),
                   .hint = "start it with another folder: a new CA is made there"});
  }
  const Bytes serial = authority::new_serial(now);
  const Bytes key_id = key_identifier(public_key);
  const Bytes own_key_id =
      certificate_.subject_key_id().empty() ? key_identifier(key_.public_key_der()) : certificate_.subject_key_id();
  const Bytes issuer = encoded_subject(certificate_);
  return Certificate::from_der(authority::write_certificate(
      key_, {.serial = serial,
             .issuer = issuer,
             .not_before = std::max(now - backdated, certificate_.not_before()),
             .not_after = std::min(now + leaf_life, certificate_.not_after()),
             .subject = certified.subject.der,
             .public_key_der = public_key,
             .extensions = authority::leaf_extensions(key_id, own_key_id, {.names = certified.names, .uri = ""},
                                                      /*server=*/true, /*client=*/true, is_rsa)}));
}

}  // namespace chancery::nifi
