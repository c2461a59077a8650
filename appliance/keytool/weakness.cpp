#include "appliance/keytool/weakness.h"

#include <algorithm>
#include <functional>

namespace chancery::keytool {
namespace {

enum class Verdict { fine, weak, not_for_jars, disabled };

enum class Usage { any, code, tls_client, tls_server, time_stamping };

Usage usage_of(const CertificateView& certificate) {
  const std::vector<std::string> usages = extended_key_usages(certificate);
  const auto has = [&usages](std::string_view oid) {
    return std::find(usages.begin(), usages.end(), oid) != usages.end();
  };
  if (has("1.3.6.1.5.5.7.3.3")) return Usage::code;
  if (has("1.3.6.1.5.5.7.3.2")) return Usage::tls_client;
  if (has("1.3.6.1.5.5.7.3.1")) return Usage::tls_server;
  if (has("1.3.6.1.5.5.7.3.8")) return Usage::time_stamping;
  return Usage::any;
}

Verdict judge_signature(const std::string& name, Usage usage, const std::function<bool()>& under_jdk_root) {
  if (name.starts_with("MD2") || name.starts_with("MD5")) return Verdict::disabled;
  if (!name.starts_with("SHA1with")) return Verdict::fine;
  if (usage == Usage::code || usage == Usage::time_stamping) return Verdict::not_for_jars;
  if (usage == Usage::tls_server && under_jdk_root()) return Verdict::disabled;
  return Verdict::weak;
}

Verdict judge_key(const KeyNaming& key) {
  if (key.bits < 0) return Verdict::fine;
  if (key.algorithm == "RSA" || key.algorithm == "DSA") {
    return key.bits < 1024 ? Verdict::disabled : key.bits < 2048 ? Verdict::weak : Verdict::fine;
  }
  return key.algorithm == "EC" && key.bits < 224 ? Verdict::disabled : Verdict::fine;
}

bool no_root() { return false; }

bool is_under_jdk_root(const CertificateView& last) {
  const std::optional<java::Keystore> roots = open_system_cacerts();
  if (!roots) return false;
  const Bytes issuer(last.issuer.begin(), last.issuer.end());
  for (const java::Entry& entry : roots->entries) {
    if (entry.certificates.empty()) continue;
    const auto root = view_certificate(entry.certificates.front().der);
    if (root && std::equal(root->subject.begin(), root->subject.end(), issuer.begin(), issuer.end())) return true;
  }
  return false;
}

void add_signature_warning(Work& work, const std::string& label, const std::string& name, Verdict verdict) {
  const std::string head = label + " uses the " + name + " signature algorithm which is considered a security risk";
  if (verdict == Verdict::weak) {
    work.warnings.push_back(head + ". This algorithm will be disabled in a future update.");
  } else if (verdict == Verdict::not_for_jars) {
    work.warnings.push_back(head + " and cannot be used to sign JARs after 2019-01-01.");
  } else if (verdict == Verdict::disabled) {
    work.warnings.push_back(head + " and is disabled.");
  }
}

void add_key_warning(Work& work, const std::string& label, const KeyNaming& key) {
  const Verdict verdict = judge_key(key);
  if (verdict == Verdict::fine) return;
  const std::string head =
      label + " uses a " + std::to_string(key.bits) + "-bit " + key.shown + " key which is considered a security risk";
  work.warnings.push_back(
      head + (verdict == Verdict::weak ? ". This key size will be disabled in a future update." : " and is disabled."));
}

std::string marked(const std::string& text, Verdict verdict) {
  if (verdict == Verdict::fine) return text;
  return text + (verdict == Verdict::weak ? " (weak)" : " (disabled)");
}

// The end of a certificate is its signature: as good as random.
std::size_t short_hash(ByteView der) {
  const ByteView end = der.size() > 16 ? der.last(16) : der;
  return std::hash<std::string_view>{}(text_of(end)) ^ der.size();
}

}  // namespace

bool TrustedSet::contains(ByteView der) {
  if (!filled_) fill();
  const std::size_t hash = short_hash(der);
  auto found = std::lower_bound(by_hash_.begin(), by_hash_.end(), hash,
                                [](const auto& each, std::size_t wanted) { return each.first < wanted; });
  for (; found != by_hash_.end() && found->first == hash; ++found) {
    if (std::equal(der.begin(), der.end(), found->second.begin(), found->second.end())) return true;
  }
  return false;
}

void TrustedSet::fill() {
  filled_ = true;
  const auto add = [this](const java::Keystore& store) {
    for (const java::Entry& entry : store.entries) {
      if (entry.kind != java::EntryKind::trusted_certificate || entry.certificates.empty()) continue;
      const ByteView der = entry.certificates.front().der;
      by_hash_.emplace_back(short_hash(der), der);
    }
  };
  add(work_.store.keystore);
  if (work_.system) add(*work_.system);
  std::sort(by_hash_.begin(), by_hash_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
}

std::string marked_signature(const CertificateView& certificate, TrustedSet& trusted) {
  const std::string name = signature_name(certificate.signature_oid);
  if (trusted.contains(certificate.der)) return name;
  return marked(name, judge_signature(name, usage_of(certificate), no_root));
}

std::string marked_signature_name(const std::string& name) {
  return marked(name, judge_signature(name, Usage::any, no_root));
}

std::string marked_key(const KeyView& key) {
  const KeyNaming naming = naming_of(key);
  if (naming.bits < 0) return naming.shown + " key of unknown size";
  return marked(std::to_string(naming.bits) + "-bit " + naming.shown + " key", judge_key(naming));
}

void warn_of(Work& work, TrustedSet& trusted, const std::string& label, const CertificateView& certificate,
             const std::vector<CertificateView>& chain) {
  const std::string name = signature_name(certificate.signature_oid);
  const bool is_old = name.starts_with("MD") || name.starts_with("SHA1");
  if (is_old && !trusted.contains(certificate.der)) {
    const bool is_leaf =
        chain.empty() || (!is_authority(certificate) && chain.front().der.data() == certificate.der.data());
    const Verdict verdict = judge_signature(name, is_leaf ? usage_of(certificate) : Usage::any,
                                            [&chain] { return !chain.empty() && is_under_jdk_root(chain.back()); });
    add_signature_warning(work, label, name, verdict);
  }
  add_key_warning(work, label, naming_of(certificate.key));
}

void warn_of_chain(Work& work, TrustedSet& trusted, const std::string& label,
                   const std::vector<CertificateView>& chain) {
  for (std::size_t at = 0; at < chain.size(); ++at) {
    warn_of(work, trusted, one_of_many(label, at, chain.size()), chain[at], chain);
  }
}

void warn_of_request(Work& work, const std::string& label, const std::string& signature, const KeyView& key) {
  add_signature_warning(work, label, signature, judge_signature(signature, Usage::any, no_root));
  add_key_warning(work, label, naming_of(key));
}

std::string one_of_many(const std::string& label, std::size_t at, std::size_t count) {
  if (count == 1) return label;
  return label + " #" + std::to_string(at + 1) + " of " + std::to_string(count);
}

}  // namespace chancery::keytool
