#include "collector/kept_revocations.h"

#include <algorithm>

#include "keystore/fault.h"

namespace chancery::collector {

namespace {

constexpr const char* file_name = "revocations.pem";
constexpr std::size_t file_limit = 8 * 1024 * 1024;
constexpr std::size_t most_lists = 8;

bool is_issuer(const Certificate& certificate, const CertificatePool& trusted) {
  if (!certificate.is_ca() || !certificate.may_sign_certificates()) return false;
  const std::vector<Certificate> above = trusted.with_subject(certificate.issuer_der());
  return std::ranges::any_of(
      above, [&](const Certificate& root) { return root.is_self_signed() && certificate.is_signed_by(root); });
}

bool is_of_the_same_ca(const RevocationList& one, const RevocationList& other) {
  return !one.authority_key_id().empty() && one.authority_key_id() == other.authority_key_id();
}

std::vector<Certificate> issuers_of(const wire::Revocations& message, const CertificatePool& trusted) {
  std::vector<Certificate> issuers;
  for (const Bytes& der : message.issuers) {
    try {
      Certificate issuer = Certificate::from_der(der);
      if (is_issuer(issuer, trusted)) issuers.push_back(std::move(issuer));
    } catch (const Failure&) {  // signs nothing here
    }
  }
  return issuers;
}

}  // namespace

bool KeptRevocations::Snapshot::lists(const Certificate& certificate) const {
  return std::ranges::any_of(all, [&](const RevocationList& list) { return list.lists(certificate); });
}

KeptRevocations::KeptRevocations(const Folder& state) : state_(state), kept_(std::make_shared<Snapshot>()) {
  if (!state_.status(file_name)) return;
  try {
    kept_ = std::make_shared<Snapshot>(Snapshot{revocation_lists(state_.read(file_name, file_limit))});
  } catch (const Failure& failure) {
    throw Failure({.code = "state-damaged",
                   .subject = state_.path() + "/" + file_name,
                   .cause = "the revocation lists that this collector was given cannot be read: " + failure.cause(),
                   .hint = "remove the file: the collector gets them anew from its engine"});
  }
}

bool KeptRevocations::take(const wire::Revocations& message, const CertificatePool& trusted) {
  const std::vector<Certificate> issuers = issuers_of(message, trusted);
  Snapshot next = *kept_;
  bool is_news = false;
  for (const Bytes& der : message.lists) {
    try {
      RevocationList list = RevocationList::from_der(der);
      if (list.authority_key_id().empty()) continue;
      if (std::ranges::none_of(issuers, [&](const Certificate& ca) { return list.is_signed_by(ca); })) continue;
      const auto present =
          std::ranges::find_if(next.all, [&](const RevocationList& each) { return is_of_the_same_ca(each, list); });
      if (present != next.all.end() && present->number() >= list.number()) continue;
      if (present != next.all.end()) next.all.erase(present);
      next.all.push_back(std::move(list));
      is_news = true;
    } catch (const Failure&) {  // no list, or a newer program's
    }
  }
  if (!is_news) return false;
  if (next.all.size() > most_lists) next.all.erase(next.all.begin());  // that of the CA longest without a new one
  kept_ = std::make_shared<Snapshot>(std::move(next));
  write();
  return true;
}

bool KeptRevocations::lists(const Certificate& certificate) const { return kept_->lists(certificate); }

std::vector<std::string> KeptRevocations::digests() const {
  std::vector<std::string> digests;
  for (const RevocationList& list : kept_->all) digests.push_back(sha256_hex(list.der()));
  return digests;
}

void KeptRevocations::write() const {
  std::string text;
  for (const RevocationList& list : kept_->all) text += list.to_pem();
  state_.write_atomically(file_name, view_of(text), {.mode = 0600});
}

}  // namespace chancery::collector
