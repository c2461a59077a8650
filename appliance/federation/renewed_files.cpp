#include "appliance/federation/renewed_files.h"

#include <sys/file.h>

#include <cerrno>
#include <filesystem>

#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::federation {
namespace {

constexpr std::size_t file_limit = 256 * 1024;

Material material_in(const Folder& folder, const std::string& name) {
  const SecretBytes bytes = folder.read_secret(name, file_limit);
  return read_material(view_of(bytes), {.source = folder.path() + "/" + name});
}

PrivateKey key_in(const Folder& folder, const std::string& name) {
  Material found = material_in(folder, name);
  if (found.keys.size() == 1) return found.keys.front();
  for (const MaterialNote& note : found.notes) {
    if (note.code != "key-encrypted") continue;
    throw Failure({.code = "key-encrypted",
                   .subject = folder.path() + "/" + name,
                   .cause = "an encrypted key cannot be renewed by itself",
                   .hint = "keep it in clear under mode 0600, or renew by hand: chancery authority sign"});
  }
  throw Failure({.code = "not-a-key",
                 .subject = folder.path() + "/" + name,
                 .cause = found.keys.empty() ? "holds no private key" : "holds several private keys",
                 .hint = "give the file with the key of the certificate: --key FILE"});
}

Certificate leaf_in(const Folder& folder, const std::string& name) {
  Material found = material_in(folder, name);
  if (!found.certificates.empty()) return found.certificates.front();
  throw Failure({.code = "not-a-certificate",
                 .subject = folder.path() + "/" + name,
                 .cause = "holds no certificate",
                 .hint = "give the file that chancery authority sign wrote: --certificate FILE"});
}

KeyType type_of(const PrivateKey& key) {
  const std::string type = key.description().type;
  if (type.starts_with("RSA")) return KeyType::rsa_3072;
  if (type.find("384") != std::string::npos) return KeyType::ecdsa_p384;
  if (type.find("521") != std::string::npos) return KeyType::ecdsa_p521;
  return type.find("25519") != std::string::npos ? KeyType::ed25519 : KeyType::ecdsa_p256;
}

void lock(const Folder& folder) {
  // Dies with the process; closing the folder lets go of it.
  if (::flock(folder.descriptor(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw system_failure(errno, "lock", folder.path());
  throw Failure({.code = "busy",
                 .subject = folder.path(),
                 .cause = "somebody else renews in this folder",
                 .hint = "wait until it is done"});
}

// What a killed write left beside its target (folder.h); it may be a key.
void clean(const Folder& folder, const std::string& name) {
  for (const std::string& each : folder.list()) {
    if (each.starts_with("." + name + ".") && each.ends_with(".tmp")) folder.remove(each);
  }
}

SecretBytes joined(const SecretBytes& key, const std::string& chain) {
  SecretBytes all = key;
  append(all, view_of(chain));
  return all;
}

}  // namespace

RenewedFiles::Place RenewedFiles::place_of(const std::string& path) {
  std::error_code error;
  // A link is followed once, here: what is replaced is the file that it names.
  const std::filesystem::path whole = std::filesystem::canonical(path, error);
  if (error) throw system_failure(error.value(), "read", path);
  return {Folder::open(whole.parent_path().string()), whole.filename().string()};
}

RenewedFiles::RenewedFiles(const std::string& certificate_path, const std::string& key_path, bool may_write)
    : certificate_place_(place_of(certificate_path)),
      key_place_(place_of(key_path)),
      is_one_file_(certificate_place_.folder.path() == key_place_.folder.path() &&
                   certificate_place_.name == key_place_.name),
      was_finished_(may_write && finish_earlier()),
      key_(key_in(key_place_.folder, key_place_.name)),
      certificate_(leaf_in(certificate_place_.folder, certificate_place_.name)) {
  if (key_.belongs_to(certificate_)) return;
  throw Failure({.code = "key-mismatch",
                 .subject = key_path,
                 .cause = "this key does not belong to " + certificate_path,
                 .hint = "give the key and the certificate that belong together"});
}

FileAttributes RenewedFiles::attributes_of(const Place& place) const {
  const auto status = place.folder.status(place.name);
  if (!status) return {.mode = 0600};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

bool RenewedFiles::finish_earlier() {
  lock(key_place_.folder);
  const Folder& keys = key_place_.folder;
  const Folder& certificates = certificate_place_.folder;
  clean(keys, key_place_.staged());
  clean(certificates, is_one_file_ ? certificate_place_.name : certificate_place_.staged());
  if (is_one_file_ || !certificates.status(certificate_place_.staged())) return false;
  const Certificate staged = leaf_in(certificates, certificate_place_.staged());
  if (keys.status(key_place_.staged()) && key_in(keys, key_place_.staged()).belongs_to(staged)) {
    keys.rename(key_place_.staged(), key_place_.name);
  }
  if (!key_in(keys, key_place_.name).belongs_to(staged)) {
    certificates.remove(certificate_place_.staged());
    return false;
  }
  certificates.rename(certificate_place_.staged(), certificate_place_.name);
  return true;
}

PrivateKey RenewedFiles::next_key(bool keep) {
  const Folder& folder = key_place_.folder;
  if (keep) {
    folder.remove(key_place_.staged());
    return key_;
  }
  if (folder.status(key_place_.staged())) {
    next_ = key_in(folder, key_place_.staged());
    // In one file it may be in force already: what was left is its own copy.
    if (next_->key_digest() != key_.key_digest()) return *next_;
  }
  next_ = PrivateKey::generate(type_of(key_));
  FileAttributes attributes = attributes_of(key_place_);
  attributes.mode &= 0640;  // whatever the old one was: a key is for its owner and a group at most
  folder.write_atomically(key_place_.staged(), view_of(next_->to_pem()), attributes);
  return *next_;
}

void RenewedFiles::put(const std::vector<Certificate>& chain) {
  std::string pem;
  for (const Certificate& each : chain) pem += each.to_pem();
  const Folder& certificates = certificate_place_.folder;
  const FileAttributes attributes = attributes_of(certificate_place_);
  if (is_one_file_) {
    const SecretBytes whole = joined(next_ ? next_->to_pem() : key_.to_pem(), pem);
    certificates.write_atomically(certificate_place_.name, view_of(whole), attributes);
    key_place_.folder.remove(key_place_.staged());
    return;
  }
  certificates.write_atomically(certificate_place_.staged(), view_of(pem), attributes);
  if (next_) key_place_.folder.rename(key_place_.staged(), key_place_.name);
  certificates.rename(certificate_place_.staged(), certificate_place_.name);
}

}  // namespace chancery::federation
