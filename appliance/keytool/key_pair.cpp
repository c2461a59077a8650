// keytool -genkeypair and -certreq.
#include <array>
#include <ctime>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/commands.h"
#include "appliance/keytool/der_writing.h"
#include "appliance/keytool/distinguished_name.h"
#include "appliance/keytool/extensions_given.h"
#include "appliance/keytool/files.h"
#include "appliance/keytool/java_ways.h"
#include "appliance/keytool/signing.h"
#include "appliance/keytool/start_date.h"
#include "appliance/keytool/weakness.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr std::int64_t day = 24 * 60 * 60;
constexpr int patience = 20;

Bytes time_der(std::int64_t unix_seconds) {
  const auto moment = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  ::gmtime_r(&moment, &parts);
  const int year = parts.tm_year + 1900;
  std::array<char, 32> text{};
  if (year >= 1950 && year < 2050) {
    const std::size_t size = std::strftime(text.data(), text.size(), "%y%m%d%H%M%SZ", &parts);
    return der_element(0x17, view_of(std::string_view(text.data(), size)));
  }
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y%m%d%H%M%SZ", &parts);
  return der_element(0x18, view_of(std::string_view(text.data(), size)));
}

Bytes serial_der() {
  const SecretBytes random = random_secret(8);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : random) value = value << 8 | byte;
  return der_integer(value);
}

std::string answer_to(Work& work, const char* question, const std::string& otherwise) {
  work.console.err(std::string(question) + "\n  [" + otherwise + "]:  ");
  const std::optional<std::string> answer = work.console.read_line();
  return answer && !answer->empty() ? *answer : otherwise;
}

Bytes asked_name(Work& work) {
  struct Part {
    const char* keyword;
    const char* question;
    std::string value = "Unknown";
  };
  std::array parts = {
      Part{"CN", "What is your first and last name?"},
      Part{"OU", "What is the name of your organizational unit?"},
      Part{"O", "What is the name of your organization?"},
      Part{"L", "What is the name of your City or Locality?"},
      Part{"ST", "What is the name of your State or Province?"},
      Part{"C", "What is the two-letter country code for this unit?"},
  };
  for (int count = 0; count <= patience; ++count) {
    std::string text;
    for (Part& part : parts) {
      part.value = answer_to(work, part.question, part.value);
      text += (text.empty() ? "" : ", ") + std::string(part.keyword) + "=" + quoted_name_value(part.value);
    }
    const Bytes name = parse_name_text(text);
    const std::string reply = lower_ascii(answer_to(work, ("Is " + name_text(name) + " correct?").c_str(), "no"));
    if (reply == "yes" || reply == "y") {
      work.console.err("\n");
      return name;
    }
  }
  fail_as("java.lang.RuntimeException", "Too many retries, program terminated");
}

struct Signer {
  SigningKey key;
  Bytes name;  // its subject
  Bytes key_id;
  std::vector<Bytes> chain;
};

std::optional<Signer> wanted_signer(Work& work) {
  if (!work.given.signer) return std::nullopt;
  const std::string& alias = *work.given.signer;
  const java::Entry& entry = entry_of(work.store, alias);
  if (!entry.key || entry.certificates.empty()) fail_plain("Alias <" + alias + "> has no key");
  const OpenedKey opened = recover_key_of(work, work.store, entry, work.given.signer_key_password);
  const auto view = view_certificate(entry.certificates.front().der);
  if (!view) fail_plain("Not X.509 certificate");
  Signer signer{SigningKey::from_pkcs8(view_of(opened.key.encoded)),
                Bytes(view->subject.begin(), view->subject.end()),
                key_identifier(view->key.info),
                {}};
  if (const ExtensionView* id = find_extension(*view, "2.5.29.14")) {
    ByteView rest = id->value;
    if (const auto octets = der::next(rest, der::octet_string)) {
      signer.key_id.assign(octets->content.begin(), octets->content.end());
    }
  }
  for (const java::StoredCertificate& each : entry.certificates) signer.chain.push_back(each.der.copy());
  return signer;
}

std::string grouped_signed(std::int64_t number) { return grouped(static_cast<std::uint64_t>(number)); }

std::string algorithm_for_java(ByteView info) {
  const auto view = view_key(info);
  return view ? naming_of(*view).algorithm : "";
}

}  // namespace

void make_key_pair(Work& work) {
  const Options& given = work.given;
  if (!given.key_algorithm) fail_plain("The -keyalg option must be specified.");
  if (given.group && given.key_size) fail_plain("Cannot specify both -groupname and -keysize");
  const bool is_ec = equal_ignoring_case(*given.key_algorithm, "EC");
  if (is_ec && given.key_size) {
    work.warnings.push_back("Specifying -keysize for generating EC keys is deprecated, please use \"-groupname " +
                            curve_of_size(*given.key_size) + "\" instead.");
  }
  const std::string alias = work.alias();
  java::Keystore& store = work.store.keystore;
  if (java::find_entry(store, alias) != nullptr) {
    fail_plain("Key pair not generated, alias <" + alias + "> already exists");
  }
  const std::optional<Signer> signer = wanted_signer(work);
  Bytes name;
  if (given.name) {
    name = parse_name_text(*given.name);
  } else {
    work.show_warnings(true);
    name = asked_name(work);
  }
  const SigningKey key = SigningKey::generate(
      {.algorithm = *given.key_algorithm, .size = given.key_size.value_or(-1), .group = given.group});
  const Bytes info = key.public_info();
  const std::string signature =
      given.signature_algorithm.value_or(signer ? signer->key.default_signature() : key.default_signature());
  const Bytes extensions = extensions_der(
      {.given = given.extensions, .key_info = info, .issuer_key_id = signer ? ByteView(signer->key_id) : ByteView()});
  const std::int64_t starts = start_date(given.start, now_ms() / 1000);
  const std::int64_t ends = starts + given.validity_days * day;
  const Bytes version = der_element(der::context_0, der_integer(2));
  const Bytes body =
      der_sequence({version, serial_der(), signature_algorithm_der(signature), signer ? signer->name : name,
                    der_sequence({time_der(starts), time_der(ends)}), name, info, der_element(0xa3, extensions)});
  Bytes certificate = signed_der(body, signer ? signer->key : key, signature);
  const CertificateView view = *view_certificate(certificate);
  const KeyNaming naming = naming_of(view.key);
  work.say("Generating " + grouped_signed(naming.bits) + " bit " + naming.shown + " key pair and " +
           (signer ? "a certificate (" : "self-signed certificate (") + signature_name(view.signature_oid) +
           (signer ? ") issued by <" + *given.signer + ">" : ")") + " with a validity of " +
           grouped_signed(given.validity_days) +
           " days\n\tfor: " + (given.name ? given_name_text(*given.name) : name_text(name)));
  if (name_text(signer ? signer->name : name).empty()) {
    fail_as("java.security.cert.CertificateParsingException", "Empty issuer DN not allowed in X509Certificates");
  }
  const SecretBytes password = given.key_password && !work.store.is_pkcs12() ? *given.key_password
                               : given.key_password && !work.store.password  ? *given.key_password
                                                                             : new_key_password(work, alias);
  java::Entry entry;
  entry.alias = java::stored_alias(store.type, alias);
  entry.kind = java::EntryKind::private_key;
  entry.created_ms = now_ms();
  entry.certificates.push_back({.der = certificate});
  if (signer) {
    for (const Bytes& der : signer->chain) entry.certificates.push_back({.der = der});
  }
  TrustedSet trusted(work);
  std::vector<CertificateView> chain;
  for (const java::StoredCertificate& each : entry.certificates) chain.push_back(*view_certificate(each.der));
  warn_of_chain(work, trusted, "The generated certificate", chain);
  const java::KeyMaterial material{
      .kind = java::EntryKind::private_key, .algorithm = algorithm_for_java(info), .encoded = key.pkcs8()};
  entry.key = sealed(work.store, material, password);
  store.entries.push_back(std::move(entry));
  save_store(work);
}

void make_request(Work& work) {
  const Options& given = work.given;
  const std::string alias = work.alias();
  const OpenedKey opened = recover_key(work, alias);
  const java::Entry& entry = entry_of(work.store, alias);
  if (opened.key.kind == java::EntryKind::secret_key) {
    fail_as("java.lang.ClassCastException",
            "class javax.crypto.spec.SecretKeySpec cannot be cast to class java.security.PrivateKey "
            "(javax.crypto.spec.SecretKeySpec and java.security.PrivateKey are in module java.base of loader "
            "'bootstrap')");
  }
  if (entry.certificates.empty()) fail_plain(alias + " has no public key (certificate)");
  const auto view = view_certificate(entry.certificates.front().der);
  if (!view) fail_plain("Not X.509 certificate");
  const SigningKey key = SigningKey::from_pkcs8(view_of(opened.key.encoded));
  const std::string signature = given.signature_algorithm.value_or(key.default_signature());
  const Bytes subject = given.name ? parse_name_text(*given.name) : Bytes(view->subject.begin(), view->subject.end());
  const Bytes extensions = extensions_der({.given = given.extensions, .key_info = view->key.info});
  const Bytes attribute = der_sequence({der_oid("1.2.840.113549.1.9.14"), der_element(der::set, extensions)});
  const Bytes body = der_sequence({der_integer(0), subject, view->key.info, der_element(der::context_0, attribute)});
  const std::string pem = "-----BEGIN NEW CERTIFICATE REQUEST-----\n" + mime_base64(signed_der(body, key, signature)) +
                          "\n-----END NEW CERTIFICATE REQUEST-----\n";
  if (given.file) {
    write_output_file(*given.file, view_of(pem));
  } else {
    work.console.out_bytes(view_of(pem));
  }
  warn_of_request(work, "The generated certificate request", signature_name(signature_oid(signature)), view->key);
  if (given.verbose && given.file) {
    work.say("Certification request stored in file <" + *given.file + ">");
    work.say("Submit this to your CA");
  }
}

}  // namespace chancery::keytool
