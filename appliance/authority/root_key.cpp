#include "appliance/authority/root_key.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "appliance/authority/token_key.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/material.h"
#include "keystore/x509/pem.h"

namespace chancery::authority {
namespace {

constexpr std::size_t file_limit = 64 * 1024;
constexpr std::size_t shortest_passphrase = 12;
// scrypt as strong as N = 2^17 with p = 1, in the 32 MiB that every OpenSSL grants when it opens the file again.
constexpr std::uint64_t scrypt_cost = 16384;
constexpr std::uint64_t scrypt_block = 8;
constexpr std::uint64_t scrypt_lanes = 5;
constexpr int salt_size = 16;

std::string key_file(const std::string& stem) { return stem + ".key"; }
std::string uri_file(const std::string& stem) { return stem + ".uri"; }

Failure locked(const std::string& subject, const std::string& cause) {
  return Failure({.code = "root-key-locked",
                  .subject = subject,
                  .cause = cause,
                  .hint = "give the file with its passphrase: --root-passphrase-file FILE"});
}

bool is_encrypted(ByteView pem) { return text_of(pem).find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos; }

PrivateKey key_in(ByteView bytes, const std::string& name, const std::optional<SecretBytes>& passphrase) {
  Material found = read_material(bytes, {.source = name, .passphrase = passphrase ? &*passphrase : nullptr});
  if (found.keys.size() == 1) return found.keys.front();
  const bool is_locked = std::any_of(found.notes.begin(), found.notes.end(),
                                     [](const MaterialNote& note) { return note.code == "key-encrypted"; });
  if (is_locked) {
    throw locked(name, passphrase ? "the root's key is encrypted, and this passphrase does not open it"
                                  : "the root's key is encrypted, and no passphrase was given");
  }
  throw Failure({.code = "root-key-wrong",
                 .subject = name,
                 .cause = found.keys.empty() ? "holds no private key that can be read" : "holds several private keys",
                 .hint = "give the file that `chancery authority root export-key` wrote: --root-key FILE"});
}

// The padding that certificates have; not PrivateKey::sign, whose PSS not every token can do.
bool signs_for(const PrivateKey& key, const Certificate& root) {
  constexpr std::string_view probe = "chancery: is this the key of the root";
  const ByteView message = view_of(probe);
  const EVP_MD* digest = EVP_PKEY_get_base_id(key.native()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  EVP_PKEY* theirs = X509_get0_pubkey(root.native());
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key.native())));
  std::size_t size = signature.size();
  const ossl::MdCtxPtr signing(EVP_MD_CTX_new());
  const ossl::MdCtxPtr verifying(EVP_MD_CTX_new());
  const bool fine = signing && verifying && theirs != nullptr &&
                    EVP_PKEY_get_base_id(theirs) == EVP_PKEY_get_base_id(key.native()) &&
                    EVP_DigestSignInit(signing.get(), nullptr, digest, nullptr, key.native()) == 1 &&
                    EVP_DigestSign(signing.get(), signature.data(), &size, message.data(), message.size()) == 1 &&
                    EVP_DigestVerifyInit(verifying.get(), nullptr, digest, nullptr, theirs) == 1 &&
                    EVP_DigestVerify(verifying.get(), signature.data(), size, message.data(), message.size()) == 1;
  ERR_clear_error();
  return fine;
}

void expect_strong(const SecretBytes& passphrase) {
  if (passphrase.size() >= shortest_passphrase) return;
  throw Failure({.code = "passphrase-weak",
                 .subject = "the passphrase of the root's key",
                 .cause = "it is shorter than " + std::to_string(shortest_passphrase) + " characters",
                 .hint = "give a longer one; whoever gets hold of the file can try as long as they like"});
}

SecretBytes pin_of(const std::optional<SecretBytes>& pin, const std::string& uri) {
  if (pin) return *pin;
  throw Failure({.code = "root-key-locked",
                 .subject = uri,
                 .cause = "the root's key is in a token, and no PIN was given",
                 .hint = "give the file with the token's PIN: --root-pin-file FILE"});
}

}  // namespace

const char* to_text(RootKeyPlace place) {
  switch (place) {
    case RootKeyPlace::clear:
      return "clear";
    case RootKeyPlace::encrypted:
      return "encrypted";
    case RootKeyPlace::token:
      return "token";
    case RootKeyPlace::elsewhere:
      break;
  }
  return "elsewhere";
}

RootKey RootKey::create(const RootKeeping& keeping) {
  if (keeping.passphrase) expect_strong(*keeping.passphrase);
  if (keeping.token_uri.empty()) return {nullptr, PrivateKey::generate(keeping.key_type)};
  TokenKey token = open_token_key(keeping.token_uri, pin_of(keeping.pin, keeping.token_uri));
  return {std::move(token.engine), std::move(token.key)};
}

void RootKey::keep(const Folder& folder, const FileAttributes& attributes, const RootKeeping& keeping,
                   const std::string& stem) const {
  FileAttributes secret = attributes;
  secret.mode = 0600;
  if (!keeping.token_uri.empty()) {
    folder.write_atomically(uri_file(stem), view_of(keeping.token_uri + "\n"), secret);
    return;
  }
  const SecretBytes pem = keeping.passphrase ? sealed(*keeping.passphrase) : key_.to_pem();
  folder.write_atomically(key_file(stem), view_of(pem), secret);
}

RootKeyPlace root_key_place(const Folder& folder, const std::string& stem) {
  if (folder.status(uri_file(stem))) return RootKeyPlace::token;
  if (!folder.status(key_file(stem))) return RootKeyPlace::elsewhere;
  const SecretBytes pem = folder.read_secret(key_file(stem), file_limit);
  return is_encrypted(view_of(pem)) ? RootKeyPlace::encrypted : RootKeyPlace::clear;
}

RootKey RootKey::open(const Folder& folder, const Certificate& root, const RootAccess& access,
                      const std::string& stem) {
  const auto opened = [&]() -> RootKey {
    if (access.key_file) {
      const std::string name = access.key_name.empty() ? "the key given" : access.key_name;
      return {nullptr, key_in(view_of(*access.key_file), name, access.passphrase)};
    }
    switch (root_key_place(folder, stem)) {
      case RootKeyPlace::token: {
        const Bytes line = folder.read(uri_file(stem), file_limit);
        std::string uri(text_of(line));
        while (!uri.empty() && uri.back() == '\n') uri.pop_back();
        TokenKey token = open_token_key(uri, pin_of(access.pin, uri));
        return {std::move(token.engine), std::move(token.key)};
      }
      case RootKeyPlace::clear:
      case RootKeyPlace::encrypted: {
        const SecretBytes pem = folder.read_secret(key_file(stem), file_limit);
        return {nullptr, key_in(view_of(pem), folder.path() + "/" + key_file(stem), access.passphrase)};
      }
      case RootKeyPlace::elsewhere:
        break;
    }
    throw Failure({.code = "root-key-absent",
                   .subject = root.subject(),
                   .cause = "this needs the root's key, which is not on this appliance",
                   .hint = "bring the exported key along: --root-key FILE --root-passphrase-file FILE"});
  };
  RootKey key = opened();
  if (signs_for(key.key_, root)) return key;
  throw Failure({.code = "root-key-wrong",
                 .subject = access.key_file && !access.key_name.empty() ? access.key_name : root.subject(),
                 .cause = "this key is not that of the root in force",
                 .hint = "give the key of the root with SHA-256 " + root.fingerprint() + " (chancery authority root)"});
}

SecretBytes RootKey::sealed(const SecretBytes& passphrase) const {
  if (engine_) {
    throw Failure({.code = "root-key-in-token",
                   .subject = "the root's key",
                   .cause = "it is in a PKCS#11 token, which does not hand it out",
                   .hint = "make the copy with the token's own tools"});
  }
  expect_strong(passphrase);
  struct FreeInfo {
    void operator()(PKCS8_PRIV_KEY_INFO* info) const noexcept { PKCS8_PRIV_KEY_INFO_free(info); }
  };
  struct FreeSealed {
    void operator()(X509_SIG* sealed) const noexcept { X509_SIG_free(sealed); }
  };
  const auto fault = [] {
    return ossl::openssl_failure("crypto-failed", "the root's key", "check the installation of OpenSSL");
  };
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeInfo> info(EVP_PKEY2PKCS8(key_.native()));
  SecretBytes salt = random_secret(salt_size);
  std::unique_ptr<X509_ALGOR, ossl::Deleter<X509_ALGOR_free>> algorithm(PKCS5_pbe2_set_scrypt(
      EVP_aes_256_cbc(), salt.data(), salt_size, nullptr, scrypt_cost, scrypt_block, scrypt_lanes));
  if (!info || !algorithm) throw fault();
  const std::unique_ptr<X509_SIG, FreeSealed> sealed(PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                                                                    static_cast<int>(passphrase.size()), info.get(),
                                                                    algorithm.get()));
  if (!sealed) throw fault();
  (void)algorithm.release();  // part of `sealed` now
  const int size = i2d_X509_SIG(sealed.get(), nullptr);
  if (size <= 0) throw fault();
  SecretBytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  i2d_X509_SIG(sealed.get(), &at);
  return pem::encode_secret("ENCRYPTED PRIVATE KEY", view_of(der));
}

void forget_root_key(const Folder& folder, const std::string& stem) {
  const std::string name = key_file(stem);
  const auto status = folder.status(name);
  if (!status) return;
  // What a copy-on-write file system or a disk's own spare blocks keep is beyond us; the bytes at this place go.
  const int file = ::openat(folder.descriptor(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) throw system_failure(errno, "overwrite", folder.path() + "/" + name);
  const Bytes nothing(static_cast<std::size_t>(std::min<std::uint64_t>(status->size, file_limit)), 0);
  const bool written = ::pwrite(file, nothing.data(), nothing.size(), 0) == static_cast<ssize_t>(nothing.size()) &&
                       ::fdatasync(file) == 0;
  const int error_number = errno;
  ::close(file);
  if (!written) throw system_failure(error_number, "overwrite", folder.path() + "/" + name);
  folder.remove(name);
}

}  // namespace chancery::authority
