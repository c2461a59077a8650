// The root's key: how it is kept, and how it signs when it is needed. Issuing, renewing and the CRL never need it; new
// name constraints, a new root and cross certificates do.
//
//   RootKey key = RootKey::open(folder, root_certificate, access);     // Failure("root-key-locked"), "root-key-absent"
//   write_certificate(key.signer(), parts);
//
// Kept beside the authority, under a stem ("root"; a rotation has others for other roots), as one of
//   STEM.key in clear     STEM.key encrypted (PKCS#8, PBES2 with scrypt and AES-256)     STEM.uri: in a PKCS#11 token
// or not at all: then whoever needs it brings the exported file along.
//
// A token is asked through OpenSSL's engine "pkcs11" (Debian: libengine-pkcs11-openssl), loaded into the process only
// then, with the PIN given and never one out of the URI. The URI is RFC 7512's; `module-path` in its query names the
// token's library, otherwise p11-kit finds it. One library a process; a token stays open for it until it ends, so the PIN
// that opened it is remembered as a MAC, and another one refused. Opening always proves by a signature that the key is
// this root's.
//
// Failures, each before anything was changed: root-key-locked (passphrase or PIN missing or wrong), root-key-absent,
// root-key-wrong (another key), root-key-in-token (cannot be exported), bad-token-uri, token-unavailable,
// passphrase-weak (fewer than 12 bytes). Not checked: who may read the file that was brought along.
// Thread safety: a value for one thread. Keep it only as long as it is needed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "keystore/files/folder.h"
#include "keystore/x509/private_key.h"

namespace chancery::authority {

// What an administrator brings so that the root's key can sign. Nothing at all is enough for a key in clear.
struct RootAccess {
  std::optional<SecretBytes> key_file = {};  // the key from off the appliance, as exported or in clear
  std::string key_name = {};                 // how that file is called
  std::optional<SecretBytes> passphrase = {};
  std::optional<SecretBytes> pin = {};
};

// How a new root's key shall be kept.
struct RootKeeping {
  KeyType key_type = KeyType::ecdsa_p256;
  std::optional<SecretBytes> passphrase = {};  // encrypted under it
  std::string token_uri = {};                  // the key is there already, made with the token's own tools
  std::optional<SecretBytes> pin = {};
};

enum class RootKeyPlace { clear, encrypted, token, elsewhere };
[[nodiscard]] const char* to_text(RootKeyPlace place);

class RootKey {
 public:
  // A new key, or the token's; nothing is written yet.
  [[nodiscard]] static RootKey create(const RootKeeping& keeping);
  // Writes STEM.key or STEM.uri.
  void keep(const Folder& folder, const FileAttributes& attributes, const RootKeeping& keeping,
            const std::string& stem = "root") const;

  [[nodiscard]] static RootKey open(const Folder& folder, const Certificate& root, const RootAccess& access,
                                    const std::string& stem = "root");

  [[nodiscard]] const PrivateKey& signer() const noexcept { return key_; }
  // The key for a safe place off the appliance: encrypted PKCS#8 as PEM, which OpenSSL opens as well.
  [[nodiscard]] SecretBytes sealed(const SecretBytes& passphrase) const;

 private:
  RootKey(std::shared_ptr<void> engine, PrivateKey key) : engine_(std::move(engine)), key_(std::move(key)) {}

  std::shared_ptr<void> engine_;  // outlives the key that it signs for
  PrivateKey key_;
};

[[nodiscard]] RootKeyPlace root_key_place(const Folder& folder, const std::string& stem = "root");
// Takes the key off the appliance: overwritten, then removed. For after the exported file was proven to open.
void forget_root_key(const Folder& folder, const std::string& stem = "root");

}  // namespace chancery::authority
