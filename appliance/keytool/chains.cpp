#include "appliance/keytool/chains.h"

#include <algorithm>

#include "appliance/keytool/certificate_text.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/fault.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr std::size_t longest_chain = 64;

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

Bytes owned(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

ByteView key_of(ByteView der) {
  const auto view = view_certificate(der);
  return view ? view->key.info : ByteView();
}

std::vector<Bytes> single_reply(Work& work, ByteView own, const Bytes& answer) {
  if (!equal(key_of(own), key_of(answer))) fail_plain("Public keys in reply and keystore don't match");
  if (equal(own, answer)) fail_plain("Certificate reply and certificate in keystore are identical");
  const TrustPool pool(work);
  const auto chain = pool.chain_from({"The input", answer});
  if (!chain) fail_plain("Failed to establish chain from reply");
  TrustedSet trusted(work);
  std::vector<Bytes> out;
  for (auto link = chain->rbegin(); link != chain->rend(); ++link) {
    warn_of(work, trusted, link->label, *view_certificate(link->der));
  }
  for (const Link& link : *chain) out.push_back(owned(link.der));
  return out;
}

std::vector<Bytes> ordered(const std::string& alias, ByteView own, std::vector<Bytes> pile) {
  std::vector<Bytes> unique;
  for (Bytes& each : pile) {
    if (std::find(unique.begin(), unique.end(), each) == unique.end()) unique.push_back(std::move(each));
  }
  const auto leaf =
      std::find_if(unique.begin(), unique.end(), [own](const Bytes& each) { return equal(key_of(each), key_of(own)); });
  if (leaf == unique.end()) fail_plain("Certificate reply does not contain public key for <" + alias + ">");
  std::iter_swap(unique.begin(), leaf);
  // The last place is what remains.
  for (std::size_t at = 1; at + 1 < unique.size(); ++at) {
    const auto issuer = std::find_if(unique.begin() + static_cast<std::ptrdiff_t>(at), unique.end(),
                                     [&](const Bytes& each) { return is_signed_by(unique[at - 1], each); });
    if (issuer == unique.end()) fail_plain("Incomplete certificate chain in reply");
    std::iter_swap(unique.begin() + static_cast<std::ptrdiff_t>(at), issuer);
  }
  return unique;
}

std::optional<std::vector<Bytes>> several_replies(Work& work, const std::string& alias, ByteView own,
                                                  const std::vector<Bytes>& reply) {
  TrustedSet trusted(work);
  std::vector<CertificateView> views;
  for (const Bytes& each : reply) views.push_back(*view_certificate(each));
  warn_of_chain(work, trusted, "Reply", views);
  std::vector<Bytes> chain = ordered(alias, own, reply);
  if (work.given.no_prompt) return chain;
  const TrustPool pool(work);
  const std::optional<Link> root = pool.signer_of(chain.back());
  if (!root) {
    work.console.err("\nTop-level certificate in reply:\n\n");
    work.console.out(certificate_text(*view_certificate(chain.back()), trusted));
    work.console.err("\n... is not trusted. ");
    work.show_warnings(true);
    if (!said_yes(work, "Install reply anyway? [no]:  ")) return std::nullopt;
    return chain;
  }
  if (!root->label.empty()) {
    warn_of(work, trusted, root->label, *view_certificate(root->der));
    chain.push_back(owned(root->der));
  }
  return chain;
}

}  // namespace

bool is_signed_by(ByteView certificate, ByteView issuer) {
  try {
    return Certificate::from_der(certificate).is_signed_by(Certificate::from_der(issuer));
  } catch (const Failure&) {
    return false;
  }
}

bool is_self_signed(ByteView certificate) { return is_signed_by(certificate, certificate); }

std::optional<std::string> alias_of(const java::Keystore& store, ByteView der) {
  const bool is_there = std::any_of(store.entries.begin(), store.entries.end(), [der](const java::Entry& entry) {
    return !entry.certificates.empty() && equal(entry.certificates.front().der, der);
  });
  if (!is_there) return std::nullopt;
  for (const java::Entry* entry : in_java_order(store)) {
    if (!entry->certificates.empty() && equal(entry->certificates.front().der, der)) return entry->alias;
  }
  return std::nullopt;
}

TrustPool::TrustPool(const Work& work) : work_(work) {
  const auto add = [this](const java::Keystore& store, const char* tail) {
    for (const java::Entry* entry : in_java_order(store)) {
      if (entry->certificates.empty()) continue;
      const ByteView der = entry->certificates.front().der;
      if (const auto view = view_certificate(der)) {
        candidates_.push_back({{"Issuer <" + entry->alias + ">" + tail, der}, der::canonical_name(view->subject)});
      }
    }
  };
  add(work.store.keystore, "");
  if (work.system) add(*work.system, " in cacerts");
}

std::optional<std::vector<Link>> TrustPool::chain_from(const Link& first) const {
  std::vector<Link> chain{first};
  if (!extend(chain)) return std::nullopt;
  return chain;
}

bool TrustPool::extend(std::vector<Link>& chain) const {
  const ByteView last = chain.back().der;
  if (is_self_signed(last)) return true;
  if (chain.size() == longest_chain) return false;
  const auto view = view_certificate(last);
  if (!view) return false;
  const Bytes issuer = der::canonical_name(view->issuer);
  for (const Candidate& candidate : candidates_) {
    if (candidate.subject != issuer || !is_signed_by(last, candidate.link.der)) continue;
    chain.push_back(candidate.link);
    if (extend(chain)) return true;
    chain.pop_back();
  }
  return false;
}

std::optional<Link> TrustPool::signer_of(ByteView top) const {
  const auto in = [this, top](const java::Keystore& store, const char* tail) -> std::optional<Link> {
    if (alias_of(store, top)) return Link{"", top};
    const auto view = view_certificate(top);
    if (!view) return std::nullopt;
    const Bytes issuer = der::canonical_name(view->issuer);
    for (const Candidate& candidate : candidates_) {
      const bool is_of_store = candidate.link.label.ends_with(" in cacerts") == (*tail != '\0');
      if (is_of_store && candidate.subject == issuer && is_signed_by(top, candidate.link.der)) return candidate.link;
    }
    return std::nullopt;
  };
  if (auto found = in(work_.store.keystore, "")) return found;
  if (work_.system) return in(*work_.system, " in cacerts");
  return std::nullopt;
}

std::optional<std::vector<Bytes>> chain_of_reply(Work& work, const std::string& alias, ByteView own,
                                                 const std::vector<Bytes>& reply) {
  if (reply.size() == 1) return single_reply(work, own, reply.front());
  return several_replies(work, alias, own, reply);
}

}  // namespace chancery::keytool
