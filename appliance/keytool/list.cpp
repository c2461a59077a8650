// keytool -list and -exportcert.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "appliance/keytool/certificate_text.h"
#include "appliance/keytool/commands.h"
#include "appliance/keytool/files.h"
#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

constexpr std::string_view stars = "*******************************************";

void warn_unverified(Work& work) {
  if (work.store.password || work.store.passwordless || work.given.is_protected) return;
  work.console.err(
      "\n*****************  WARNING WARNING WARNING  *****************\n"
      "* The integrity of the information stored in your keystore  *\n"
      "* has NOT been verified!  In order to verify its integrity, *\n"
      "* you must provide your keystore password.                  *\n"
      "*****************  WARNING WARNING WARNING  *****************\n\n");
}

CertificateView view_or_fail(ByteView der) {
  const std::optional<CertificateView> view = view_certificate(der);
  if (!view)
    fail_as("java.security.cert.CertificateException", "Unable to initialize, java.io.IOException: not a certificate");
  return *view;
}

class Lister {
 public:
  explicit Lister(Work& work) : work_(work), trusted_(work), now_(now_ms()) {}

  void one(const std::string& label, const std::string& alias, const java::Entry& entry) {
    const bool long_form = work_.given.verbose || work_.given.rfc;
    const std::string date = medium_date(entry.created_ms.value_or(now_));
    if (long_form) {
      work_.console.out("Alias name: " + alias + "\nCreation date: " + date + "\n");
    } else {
      work_.console.out(alias + ", " + date + ", ");
    }
    switch (entry.kind) {
      case java::EntryKind::secret_key:
        work_.console.out(long_form ? "Entry type: SecretKeyEntry\n" : "SecretKeyEntry, \n");
        break;
      case java::EntryKind::private_key:
        key(label, entry, long_form);
        break;
      case java::EntryKind::trusted_certificate:
        certificate(label, entry, long_form);
        break;
    }
  }

 private:
  void key(const std::string& label, const java::Entry& entry, bool long_form) {
    work_.console.out(long_form ? "Entry type: PrivateKeyEntry\n" : "PrivateKeyEntry, \n");
    if (entry.certificates.empty()) {
      work_.console.out("Certificate chain length: 0\n");
      return;
    }
    std::vector<CertificateView> chain;
    for (const java::StoredCertificate& each : entry.certificates) chain.push_back(view_or_fail(each.der));
    if (!long_form) {
      work_.console.out("Certificate fingerprint (SHA-256): " + sha256_line(chain.front().der) + "\n");
      warn_of_chain(work_, trusted_, label, chain);
      return;
    }
    work_.console.out("Certificate chain length: " + std::to_string(chain.size()) + "\n");
    for (std::size_t at = 0; at < chain.size(); ++at) {
      work_.console.out("Certificate[" + grouped(at + 1) + "]:\n");
      show(chain[at]);
      warn_of(work_, trusted_, label, chain[at], chain);
    }
  }

  void certificate(const std::string& label, const java::Entry& entry, bool long_form) {
    const ByteView der = entry.certificates.front().der;
    if (!long_form) {
      // The short list of a store of ten thousand: nothing is decoded but what a warning could be about.
      work_.console.out("trustedCertEntry, \nCertificate fingerprint (SHA-256): " + sha256_line(der) + "\n");
    } else {
      work_.console.out("Entry type: trustedCertEntry\n\n");
      show(view_or_fail(der));
    }
    const std::optional<CertificateView> view = view_certificate(der);
    if (view) warn_of(work_, trusted_, label, *view);
  }

  void show(const CertificateView& certificate) {
    work_.console.out(work_.given.rfc ? certificate_pem(certificate.der) : certificate_text(certificate, trusted_));
  }

  Work& work_;
  TrustedSet trusted_;
  std::int64_t now_;
};

}  // namespace

void list_entries(Work& work) {
  warn_unverified(work);
  Lister lister(work);
  if (work.given.alias) {
    lister.one("The certificate", *work.given.alias, entry_of(work.store, *work.given.alias));
    return;
  }
  const java::Keystore& store = work.store.keystore;
  const std::size_t count = store.entries.size();
  const bool is_jceks = work.store.type_name == "JCEKS";
  const bool is_bouncy =
      store.type == java::StoreType::bks || store.type == java::StoreType::uber || store.type == java::StoreType::bcfks;
  work.console.out("Keystore type: " + work.store.type_name + "\nKeystore provider: " +
                   (is_bouncy  ? "BC"
                    : is_jceks ? "SunJCE"
                               : "SUN") +
                   "\n\nYour keystore contains " + grouped(count) + (count == 1 ? " entry" : " entries") + "\n\n");
  std::vector<const java::Entry*> entries;
  for (const java::Entry& entry : store.entries) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const java::Entry* a, const java::Entry* b) { return java_less(a->alias, b->alias); });
  for (const java::Entry* entry : entries) {
    lister.one("<" + entry->alias + ">", entry->alias, *entry);
    if (work.given.verbose || work.given.rfc) {
      work.console.out("\n\n" + std::string(stars) + "\n" + std::string(stars) + "\n\n\n");
    }
  }
}

void export_certificate(Work& work) {
  warn_unverified(work);
  const std::string alias = work.alias();
  const java::Entry& entry = entry_of(work.store, alias);
  if (entry.certificates.empty()) fail_plain("Alias <" + alias + "> has no certificate");
  const ByteView der = entry.certificates.front().der;
  const std::string pem = certificate_pem(der);
  const ByteView content = work.given.rfc ? view_of(pem) : der;
  if (work.given.file) {
    write_output_file(*work.given.file, content);
  } else {
    work.console.out_bytes(content);
  }
  TrustedSet trusted(work);
  if (const auto view = view_certificate(der)) warn_of(work, trusted, "The certificate", *view);
  if (work.given.file) work.say("Certificate stored in file <" + *work.given.file + ">");
}

}  // namespace chancery::keytool
