// manifest.json: what a generation was made of, sealed with a MAC by a key of this appliance.
//
//   { "cause": {…}, "files": {"identities/portal/key.pem": {"group", "mode", "owner", "sha256", "size"}, …},
//     "format": "chancery-generation-1", "mac": …, "number": 12, "parent": 11 }
//
// Reader and writer of the format, and the comparison of one file with its record. Thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "backup/generations/generation.h"

namespace chancery::backup {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr std::size_t kMaximumManifest = 4u << 20;
inline constexpr std::size_t kMaximumFile = 64u << 20;

[[nodiscard]] std::string write_manifest(const Manifest& manifest, ByteView mac_key);
// Failure("manifest-invalid"), also when it is the manifest of another generation. An empty key: the MAC is not
// checked.
[[nodiscard]] Manifest read_manifest(std::string_view text, GenerationNumber number, ByteView mac_key);

// What differs between a file as it is now and its record; nullopt: nothing.
[[nodiscard]] std::optional<Drift> compare(const std::string& path, const ManifestFile& record,
                                           const FileStatus& status, const std::string& sha256);
[[nodiscard]] Drift missing_file(const std::string& path);
[[nodiscard]] Drift extra_file(const std::string& path, const FileStatus& status);

}  // namespace chancery::backup
