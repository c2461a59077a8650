// keytool -importcert: a certificate to trust, or a CA's answer for a key that is there.
#include "appliance/keytool/certificate_text.h"
#include "appliance/keytool/chains.h"
#include "appliance/keytool/commands.h"
#include "appliance/keytool/files.h"
#include "appliance/keytool/java_ways.h"

namespace chancery::keytool {
namespace {

// A file is opened before the store is looked at, stdin is read after the passwords that may come from it.
class Input {
 public:
  explicit Input(Work& work) {
    if (work.given.file) file_ = read_input(work);
  }
  [[nodiscard]] Bytes bytes(Work& work) const { return file_ ? *file_ : read_input(work); }

 private:
  std::optional<Bytes> file_;
};

class TrustImport {
 public:
  TrustImport(Work& work, std::string alias) : work_(work), alias_(std::move(alias)), trusted_(work) {}

  bool run(const Input& input) {
    java::Keystore& store = work_.store.keystore;
    if (java::find_entry(store, alias_) != nullptr) {
      fail_plain("Certificate not imported, alias <" + alias_ + "> already exists");
    }
    std::optional<Bytes> der = first_certificate_in(input.bytes(work_));
    if (!der) fail_plain("Input not an X.509 certificate");
    der_ = std::move(*der);
    view_ = *view_certificate(der_);
    if (!is_wanted()) return false;
    store.entries.push_back(
        java::trusted_certificate(java::stored_alias(store.type, alias_), std::move(der_), now_ms()));
    return true;
  }

 private:
  bool is_wanted() {
    if (work_.given.no_prompt) {
      warn();
      return true;
    }
    const bool self_signed = is_self_signed(der_);
    if (const auto there = alias_of(work_.store.keystore, der_)) {
      work_.say("Certificate already exists in keystore under alias <" + *there + ">");
      return ask("Do you still want to add it? [no]:  ");
    }
    if (self_signed) {
      if (work_.system) {
        if (const auto there = alias_of(*work_.system, der_)) {
          work_.say("Certificate already exists in system-wide CA keystore under alias <" + *there + ">");
          return ask("Do you still want to add it to your own keystore? [no]:  ");
        }
      }
      return show_and_ask();
    }
    const TrustPool pool(work_);
    const auto chain = pool.chain_from({"The input", der_});
    if (!chain) return show_and_ask();
    for (auto link = chain->rbegin(); link != chain->rend(); ++link) {
      warn_of(work_, trusted_, link->label, *view_certificate(link->der));
    }
    return true;
  }

  bool show_and_ask() {
    work_.console.out(certificate_text(view_, trusted_));
    return ask("Trust this certificate? [no]:  ");
  }

  bool ask(const std::string& question) {
    warn();
    work_.show_warnings(true);
    return said_yes(work_, question);
  }

  void warn() { warn_of(work_, trusted_, "The input", view_); }

  Work& work_;
  std::string alias_;
  TrustedSet trusted_;
  Bytes der_;
  CertificateView view_;
};

bool install_reply(Work& work, const std::string& alias, const Input& input) {
  OpenedKey opened = recover_key(work, alias);
  java::Entry& entry = *java::find_entry(work.store.keystore, alias);
  if (entry.certificates.empty()) fail_plain(alias + " has no public key (certificate)");
  const auto reply = certificates_in(input.bytes(work));
  if (!reply)
    fail_as("java.security.cert.CertificateException", "Unable to initialize, java.io.IOException: not a certificate");
  if (reply->empty()) fail_plain("Reply has no certificates");
  const java::SharedDer own = entry.certificates.front().der;
  std::optional<std::vector<Bytes>> chain = chain_of_reply(work, alias, own, *reply);
  if (!chain) return false;
  entry.key = sealed(work.store, opened.key, opened.password);
  entry.certificates.clear();
  for (Bytes& der : *chain) entry.certificates.push_back({.der = std::move(der)});
  entry.created_ms = now_ms();
  return true;
}

}  // namespace

void import_certificate(Work& work) {
  const std::string alias = work.alias();
  const Input input(work);
  const java::Entry* there = java::find_entry(work.store.keystore, alias);
  if (there != nullptr && there->kind == java::EntryKind::secret_key) return;
  if (there != nullptr && there->kind == java::EntryKind::private_key) {
    const bool done = install_reply(work, alias, input);
    work.say(done ? "Certificate reply was installed in keystore" : "Certificate reply was not installed in keystore");
    if (done) save_store(work);
    return;
  }
  const bool done = TrustImport(work, alias).run(input);
  work.say(done ? "Certificate was added to keystore" : "Certificate was not added to keystore");
  if (done) save_store(work);
}

}  // namespace chancery::keytool
