// The portal's client trust: a Java keystore in the generation (P21), with the password that the portal reads it by.
//
//   options.trust_pem = trust::portal_trust_pem(generation);   // engines, LDAP, mail: every new connection of the portal
//
// trust/portal/cacerts is of any type that java_keystore.h reads; init makes a JKS under "changeit", as Debian's Java has
// it. trust/portal/cacerts.password is that password and a line end, for the portal and root only. Generations made
// before there was a keystore have trust/portal/ca-bundle.crt instead: it is read as well, and the next change makes a
// keystore of it.
//
// What anchors is what anchors in Java: every trusted certificate, intermediates and servers' own included, and the first
// certificate of a key's chain. Not checked: dates and usage; whoever verifies with it does that. Failure as
// open_keystore's ("wrong-password" when store and password do not fit). Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "backup/generations/generation.h"
#include "keystore/java/java_keystore.h"

namespace chancery::trust {

inline constexpr const char* portal_store_path = "trust/portal/cacerts";
inline constexpr const char* portal_password_path = "trust/portal/cacerts.password";
inline constexpr const char* former_portal_bundle = "trust/portal/ca-bundle.crt";
inline constexpr const char* usual_password = "changeit";

// THE portal's client trust, as PEM; empty where the generation has none.
[[nodiscard]] Bytes portal_trust_pem(const backup::Generation& generation);

struct OpenStore {
  java::Keystore store;
  SecretBytes password;
};
// Failure("no-trust") where the generation has no keystore (yet: see former_portal_bundle).
[[nodiscard]] OpenStore open_portal_store(const backup::Generation& generation);
[[nodiscard]] OpenStore open_portal_store(ByteView store, ByteView password_file);
// A JKS under "changeit" with every certificate of a PEM bundle; what cannot be decoded is left out.
[[nodiscard]] OpenStore portal_store_of(ByteView pem_bundle, std::int64_t now_ms);

// DER of what anchors, in the order of the store, without duplicates.
[[nodiscard]] std::vector<Bytes> anchors_of(const java::Keystore& store);
[[nodiscard]] Bytes pem_of(const std::vector<Bytes>& certificates);

}  // namespace chancery::trust
