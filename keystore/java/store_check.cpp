#include "keystore/java/store_check.h"

#include <algorithm>
#include <unordered_map>

#include "keystore/fault.h"
#include "keystore/java/pkcs12.h"
#include "keystore/java/store_edits.h"

namespace chancery::java {
namespace {

using Severity = FindingSeverity;

constexpr std::chrono::days soon{30};

class Check {
 public:
  Check(const Keystore& store, const CheckOptions& options) : store_(store), options_(options) {}

  std::vector<StoreFinding> findings() {
    look_at_store();
    look_at_pkcs12();
    for (const Entry& entry : store_.entries) look_at(entry);
    std::stable_sort(found_.begin(), found_.end(), [](const StoreFinding& left, const StoreFinding& right) {
      return left.severity > right.severity;
    });
    return std::move(found_);
  }

 private:
  void add(std::string code, Severity severity, const std::string& alias, std::string message, std::string hint) {
    found_.push_back({std::move(code), severity, alias, std::move(message), std::move(hint)});
  }

  void look_at_store() {
    const std::vector<StoreProtection> protections = pkcs12_details(store_).protections;
    const bool has_no_mac = std::any_of(protections.begin(), protections.end(), [](const StoreProtection& each) {
      return each.part == "integrity" && each.algorithm == "none";
    });
    if (store_.integrity == Integrity::absent) {
      add("integrity-absent", Severity::warning, "",
          has_no_mac ? "the file has no MAC: nothing proves that it is as it was made"
                     : "no password was given: nothing proves that the file is as it was made",
          has_no_mac ? "`chancery keystore convert` writes it anew with a password" : "give --storepass-file");
    }
    if (options_.store_password != nullptr) {
      if (const auto reason = java_cannot_read(store_.type, *options_.store_password)) {
        add("password-not-for-java", Severity::warning, "", *reason, "choose a password of ASCII characters");
      }
    }
    if (store_.type == StoreType::jks || store_.type == StoreType::jceks) {
      add("protection-weak", Severity::info, "",
          std::string(name_of(store_.type)) + " protects keys by " +
              (store_.type == StoreType::jks ? "a stream of SHA-1" : "triple DES under an MD5 of the password") +
              " and the file by SHA-1",
          "`chancery keystore convert --type PKCS12` where nothing needs the old type");
    }
  }

  void look_at_pkcs12() {
    const Pkcs12Details details = pkcs12_details(store_);
    for (const UnmarkedCertificate& each : details.unmarked) {
      add("invisible-to-java", Severity::warning, each.name,
          "a certificate without Java's mark of trust: to Java it is not there",
          "import it with `chancery keystore import`, which marks it");
    }
    for (const std::string& what : details.carried) {
      add("invisible-to-java", Severity::warning, "", what + " is in the file, which Java does not show",
          "nothing to do where another program needs it: it is carried along");
    }
    for (const StoreProtection& each : details.protections) {
      if (!each.is_weak) continue;
      add("protection-weak", Severity::info, each.alias,
          "the " + each.part + " is protected by " + each.algorithm +
              (each.iterations == 0 ? "" : " with " + std::to_string(each.iterations) + " iterations"),
          "`chancery keystore convert --type PKCS12` seals it anew");
    }
  }

  void look_at(const Entry& entry) {
    const std::string stored = stored_alias(store_.type, entry.alias);
    const auto [other, is_new] = aliases_.emplace(stored, entry.alias);
    if (!is_new) {
      add("alias-collision", Severity::warning, entry.alias,
          "Java takes this alias and \"" + other->second + "\" for one and shows only one of the entries",
          "rename one of them");
    }
    std::vector<std::optional<Certificate>> decoded;
    for (const StoredCertificate& each : entry.certificates) decoded.push_back(look_at(entry, each));
    look_at_chain(entry, decoded);
    if (entry.kind == EntryKind::trusted_certificate) look_at_trusted(entry, decoded);
    if (entry.kind == EntryKind::private_key && entry.certificates.empty()) {
      add("no-certificate", Severity::warning, entry.alias, "the key has no certificate: Java does not show it",
          "import the key again together with its certificate");
    }
    if (entry.key) look_at_key(entry, decoded);
  }

  std::optional<Certificate> look_at(const Entry& entry, const StoredCertificate& stored) {
    if (stored.type != "X.509") {
      add("not-a-certificate", Severity::warning, entry.alias,
          "a certificate of type " + stored.type + " is carried along and cannot be looked into",
          "nothing to do where a program of yours knows that type");
      return std::nullopt;
    }
    try {
      Certificate certificate = Certificate::from_der(stored.der);
      look_at(entry, certificate);
      return certificate;
    } catch (const Failure& failure) {
      add("not-a-certificate", Severity::error, entry.alias, "a certificate cannot be decoded: " + failure.cause(),
          "delete the entry, and import its certificate from where it came");
      return std::nullopt;
    }
  }

  void look_at(const Entry& entry, const Certificate& certificate) {
    const std::string name = certificate.subject().empty() ? "a certificate" : certificate.subject();
    if (certificate.not_after() < options_.now) {
      add("expired", Severity::warning, entry.alias, name + " expired on " + to_rfc3339(certificate.not_after()),
          "replace it by its successor, or delete it");
    } else if (certificate.not_after() < options_.now + soon) {
      add("expires-soon", Severity::info, entry.alias, name + " expires on " + to_rfc3339(certificate.not_after()),
          "get its successor before that");
    }
    if (certificate.not_before() > options_.now) {
      add("not-yet-valid", Severity::warning, entry.alias,
          name + " is valid only from " + to_rfc3339(certificate.not_before()), "check the clock of this machine");
    }
    const KeyDescription& key = certificate.key();
    const bool is_discrete = key.type == "RSA" || key.type.starts_with("RSA") || key.type == "DSA";
    if ((is_discrete && key.bits < 2048) || (key.type.starts_with("EC") && key.bits < 224)) {
      add("key-weak", Severity::warning, entry.alias,
          name + " has a key of " + std::to_string(key.bits) + " bits (" + key.type + ")",
          "ask for a certificate with a stronger key");
    }
    const std::string& digest = certificate.signature_digest();
    const bool is_weak = digest.starts_with("MD") || digest == "SHA1";
    if (is_weak && !(certificate.is_self_issued() && certificate.is_self_signed())) {
      add("signature-weak", Severity::warning, entry.alias, name + " is signed with " + digest,
          "ask its issuer for one that is signed with SHA-256 or better");
    }
  }

  void look_at_chain(const Entry& entry, const std::vector<std::optional<Certificate>>& chain) {
    for (std::size_t at = 0; at + 1 < chain.size(); ++at) {
      if (!chain[at] || !chain[at + 1] || chain[at]->is_signed_by(*chain[at + 1])) continue;
      add("chain-broken", Severity::warning, entry.alias,
          "certificate " + std::to_string(at + 1) + " of the chain was not issued by the one after it",
          "import the key's certificates again: they are put in order then");
      return;
    }
  }

  void look_at_trusted(const Entry& entry, const std::vector<std::optional<Certificate>>& decoded) {
    if (entry.certificates.empty()) return;
    const auto [other, is_new] = holders_.emplace(text_of(entry.certificates.front().der), entry.alias);
    if (!is_new) {
      add("duplicate-certificate", Severity::info, entry.alias,
          "the same certificate stands under \"" + other->second + "\" too", "delete one of the two");
    }
    const std::optional<Certificate>& certificate = decoded.front();
    if (certificate && !certificate->is_ca() && !certificate->is_self_signed()) {
      add("not-a-ca", Severity::info, entry.alias,
          "is no CA: it is trusted as the certificate of one server or client, and its issuer is not",
          "import the certificate of its issuer where that should be trusted");
    }
  }

  void look_at_key(const Entry& entry, const std::vector<std::optional<Certificate>>& chain) {
    if (options_.key_password == nullptr && options_.store_password == nullptr) return;
    const SecretBytes* opened_by = nullptr;
    const std::optional<KeyMaterial> key = opened(entry, opened_by);
    if (!key) return;
    const bool differs = options_.store_password != nullptr && opened_by != options_.store_password &&
                         !secret_equal(view_of(*opened_by), view_of(*options_.store_password));
    if (differs) {
      const bool is_pkcs12 = store_.type == StoreType::pkcs12;
      add("key-password-differs", is_pkcs12 ? Severity::warning : Severity::info, entry.alias,
          is_pkcs12 ? "the key has another password than the store, which most of Java's programs cannot handle"
                    : "the key has another password than the store",
          "`chancery keystore passwd --alias` gives it the store's");
    }
    if (key->kind != EntryKind::private_key || chain.empty() || !chain.front()) return;
    look_at_pair(entry, *key, *chain.front());
  }

  // The first of the two passwords that opens it; says what keeps it closed otherwise.
  std::optional<KeyMaterial> opened(const Entry& entry, const SecretBytes*& by) {
    for (const SecretBytes* password : {options_.store_password, options_.key_password}) {
      if (password == nullptr) continue;
      try {
        KeyMaterial key = open_key(store_, entry, *password);
        by = password;
        return key;
      } catch (const Failure& failure) {
        if (failure.code() == "wrong-key-password") continue;
        add("key-closed", Severity::error, entry.alias, "the key cannot be opened: " + failure.cause(), failure.hint());
        return std::nullopt;
      }
    }
    add("key-closed", Severity::warning, entry.alias, "the key has a password of its own and was not looked into",
        "give it with --keypass-file");
    return std::nullopt;
  }

  void look_at_pair(const Entry& entry, const KeyMaterial& material, const Certificate& leaf) {
    try {
      if (to_private_key(material, entry.alias).belongs_to(leaf)) return;
      add("key-mismatch", Severity::error, entry.alias, "the key does not belong to its certificate " + leaf.subject(),
          "import the key again together with its own certificate");
    } catch (const Failure& failure) {
      add("key-closed", Severity::warning, entry.alias, failure.cause() + ", so nothing is known of it",
          failure.hint());
    }
  }

  const Keystore& store_;
  const CheckOptions& options_;
  std::vector<StoreFinding> found_;
  std::unordered_map<std::string, std::string> aliases_;
  std::unordered_map<std::string_view, std::string> holders_;
};

}  // namespace

const char* to_text(FindingSeverity severity) {
  switch (severity) {
    case FindingSeverity::info:
      return "info";
    case FindingSeverity::warning:
      return "warning";
    case FindingSeverity::error:
      return "error";
  }
  return "";
}

std::vector<StoreFinding> check_keystore(const Keystore& store, const CheckOptions& options) {
  return Check(store, options).findings();
}

}  // namespace chancery::java
