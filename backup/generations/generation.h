// One immutable, numbered snapshot of an appliance's whole TLS state (architecture.md, "Generations").
//
//   Generation now = generations.current();
//   SecretBytes key = now.read_secret("identities/portal/key.pem");
//
// Opened once by folder descriptor: everything read through one Generation comes from one snapshot, whatever is put in
// force meanwhile. Reading does not compare with the manifest; `drift` does. Thread safety: const, may be shared.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"

namespace chancery::backup {

using GenerationNumber = std::uint64_t;                          // 1, 2, 3 …; 0: none
[[nodiscard]] std::string folder_name(GenerationNumber number);  // "000012"

// Why a change was made and by whom; kept in the manifest, the journal and the backup set.
struct Cause {
  std::string reason;  // "replace", "restore 20261121T101500Z-000012", …
  std::string who;     // "root (uid 0)", "manager for admin", …
  Instant when{};
};

struct ManifestFile {
  std::string sha256;
  std::uint64_t size = 0;
  FileAttributes attributes;
};

struct Manifest {
  GenerationNumber number = 0;
  GenerationNumber parent = 0;
  Cause cause;
  std::map<std::string, ManifestFile> files;  // by path relative to the generation, manifest.json left out
};

// One difference between a generation's folder and its manifest.
struct Drift {
  enum class Kind { changed, missing, extra, attributes, manifest } kind;
  std::string path;
  std::string message;  // "was edited by hand: 1704 bytes, expected 1675"
};

class Generation {
 public:
  GenerationNumber number() const noexcept { return number_; }
  const Folder& folder() const noexcept { return *folder_; }
  const Manifest& manifest() const;  // parsed and its MAC checked on first use; Failure("manifest-invalid")

  bool has(const std::string& path) const;
  Bytes read(const std::string& path) const;               // at most 64 MiB
  SecretBytes read_secret(const std::string& path) const;  // at most 64 MiB
  // Paths of regular files below `prefix` ("identities/"), sorted, as they are in the folder now.
  std::vector<std::string> files(const std::string& prefix) const;
  // Names of folders directly below `path` ("identities" -> console, engine, …).
  std::vector<std::string> folders(const std::string& path) const;
  // Everything that differs from the manifest. Empty: as it was made.
  std::vector<Drift> drift() const;

 private:
  friend class Generations;
  Generation(GenerationNumber number, std::shared_ptr<const Folder> folder, SecretBytes mac_key);
  struct Lazy;
  GenerationNumber number_;
  std::shared_ptr<const Folder> folder_;
  std::shared_ptr<Lazy> lazy_;
};

}  // namespace chancery::backup
