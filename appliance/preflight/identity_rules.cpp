#include <openssl/err.h>

#include <algorithm>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/rules.h"
#include "keystore/fault.h"
#include "keystore/openssl/handles.h"

namespace chancery::preflight {

namespace {

constexpr std::string_view server_auth = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view client_auth = "1.3.6.1.5.5.7.3.2";
constexpr std::string_view any_usage = "2.5.29.37.0";
constexpr auto longest_public_validity = std::chrono::days(398);

bool has_host_name(const Certificate& certificate) {
  return std::any_of(certificate.names().begin(), certificate.names().end(), [](const AlternativeName& name) {
    return name.kind == AlternativeName::Kind::dns || name.kind == AlternativeName::Kind::ip;
  });
}

// What is milder for a pinned leaf or for a client's.
void add_mild_if(bool mild, const std::string& code, const Member& leaf, std::string message, std::string hint,
                 Report& report) {
  report.add_milder(mild ? Severity::warning : Severity::error, code, leaf.label(), std::move(message),
                    std::move(hint));
}

std::string san_options(const std::vector<RequiredName>& names) {
  std::string options;
  for (const RequiredName& name : names) options += " --san " + printable(name.name);
  return options;
}

void judge_name(const Member& leaf, const RequiredName& required, const Setting& setting, Report& report) {
  const std::vector<AlternativeName>& names = leaf.certificate.names();
  if (answers_to(names, required.name)) return;
  const bool internal = required.role == RequiredName::Role::internal;
  const std::string name = printable(required.name);
  std::string message =
      internal ? "the portal reaches the engine by the internal name " + name : "clients use the name " + name;
  message += ", but the certificate is for " + names_text(names);
  if (answers_to({{AlternativeName::Kind::dns, leaf.certificate.common_name()}}, required.name)) {
    message += " (the CN would match, but clients look only at the SAN)";
  }
  std::string other = "the certificate's name";
  const auto first = std::find_if(names.begin(), names.end(), [](const AlternativeName& candidate) {
    return candidate.kind == AlternativeName::Kind::dns && !candidate.value.starts_with("*.");
  });
  if (first != names.end()) other = printable(first->value);
  const std::string rename =
      internal ? "make the names equal in DNS, so that the portal reaches the engine as " + other + " too"
               : "make the names equal in DNS, so that clients connect to " + other;
  report.add("name-mismatch", leaf.label(), std::move(message),
             "either " + rename + "; or ask for a certificate with several names: chancery cert csr IDENTITY" +
                 san_options(setting.names));
}

void judge_names(const Member& leaf, const Setting& setting, Report& report) {
  const Certificate& certificate = leaf.certificate;
  const bool client = setting.purpose == Purpose::client;
  // A client certificate may name its bearer by URI, mail or CN alone; a server must say its host.
  const bool named = client ? !certificate.names().empty() : has_host_name(certificate);
  if (!named) {
    std::string message = "the certificate has no subject alternative name";
    message += client ? "; only its CN says whom it belongs to" : " with a host name; clients do not look at the CN";
    if (!certificate.common_name().empty()) message += " (CN=" + certificate.common_name() + ")";
    add_mild_if(client || setting.pinned, "no-san", leaf, std::move(message),
                "ask the CA for a certificate with the names in the SAN: chancery cert csr IDENTITY" +
                    (setting.names.empty() ? " --san NAME" : san_options(setting.names)),
                report);
    return;
  }
  for (const RequiredName& required : setting.names) judge_name(leaf, required, setting, report);
  if (client) return;
  const std::string& cn = certificate.common_name();
  const bool like_a_host = cn.find('.') != std::string::npos && cn.find(' ') == std::string::npos;
  const bool literally = std::any_of(certificate.names().begin(), certificate.names().end(),
                                     [&](const AlternativeName& name) { return name.value == cn; });
  if (like_a_host && !literally && !answers_to(certificate.names(), cn)) {
    report.add(
        "cn-not-in-san", leaf.label(),
        "the CN " + cn + " is not among the SANs (" + names_text(certificate.names()) + "); clients look only at those",
        "nothing to do, unless somebody connects to " + cn + ": then ask for a certificate with it in the SAN");
  }
}

// A SAN that cannot match anything, or that is not a name at all.
void judge_name_forms(const Member& leaf, Report& report) {
  std::vector<std::string> unusable;
  std::vector<std::string> malformed;
  for (const AlternativeName& name : leaf.certificate.names()) {
    if (name.kind != AlternativeName::Kind::dns) continue;
    const std::string& value = name.value;
    const std::string bare = value.starts_with("*.") ? value.substr(2) : value;
    try {
      const AlternativeName parsed = parse_name(value);
      const bool address = parsed.kind == AlternativeName::Kind::ip;
      const bool wide = value.starts_with("*.") && bare.find('.') == std::string::npos;
      if (address || wide || value.ends_with('.')) unusable.push_back(printable(value));
    } catch (const Failure&) {
      const bool stray_wildcard = bare.find('*') != std::string::npos;
      (stray_wildcard ? unusable : malformed).push_back("\"" + printable(value) + "\"");
    }
  }
  if (!malformed.empty()) {
    report.add("malformed-san", leaf.label(), "the SAN holds what is no DNS name: " + joined(malformed),
               "ask the CA for a certificate with proper names; careful clients refuse the whole certificate");
  }
  if (!unusable.empty()) {
    report.add(
        "unusable-san", leaf.label(),
        "no client accepts these SANs: " + joined(unusable) +
            " (a wildcard stands only for one whole leftmost label with two labels after it; an address must be an "
            "IP entry; no name ends with a dot)",
        "ask the CA for a certificate with the names written out, and addresses as IP:…");
  }
}

void judge_extended_usage(const Member& leaf, const Setting& setting, Report& report) {
  const bool server = setting.purpose == Purpose::server;
  const std::vector<std::string>& usages = leaf.certificate.extended_key_usages();
  const std::string_view wanted = server ? server_auth : client_auth;
  const std::string wanted_text = server ? "serverAuth" : "clientAuth";
  if (usages.empty()) {
    if (server && !setting.pinned && leaf.certificate.version() == 3) {
      report.add("eku-missing", leaf.label(),
                 "the certificate does not say what it is for (no extended key usage); Apple's clients want serverAuth",
                 "nothing to do where no Apple device connects; else ask the CA for extendedKeyUsage = serverAuth");
    }
    return;
  }
  if (std::find(usages.begin(), usages.end(), wanted) != usages.end()) return;
  const bool any = std::find(usages.begin(), usages.end(), any_usage) != usages.end();
  report.add("eku-mismatch", leaf.label(),
             any ? "the certificate is for anyExtendedKeyUsage only; OpenSSL and others want " + wanted_text + " itself"
                 : "the certificate is not for " + std::string(server ? "servers" : "clients") +
                       ": its extended key usage is " + joined(usages) + ", without " + wanted_text + " (" +
                       std::string(wanted) + ")",
             "ask the CA for a certificate with extendedKeyUsage = " + wanted_text);
}

void judge_key_usage(const Member& leaf, Report& report) {
  const Certificate& certificate = leaf.certificate;
  if (!certificate.has_key_usage()) return;
  const std::uint32_t usage = X509_get_key_usage(certificate.native());
  if ((usage & KU_DIGITAL_SIGNATURE) == 0) {
    report.add("key-usage", leaf.label(),
               "the certificate's keyUsage does not allow digital signatures, which every TLS 1.3 and every "
               "forward-secret TLS 1.2 handshake makes",
               "ask the CA for keyUsage = digitalSignature (RSA: and keyEncipherment)");
  }
  if ((usage & KU_KEY_CERT_SIGN) != 0 && !certificate.is_ca()) {
    report.add("key-usage", leaf.label(),
               "the certificate's keyUsage has keyCertSign, but it is not a CA; RFC 5280, 4.2.1.9 forbids that",
               "ask the CA for keyUsage = digitalSignature (RSA: and keyEncipherment)");
  }
}

// Public CAs embed timestamps of transparency logs; private ones hardly ever do.
void judge_validity(const Member& leaf, Report& report) {
  const Certificate& certificate = leaf.certificate;
  if (X509_get_ext_by_NID(certificate.native(), NID_ct_precert_scts, -1) < 0) return;
  const auto validity = certificate.not_after() - certificate.not_before();
  if (validity <= longest_public_validity) return;
  report.add("long-validity", leaf.label(),
             "a publicly trusted certificate of " + days_text(validity) + "; browsers refuse those over 398 days",
             "ask the CA for a shorter one if browsers connect");
}

}  // namespace

void judge_leaf(const Member& leaf, const Setting& setting, Report& report) {
  const Certificate& certificate = leaf.certificate;
  const bool client = setting.purpose == Purpose::client;
  judge_names(leaf, setting, report);
  judge_name_forms(leaf, report);
  if (certificate.version() < 3) {
    add_mild_if(
        client || setting.pinned, "v1-certificate", leaf,
        "an X.509 version " + std::to_string(certificate.version()) +
            " certificate: it can say neither its names nor its use, and clients refuse it",
        "issue it again with extensions (openssl x509 -req needs -extfile for that), with subjectAltName at least",
        report);
  }
  if (certificate.is_ca()) {
    add_mild_if(setting.pinned, "ca-as-leaf", leaf,
                short_name(certificate) +
                    " is a CA certificate (CA:TRUE); who steals this server's key could issue "
                    "certificates for every name, and careful clients refuse it",
                "let this CA sign a certificate of its own for the server: basicConstraints = CA:FALSE", report);
  }
  judge_extended_usage(leaf, setting, report);
  if (!certificate.is_ca()) judge_key_usage(leaf, report);
  judge_validity(leaf, report);
}

}  // namespace chancery::preflight
