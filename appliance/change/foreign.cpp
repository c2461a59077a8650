#include "appliance/change/foreign.h"

#include "backup/generations/plain_path.h"
#include "keystore/fault.h"
#include "keystore/files/store_file.h"
#include "keystore/openssl/digest.h"

namespace chancery::change {
namespace {

constexpr std::size_t foreign_limit = 64 * 1024 * 1024;
const std::string set_prefix = "foreign";

struct Split {
  std::string folder;
  std::string name;
};

Split split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash + 1 == path.size()) {
    throw Failure({.code = "bad-name",
                   .subject = path,
                   .cause = "a file outside the state needs an absolute name",
                   .hint = "give the whole path, beginning with /"});
  }
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Owner and mode of a file that is there stay as they are; a new one is for everybody to read.
FileAttributes attributes_at(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0644, .owner = {}, .group = {}};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

Failure changed_meanwhile(const std::string& path) {
  return Failure({.code = "foreign-changed",
                  .subject = path,
                  .cause = "somebody else changed this file meanwhile; it was left as it is",
                  .hint = "look at what changed it, then repeat the command: it starts from what is there now",
                  .needs_person = true});
}

// Owner, mode and extended attributes stay, hard links are refused, and the last look at the file comes right before the
// rename (store_file.h).
void replace(const std::string& path, const std::string& expected_sha256, ByteView bytes) {
  try {
    StoreFile file = StoreFile::open(path, {.holder = "a change of this appliance", .limit = foreign_limit});
    if (file.sha256() != expected_sha256) throw changed_meanwhile(path);
    file.replace(bytes, [](ByteView) {}, {.mode = 0644, .owner = {}, .group = {}});
  } catch (const Failure& failure) {
    if (failure.code() == "foreign-changed") throw changed_meanwhile(path);
    if (failure.code() != "read-only") throw;
    Fault fault = failure.fault();
    fault.hint +=
        "; chancery-manager itself may write only where its unit says so: systemctl edit chancery-manager, "
        "[Service] ReadWritePaths=" +
        path.substr(0, path.rfind('/'));
    throw Failure(std::move(fault));
  }
}

void restore_one(const Folder& state, const backup::ForeignFile& file, std::vector<std::string>& left_alone) {
  try {
    const std::string present = foreign_sha256(file.path);
    if (present == file.before_sha256) return;
    if (present != file.after_sha256) {
      left_alone.push_back(file.path + " (somebody else changed it meanwhile)");
      return;
    }
    const Split place = split(file.path);
    const Folder folder = Folder::open(place.folder);
    if (file.before_sha256.empty()) {
      folder.remove(place.name);
      return;
    }
    const SecretBytes before = state.read_secret(std::string(kept_foreign_folder) + "/" + file.saved_as, foreign_limit);
    replace(file.path, file.after_sha256, view_of(before));
  } catch (const Failure& failure) {
    left_alone.push_back(file.path + " (" + failure.what() + ")");
  }
}

void expect_unchanged(const ForeignEdit& edit) {
  if (foreign_sha256(edit.path) != edit.expected_sha256) throw changed_meanwhile(edit.path);
}

}  // namespace

std::string foreign_sha256(const std::string& path) {
  const Split place = split(path);
  const Folder folder = Folder::open(place.folder);
  if (!folder.status(place.name)) return "";
  return sha256_hex(view_of(folder.read_secret(place.name, foreign_limit)));
}

std::optional<std::string> name_in_set(const std::string& path) {
  std::string name = set_prefix + path;
  return path.starts_with('/') && backup::is_plain_path(name) ? std::optional(std::move(name)) : std::nullopt;
}

std::optional<std::string> path_of_set_name(const std::string& name) {
  if (!name.starts_with(set_prefix + "/") || !backup::is_plain_path(name)) return std::nullopt;
  return name.substr(set_prefix.size());
}

std::map<std::string, backup::NewFile> foreign_as_it_is(const std::vector<ForeignEdit>& edits) {
  std::map<std::string, backup::NewFile> files;
  for (const ForeignEdit& edit : edits) {
    const auto name = name_in_set(edit.path);
    if (!name || edit.expected_sha256.empty()) continue;
    const Split place = split(edit.path);
    const Folder folder = Folder::open(place.folder);
    expect_unchanged(edit);
    files.emplace(*name, backup::NewFile{.bytes = folder.read_secret(place.name, foreign_limit),
                                         .attributes = attributes_at(folder, place.name)});
  }
  return files;
}

void expect_unchanged(const std::vector<ForeignEdit>& edits) {
  for (const ForeignEdit& edit : edits) expect_unchanged(edit);
}

std::vector<backup::ForeignFile> save_foreign(const Folder& state, const std::vector<ForeignEdit>& edits,
                                              const std::string& tag) {
  std::vector<backup::ForeignFile> saved;
  if (edits.empty()) return saved;
  state.make_folder("backups", {.mode = 0700, .owner = {}, .group = {}});
  state.make_folder(kept_foreign_folder, {.mode = 0700, .owner = {}, .group = {}});
  for (const ForeignEdit& edit : edits) {
    backup::ForeignFile file{.path = edit.path,
                             .before_sha256 = edit.expected_sha256,
                             .after_sha256 = edit.bytes ? sha256_hex(view_of(*edit.bytes)) : "",
                             .saved_as = tag + "-" + std::to_string(saved.size() + 1)};
    if (!edit.expected_sha256.empty()) {
      const Split place = split(edit.path);
      const SecretBytes before = Folder::open(place.folder).read_secret(place.name, foreign_limit);
      state.write_atomically(std::string(kept_foreign_folder) + "/" + file.saved_as, view_of(before),
                             {.mode = 0600, .owner = {}, .group = {}});
    }
    saved.push_back(std::move(file));
  }
  return saved;
}

void write_foreign(const std::vector<ForeignEdit>& edits) {
  expect_unchanged(edits);
  for (const ForeignEdit& edit : edits) {
    if (edit.bytes) {
      replace(edit.path, edit.expected_sha256, view_of(*edit.bytes));
      continue;
    }
    expect_unchanged(edit);  // the ones before took their time
    const Split place = split(edit.path);
    Folder::open(place.folder).remove(place.name);
  }
}

std::vector<std::string> restore_foreign(const Folder& state, const std::vector<backup::ForeignFile>& files) {
  std::vector<std::string> left_alone;
  for (const backup::ForeignFile& file : files) restore_one(state, file, left_alone);
  return left_alone;
}

void retain_foreign(const Folder& state, std::size_t changes) {
  if (!state.status(kept_foreign_folder)) return;
  const std::vector<std::string> names = state.open_folder(kept_foreign_folder).list();
  std::vector<std::string> tags;  // ascending, as the names are
  for (const std::string& name : names) {
    std::string tag = name.substr(0, name.rfind('-'));
    if (tags.empty() || tags.back() != tag) tags.push_back(std::move(tag));
  }
  if (tags.size() <= changes) return;
  const std::string& oldest_kept = tags[tags.size() - changes];
  for (const std::string& name : names) {
    if (name < oldest_kept) state.remove(std::string(kept_foreign_folder) + "/" + name);
  }
}

void forget_foreign(const Folder& state, const std::vector<backup::ForeignFile>& files) noexcept {
  for (const backup::ForeignFile& file : files) {
    try {
      state.remove(std::string(kept_foreign_folder) + "/" + file.saved_as);
    } catch (const std::exception&) {
      // A copy that nobody needs stays behind; it is as private as the backups around it.
    }
  }
}

}  // namespace chancery::change
