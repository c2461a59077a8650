#include "backup/generations/generation.h"

#include <algorithm>
#include <mutex>

#include "backup/generations/manifest.h"
#include "backup/generations/tree.h"
#include "keystore/fault.h"

namespace chancery::backup {

std::string folder_name(GenerationNumber number) {
  const std::string digits = std::to_string(number);
  return digits.size() >= 6 ? digits : std::string(6 - digits.size(), '0') + digits;
}

struct Generation::Lazy {
  SecretBytes mac_key;
  std::mutex mutex;
  std::optional<Manifest> manifest;
};

Generation::Generation(GenerationNumber number, std::shared_ptr<const Folder> folder, SecretBytes mac_key)
    : number_(number), folder_(std::move(folder)), lazy_(std::make_shared<Lazy>()) {
  lazy_->mac_key = std::move(mac_key);
}

const Manifest& Generation::manifest() const {
  const std::lock_guard guard(lazy_->mutex);
  if (!lazy_->manifest) {
    const Bytes text = folder_->read(kManifestName, kMaximumManifest);
    lazy_->manifest = read_manifest(text_of(text), number_, view_of(lazy_->mac_key));
  }
  return *lazy_->manifest;
}

bool Generation::has(const std::string& path) const {
  const std::optional<FileStatus> status = folder_->status(path);
  return status && status->kind == FileStatus::Kind::file;
}

Bytes Generation::read(const std::string& path) const { return folder_->read(path, kMaximumFile); }

SecretBytes Generation::read_secret(const std::string& path) const { return folder_->read_secret(path, kMaximumFile); }

std::vector<std::string> Generation::files(const std::string& prefix) const {
  // Only below the folder that the prefix names: a program may not look into the others.
  const std::size_t slash = prefix.rfind('/');
  const std::string above = slash == std::string::npos ? "" : prefix.substr(0, slash);
  if (!above.empty()) {
    const std::optional<FileStatus> there = folder_->status(above);
    if (!there || there->kind != FileStatus::Kind::folder) {
      return {};
    }
  }
  std::vector<std::string> paths;
  for (const auto& [below, status] : above.empty() ? list_tree(*folder_) : list_tree(folder_->open_folder(above))) {
    const std::string path = above.empty() ? below : above + "/" + below;
    if (status.kind == FileStatus::Kind::file && path.starts_with(prefix)) {
      paths.push_back(path);
    }
  }
  return paths;
}

std::vector<std::string> Generation::folders(const std::string& path) const {
  const std::optional<FileStatus> there = folder_->status(path);
  if (!there || there->kind != FileStatus::Kind::folder) {
    return {};
  }
  const Folder folder = folder_->open_folder(path);
  std::vector<std::string> names = folder.list();
  std::erase_if(names, [&](const std::string& name) {
    const std::optional<FileStatus> below = folder.status(name);
    return !below || below->kind != FileStatus::Kind::folder;
  });
  return names;
}

std::vector<Drift> Generation::drift() const {
  const Manifest* known = nullptr;
  try {
    known = &manifest();
  } catch (const Failure& failure) {
    return {{Drift::Kind::manifest, kManifestName, failure.cause()}};  // without it nothing can be compared
  }
  std::vector<Drift> found;
  const Tree tree = list_tree(*folder_);
  for (const auto& [path, status] : tree) {
    const auto record = known->files.find(path);
    if (record != known->files.end()) {
      const bool readable = status.kind == FileStatus::Kind::file && status.size <= kMaximumFile;
      if (auto drift = compare(path, record->second, status,
                               readable ? sha256_hex(view_of(read_secret(path))) : std::string())) {
        found.push_back(*std::move(drift));
      }
    } else if (path != kManifestName) {
      found.push_back(extra_file(path, status));
    }
  }
  for (const auto& [path, record] : known->files) {
    if (!tree.contains(path)) {
      found.push_back(missing_file(path));
    }
  }
  return found;
}

}  // namespace chancery::backup
