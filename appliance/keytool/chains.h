// Chains as -importcert builds them: out of what the store (and, with -trustcacerts, the JDK's cacerts) holds.
//
//   TrustPool pool(work);
//   std::optional<Link> signer = pool.signer_of(certificate);
//
// Signatures are verified, names chain; dates and usage are not looked at: Java's keytool does not either.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/weakness.h"
#include "appliance/keytool/work.h"

namespace chancery::keytool {

// A certificate and how warnings call it: "The input", "Issuer <ca>", "Issuer <ca> in cacerts".
struct Link {
  std::string label;
  ByteView der;
};

[[nodiscard]] bool is_signed_by(ByteView certificate, ByteView issuer);  // names and signature
[[nodiscard]] bool is_self_signed(ByteView certificate);
// The alias under which a store has this certificate, as trusted or as a key's own; in Java's order.
[[nodiscard]] std::optional<std::string> alias_of(const java::Keystore& store, ByteView der);

class TrustPool {
 public:
  explicit TrustPool(const Work& work);
  // From `first` up to a self-signed certificate of the pool, `first` first; nullopt when there is no way.
  [[nodiscard]] std::optional<std::vector<Link>> chain_from(const Link& first) const;
  // What is there itself ("" as label), or whoever in it signed `top`.
  [[nodiscard]] std::optional<Link> signer_of(ByteView top) const;

 private:
  struct Candidate {
    Link link;
    Bytes subject;  // canonical
  };
  [[nodiscard]] bool extend(std::vector<Link>& chain) const;
  const Work& work_;
  std::vector<Candidate> candidates_;
};

// The chain for a key whose certificate is `own` out of a CA's answer of one or of several certificates. nullopt: the
// person said no. Failures in Java's words.
[[nodiscard]] std::optional<std::vector<Bytes>> chain_of_reply(Work& work, const std::string& alias, ByteView own,
                                                               const std::vector<Bytes>& reply);

}  // namespace chancery::keytool
