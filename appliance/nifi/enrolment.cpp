#include "appliance/nifi/enrolment.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "appliance/http/client.h"
#include "appliance/nifi/names.h"
#include "appliance/nifi/whole_folder.h"
#include "appliance/nifi/wire.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/java/java_keystore.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/printable.h"

namespace chancery::nifi {
namespace {

constexpr char keystore_file[] = "keystore.jks";
constexpr char truststore_file[] = "truststore.jks";
constexpr char certificate_file[] = "nifi-cert.pem";
constexpr char config_file[] = "config.json";
constexpr std::size_t longest_error = 200;

std::string address_of(const tls::Target& target) { return target.host + ":" + std::to_string(target.port); }

void expect_own_name(const Subject& subject, const EnrolmentRequest& request) {
  const auto& own = request.own_names;
  const bool is_own = std::any_of(own.begin(), own.end(),
                                  [&](const std::string& name) { return same_host(name, subject.common_name); });
  if (is_own) return;
  std::string called;
  for (const std::string& name : own) called += (called.empty() ? "" : ", ") + name;
  throw Failure({.code = "host-mismatch",
                 .subject = subject.common_name,
                 .cause = "this host is called " + (called.empty() ? "nothing" : printable(view_of(called))) +
                          "; nothing was sent",
                 .hint = "name this host in --dn, or say with --hostname what it is called"});
}

// The chain's first and last certificate of nifi-key where this directory has been enrolled already.
std::optional<Enrolled> enrolled_before(const EnrolmentRequest& request, const Subject& subject) {
  std::optional<Folder> folder;
  try {
    folder = Folder::open(request.directory);
  } catch (const Failure& failure) {
    if (failure.code() == "not-found") return std::nullopt;
    throw;
  }
  if (!folder->status(keystore_file)) return std::nullopt;
  const std::string source = folder->path() + "/" + keystore_file;
  const auto foreign = [&](const std::string& cause) {
    return Failure({.code = "already-exists",
                    .subject = source,
                    .cause = cause,
                    .hint = "name another directory; nothing is ever overwritten"});
  };
  // Certificates of a JKS can be read without its password, and no more is wanted here.
  const java::Keystore store = java::open_keystore(view_of(folder->read_secret(keystore_file, java::keystore_limit)),
                                                   {.source = source, .password = nullptr});
  const java::Entry* entry = java::find_entry(store, key_alias);
  if (entry == nullptr || entry->kind != java::EntryKind::private_key || entry->certificates.empty()) {
    throw foreign("it is there and has no key nifi-key");
  }
  Enrolled before{.already = true,
                  .certificate = Certificate::from_der(entry->certificates.front().der),
                  .authority = Certificate::from_der(entry->certificates.back().der)};
  if (!same_host(before.certificate.common_name(), subject.common_name)) {
    throw foreign("its key is that of " + before.certificate.subject());
  }
  return before;
}

// What a relay would present stands in the message.
std::string presented(const Certificate& certificate) {
  return "\"" + certificate.subject() + "\" (SHA-256 " + certificate.fingerprint().substr(0, 16) + "…)";
}

class Attempt {
 public:
  Attempt(const EnrolmentRequest& request, const Subject& subject, const SecretBytes& token, const Clock& clock)
      : request_(request),
        subject_(subject),
        token_(token),
        clock_(clock),
        peer_(address_of(request.authority)),
        key_(PrivateKey::generate(KeyType::rsa_2048)) {
    std::vector<AlternativeName> names;
    for (const std::string& name : request.names) names.push_back(host_name(name));
    names_ = all_names(subject.common_name, names);
  }

  // The handshake is done and the peer has proven its key; nothing has been said yet.
  http::Request make(const tls::Connection& connection) {
    const std::vector<Certificate> chain = connection.peer_chain();
    const auto refuse = [&](const char* code, const std::string& cause) {
      throw Failure({.code = code,
                     .subject = peer_,
                     .cause = cause + "; nothing was sent",
                     .hint = "is this the NiFi CA, and not something in front of it?"});
    };
    if (chain.size() != 1) {
      refuse("untrusted-root", "it presents a chain of " + std::to_string(chain.size()) +
                                   " certificates, and a NiFi CA serves with its own certificate alone");
    }
    const Certificate& authority = chain.front();
    if (!same_host(authority.common_name(), request_.authority.host)) {
      refuse("name-mismatch", "it presents " + presented(authority) + ", which is not " + request_.authority.host);
    }
    if (!authority.is_self_signed())
      refuse("untrusted-root", "it presents " + presented(authority) + ", which is no root");
    authority_ = authority;
    const CertificateRequest csr = make_request(key_, subject_, names_);
    const Sha256 mac = mac_over(token_, csr.public_key_der());
    return {.method = "POST",
            .path = "/",
            .content_type = "application/json",
            .body = write_request({.mac = Bytes(mac.begin(), mac.end()), .csr_pem = csr.to_pem()}),
            .headers = {}};
  }

  void check(const http::Reply& reply) {
    ReplyBody body;
    try {
      body = read_reply(reply.body);
    } catch (const Failure& failure) {
      if (reply.status == 200) throw invalid(failure.cause());
    }
    if (reply.status != 200 || !body.error.empty()) throw refusal(reply.status, body.error);
    if (!secret_equal(mac_over(token_, authority_key()), body.mac)) throw relay();
    certificate_ = proven(body.certificate_pem);
  }

  std::vector<NewFile> files() const;
  Enrolled enrolled() const { return {.already = false, .certificate = *certificate_, .authority = *authority_}; }

 private:
  Bytes authority_key() const {
    unsigned char* encoded = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(authority_->native()), &encoded);
    if (size <= 0) throw invalid("the key of its certificate cannot be read");
    const Bytes key(encoded, encoded + size);
    OPENSSL_free(encoded);
    return key;
  }

  Failure invalid(const std::string& cause) const {
    return Failure({.code = "reply-invalid",
                    .subject = peer_,
                    .cause = "its reply is not what was asked for: " + cause + "; nothing was written",
                    .hint = "look at the log of the CA"});
  }

  Failure relay() const {
    return Failure({.code = "relay-suspected",
                    .subject = peer_,
                    .cause = "whoever presents " + presented(*authority_) +
                             " does not know the token, or stands between us and the CA; nothing was written",
                    .hint =
                        "compare that certificate with the CA's, and make a new token if it is another: this one may "
                        "be guessed at"});
  }

  Failure refusal(int status, std::string error) const {
    error = printable(view_of(error)).substr(0, longest_error);
    if (status == 403) {
      return Failure({.code = "token-refused",
                      .subject = peer_,
                      .cause = "it refuses the token",
                      .hint = "take the token from the CA's own token file; after many wrong ones wait a minute"});
    }
    return Failure({.code = "enrolment-refused",
                    .subject = peer_,
                    .cause = "it answers " + std::to_string(status) + (error.empty() ? "" : ": " + error),
                    .hint = "look at the log of the CA; its names and its clock may be what is wrong"});
  }

  Certificate proven(const std::string& text) const {
    pem::Scanner scanner(view_of(text));
    const auto block = scanner.next();
    Bytes der;
    if (!block || block->label != "CERTIFICATE" || !block->is_closed || !pem::decode_into(block->body, der)) {
      throw invalid("there is no certificate in it");
    }
    std::optional<Certificate> certificate;
    try {
      certificate = Certificate::from_der(der);
    } catch (const Failure&) {
      throw invalid("its certificate cannot be read");
    }
    if (!certificate->is_signed_by(*authority_)) throw invalid("its certificate is not signed by this CA");
    if (!key_.belongs_to(*certificate)) throw invalid("its certificate is for another key");
    if (certificate->is_ca()) throw invalid("its certificate is that of a CA");
    if (!same_host(certificate->common_name(), subject_.common_name)) {
      throw invalid("its certificate is for \"" + certificate->subject() + "\"");
    }
    const Instant now = clock_();
    if (now < certificate->not_before() || now >= certificate->not_after()) {
      throw invalid("its certificate is not in force now: from " + to_rfc3339(certificate->not_before()) + " to " +
                    to_rfc3339(certificate->not_after()));
    }
    return *certificate;
  }

  SecretBytes config(const SecretBytes& keystore_password, const SecretBytes& truststore_password) const;

  const EnrolmentRequest& request_;
  const Subject& subject_;
  const SecretBytes& token_;
  const Clock& clock_;
  const std::string peer_;
  const PrivateKey key_;
  std::vector<AlternativeName> names_;
  std::optional<Certificate> authority_;
  std::optional<Certificate> certificate_;
};

SecretBytes Attempt::config(const SecretBytes& keystore_password, const SecretBytes& truststore_password) const {
  std::string names;
  for (std::size_t at = 1; at < names_.size(); ++at) names += (names.empty() ? "" : ",") + names_[at].value;
  const nlohmann::ordered_json plain{{"dn", request_.distinguished_name},
                                     {"domainAlternativeNames", names},
                                     {"caHostname", request_.authority.host},
                                     {"port", request_.authority.port},
                                     {"days", 825},
                                     {"keyPairAlgorithm", "RSA"},
                                     {"keySize", 2048},
                                     {"signingAlgorithm", "SHA256WITHRSA"},
                                     {"keyStore", keystore_file},
                                     {"keyStoreType", "jks"},
                                     {"trustStore", truststore_file},
                                     {"trustStoreType", "jks"}};
  // The passwords, base64url, go from wiping memory to wiping memory.
  std::string text = plain.dump(2);
  text.resize(text.rfind("\n}"));
  SecretBytes all = secret_copy(std::string_view(text));
  const auto add = [&](std::string_view name, const SecretBytes& password) {
    append(all, view_of(",\n  \"" + std::string(name) + "\": \""));
    append(all, view_of(password));
    append(all, view_of("\""));
  };
  add("keyStorePassword", keystore_password);
  add("keyPassword", keystore_password);
  add("trustStorePassword", truststore_password);
  append(all, view_of("\n}\n"));
  return all;
}

std::vector<NewFile> Attempt::files() const {
  const std::int64_t now = milliseconds_of(clock_());
  const SecretBytes keystore_password = to_base64url_secret(view_of(random_secret(24)));
  const SecretBytes truststore_password = to_base64url_secret(view_of(random_secret(24)));
  java::Keystore keys{.type = java::StoreType::jks};
  (void)java::import_key(keys, key_, {*certificate_, *authority_},
                         {.alias = key_alias, .key_password = &keystore_password, .now_ms = now});
  java::Keystore trust{.type = java::StoreType::jks};
  trust.entries.push_back(java::trusted_certificate(trust_alias, authority_->der(), now));
  return {{keystore_file, java::seal_keystore(keys, &keystore_password)},
          {truststore_file, java::seal_keystore(trust, &truststore_password)},
          {certificate_file, secret_copy(std::string_view(authority_->to_pem()))},
          {config_file, config(keystore_password, truststore_password)}};
}

// Nothing is trusted when the handshake ends: what the protocol has instead of trust is the reply's HMAC over the key
// that the handshake has proven (Attempt::check).
tls::ClientContext unverified_but_bound_by_hmac() {
  tls::ClientOptions options;
  options.verify_chain = false;
  options.verify_name = false;
  return tls::ClientContext(std::move(options));
}

}  // namespace

Enrolled enrol(const EnrolmentRequest& request, const SecretBytes& token, const Clock& clock) {
  expect_usable_token(token);
  const Subject subject = read_subject(request.distinguished_name);
  expect_own_name(subject, request);
  if (std::optional<Enrolled> before = enrolled_before(request, subject)) return std::move(*before);
  expect_free(request.directory);
  Attempt attempt(request, subject, token, clock);
  (void)http::request_bound(
      request.authority, unverified_but_bound_by_hmac(),
      [&](const tls::Connection& connection) { return attempt.make(connection); },
      [&](const tls::Connection&, const http::Reply& reply) { attempt.check(reply); }, request.deadline, body_limit);
  put_folder(request.directory, attempt.files());
  return attempt.enrolled();
}

}  // namespace chancery::nifi
