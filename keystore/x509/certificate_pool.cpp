#include "keystore/x509/certificate_pool.h"

#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery {
namespace {

struct DigestHash {
  std::size_t operator()(const Sha256& digest) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

}  // namespace

struct CertificatePool::State {
  struct Entry {
    Bytes der;
    std::optional<Certificate> decoded;
    bool is_broken = false;  // looked like a certificate, but is none
  };
  std::vector<Entry> entries;
  std::unordered_map<Sha256, std::size_t, DigestHash> by_digest;
  // Made when somebody asks by name: who only asks what is in it does not pay for the names of ten thousand.
  std::unordered_multimap<std::string, std::size_t> by_subject;
  std::size_t named = 0;  // entries that are in it
  std::mutex decoding;    // of entries, and of their names

  bool add(ByteView der, const Certificate* decoded) {
    if (decoded == nullptr && !der::outline_of(der)) return false;
    if (!by_digest.emplace(sha256(der), entries.size()).second) return false;
    entries.push_back({Bytes(der.begin(), der.end()), decoded ? std::optional(*decoded) : std::nullopt, false});
    return true;
  }

  void name_all() {
    for (; named < entries.size(); ++named) {
      const Entry& entry = entries[named];
      std::string subject;
      if (entry.decoded) {
        subject = text_of(entry.decoded->subject_der());
      } else {
        subject = text_of(der::canonical_name(der::outline_of(entry.der)->subject));
      }
      by_subject.emplace(std::move(subject), named);
    }
  }

  const std::optional<Certificate>& decoded(std::size_t index) {
    Entry& entry = entries[index];
    if (entry.decoded || entry.is_broken) return entry.decoded;
    try {
      entry.decoded = Certificate::from_der(entry.der);
    } catch (const Failure&) {
      entry.is_broken = true;
    }
    return entry.decoded;
  }
};

CertificatePool::CertificatePool() : state_(std::make_unique<State>()) {}
CertificatePool::CertificatePool(CertificatePool&&) noexcept = default;
CertificatePool& CertificatePool::operator=(CertificatePool&&) noexcept = default;
CertificatePool::~CertificatePool() = default;

bool CertificatePool::add(const Certificate& certificate) { return state_->add(certificate.der(), &certificate); }

void CertificatePool::add_der(ByteView der) {
  ByteView rest = der;
  const auto whole = der::next(rest, der::sequence);
  if (whole && rest.empty()) state_->add(der, nullptr);
}

void CertificatePool::add_pem(ByteView bundle) {
  pem::Scanner scanner(bundle);
  Bytes der;
  while (const auto block = scanner.next()) {
    const bool is_trusted = block->label == "TRUSTED CERTIFICATE";
    if (block->label != "CERTIFICATE" && block->label != "X509 CERTIFICATE" && !is_trusted) continue;
    if (!block->is_closed || !pem::decode_into(block->body, der)) continue;
    // OpenSSL's trust settings follow the certificate in a TRUSTED block; nothing may follow in the others.
    ByteView rest = der;
    const auto whole = der::next(rest, der::sequence);
    if (whole && (rest.empty() || is_trusted)) state_->add(whole->whole, nullptr);
  }
}

std::size_t CertificatePool::size() const noexcept { return state_->entries.size(); }

bool CertificatePool::contains(const std::string& fingerprint) const {
  if (fingerprint.size() != 2 * sizeof(Sha256)) return false;
  Sha256 digest;
  try {
    const Bytes bytes = from_hex(fingerprint);
    std::copy(bytes.begin(), bytes.end(), digest.begin());
  } catch (const Failure&) {
    return false;
  }
  return state_->by_digest.contains(digest);
}

std::vector<Certificate> CertificatePool::with_subject(const Bytes& subject_der) const {
  const std::lock_guard guard(state_->decoding);
  state_->name_all();
  std::vector<Certificate> out;
  const auto [first, last] = state_->by_subject.equal_range(std::string(text_of(subject_der)));
  for (auto at = first; at != last; ++at) {
    if (const auto& certificate = state_->decoded(at->second)) out.push_back(*certificate);
  }
  return out;
}

std::vector<Certificate> CertificatePool::all() const {
  const std::lock_guard guard(state_->decoding);
  std::vector<Certificate> out;
  for (std::size_t index = 0; index < state_->entries.size(); ++index) {
    if (const auto& certificate = state_->decoded(index)) out.push_back(*certificate);
  }
  return out;
}

}  // namespace chancery
