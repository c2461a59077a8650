// A certificate revocation list (RFC 5280, 5): what the federation's authority has taken back.
//
//   const RevocationList list = RevocationList::from_der(der);
//   if (list.lists(peer_chain.front())) …
//
// Read within bounds (4 MiB). Not checked on reading: the signature (is_signed_by) and the dates. Entries that an
// indirect list has for other issuers are not known here: our authority makes none. Thread safety: a value.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "keystore/x509/certificate.h"

namespace chancery {

class RevocationList {
 public:
  // Where a generation has the federation's, in PEM; absent while nothing was ever revoked.
  static constexpr const char* path = "trust/federation/crl.pem";

  [[nodiscard]] static RevocationList from_der(ByteView der);  // Failure("bad-crl")
  [[nodiscard]] static RevocationList from_pem(ByteView pem);

  bool lists(const Certificate& certificate) const;
  bool is_signed_by(const Certificate& issuer) const;
  // Whether it is for certificates of this one's issuer, by name and, where both tell it, by key; of another list's.
  bool covers(const Certificate& certificate) const;
  bool is_of_the_issuer_of(const RevocationList& other) const;
  std::string to_pem() const;

  const Bytes& der() const noexcept { return der_; }
  const std::set<std::string>& serials() const noexcept { return serials_; }  // as Certificate::serial()
  const Bytes& authority_key_id() const noexcept { return authority_key_id_; }
  std::uint64_t number() const noexcept { return number_; }
  Instant this_update() const noexcept { return this_update_; }
  Instant next_update() const noexcept { return next_update_; }

 private:
  Bytes der_;
  Bytes issuer_;  // canonical, as Certificate::issuer_der()
  Bytes authority_key_id_;
  std::set<std::string> serials_;
  std::uint64_t number_ = 0;
  Instant this_update_{};
  Instant next_update_{};
};

// All lists of a PEM file: after a rotation, those of the issuing CAs before and after it. Failure("bad-crl"), also where
// there is none.
[[nodiscard]] std::vector<RevocationList> revocation_lists(ByteView pem);

}  // namespace chancery
