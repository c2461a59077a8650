#include "backup/generations/generations.h"

#include <algorithm>
#include <charconv>

#include "backup/generations/manifest.h"
#include "backup/generations/plain_path.h"
#include "backup/generations/staging.h"
#include "backup/generations/tree.h"
#include "keystore/fault.h"

namespace chancery::backup {
namespace {

constexpr const char* kCurrent = "current";
constexpr const char* kGenerations = "generations";
constexpr const char* kLast = "last";
constexpr std::size_t kNamesInAMessage = 5;

std::string target_of(GenerationNumber number) { return std::string(kGenerations) + "/" + folder_name(number); }

// Only the one spelling that folder_name gives.
std::optional<GenerationNumber> number_of(std::string_view name) {
  GenerationNumber number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number == 0 || folder_name(number) != name) {
    return std::nullopt;
  }
  return number;
}

bool is_folder(const std::optional<FileStatus>& status) { return status && status->kind == FileStatus::Kind::folder; }

GenerationNumber read_last(const Folder& generations) {
  if (!generations.status(kLast)) {
    return 0;
  }
  const Bytes bytes = generations.read(kLast, 64);
  std::string_view text = text_of(bytes);
  text = text.substr(0, text.find_last_not_of('\n') + 1);
  GenerationNumber number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Failure({.code = "state-invalid",
                   .subject = generations.path() + "/" + kLast,
                   .cause = "it does not hold a number",
                   .hint = "write the highest number ever used for a generation into it, in digits"});
  }
  return number;
}

Failure unknown_generation(const std::string& subject, const std::string& cause) {
  return Failure({.code = "unknown-generation",
                  .subject = subject,
                  .cause = cause,
                  .hint = "`chancery generation list` shows those that there are"});
}

Failure drift_failure(const std::string& subject, const std::vector<Drift>& drift) {
  std::string names;
  for (std::size_t i = 0; i < drift.size() && i < kNamesInAMessage; ++i) {
    names += (i == 0 ? "" : ", ") + drift[i].path + " " + drift[i].message;
  }
  if (drift.size() > kNamesInAMessage) {
    names += ", and " + std::to_string(drift.size() - kNamesInAMessage) + " more";
  }
  return Failure(
      {.code = "drift",
       .subject = subject,
       .cause = "files in force were edited by hand: " + names,
       .hint = "`chancery generation adopt` keeps the edits as a new generation; `chancery generation undo` makes one "
               "of what was there before them"});
}

// What the parent holds, as far as it goes into the new generation, and how it differs from its manifest.
class ParentCopy {
 public:
  ParentCopy(const Generation& parent, const Edits& edits, Adopt adopt)
      : parent_(parent), edits_(edits), adopt_(adopt) {
    try {
      records_ = parent.manifest().files;
    } catch (const Failure& failure) {
      if (failure.code() != "manifest-invalid" && failure.code() != "not-found") {
        throw;
      }
      if (adopt_ != Adopt::undo) {
        drift_.push_back({Drift::Kind::manifest, kManifestName, failure.cause()});
      }
    }
  }

  void copy_into(Staging& staging, Manifest& manifest) {
    const Tree tree = list_tree(parent_.folder());
    for (const auto& [path, status] : tree) {
      if (path != kManifestName) {
        copy_one(path, status, staging, manifest);
      }
    }
    for (const auto& [path, record] : records_) {
      const bool is_given = adopt_ == Adopt::undo && edits_.contains(path);
      if (!tree.contains(path) && !is_given) {
        drift_.push_back(missing_file(path));
      }
    }
    if (adopt_ != Adopt::yes && !drift_.empty()) {
      throw drift_failure(target_of(parent_.number()), drift_);
    }
  }

 private:
  void copy_one(const std::string& path, const FileStatus& status, Staging& staging, Manifest& manifest) {
    const auto record = records_.find(path);
    const bool known = record != records_.end();
    if (adopt_ == Adopt::undo && (edits_.contains(path) || !known)) {
      return;
    }
    if (status.kind != FileStatus::Kind::file || !is_plain_path(path)) {
      if (adopt_ == Adopt::yes) {
        throw Failure({.code = "not-a-file",
                       .subject = parent_.folder().path() + "/" + path,
                       .cause = "only regular files with plain names can be part of a generation",
                       .hint = "remove it, or put a regular file in its place, and try again"});
      }
      drift_.push_back(known ? *compare(path, record->second, status, "") : extra_file(path, status));
      return;
    }
    if (!known && adopt_ == Adopt::no) {
      drift_.push_back(extra_file(path, status));
      return;
    }
    if (edits_.contains(path)) {
      // Not copied, but an edit by hand that this change would bury is drift all the same.
      if (adopt_ == Adopt::no) {
        note(compare(path, record->second, status, sha256_hex(view_of(parent_.read_secret(path)))));
      }
      return;
    }
    // Attributes as they are now; write access for others is never taken over, whoever gave it.
    const FileAttributes attributes{
        .mode = status.mode & ~static_cast<mode_t>(022) & 0777, .owner = status.owner, .group = status.group};
    const FileAttributes wanted =
        known && attributes_equal(record->second.attributes, status) ? record->second.attributes : attributes;
    const ManifestFile made = staging.copy(parent_.folder(), path, wanted);
    if (known) {
      FileStatus copied = status;
      copied.size = made.size;
      note(compare(path, record->second, copied, made.sha256));
    }
    manifest.files.emplace(path, made);
  }

  static bool attributes_equal(const FileAttributes& record, const FileStatus& status) {
    return record.mode == status.mode && record.owner == status.owner && record.group == status.group;
  }

  void note(std::optional<Drift> drift) {
    if (drift) {
      drift_.push_back(*std::move(drift));
    }
  }

  const Generation& parent_;
  const Edits& edits_;
  Adopt adopt_;
  std::map<std::string, ManifestFile> records_;
  std::vector<Drift> drift_;
};

void check_paths(const Edits& edits) {
  for (const auto& [path, file] : edits) {
    if (!is_plain_path(path) || path == kManifestName) {
      throw Failure({.code = "bad-name",
                     .subject = path,
                     .cause = "this cannot be the name of a file in a generation",
                     .hint = "use a relative name without \"..\", control characters or backslashes"});
    }
  }
}

}  // namespace

Generations::Generations(Folder state, SecretBytes mac_key)
    : state_(std::move(state)), mac_key_(std::move(mac_key)), folder_attributes_([](const std::string&) {
        return FileAttributes{.mode = 0700, .owner = std::nullopt, .group = std::nullopt};
      }) {}

void Generations::set_folder_attributes(FolderAttributes attributes) { folder_attributes_ = std::move(attributes); }

bool Generations::has_current() const {
  const std::optional<FileStatus> status = state_.status(kCurrent);
  return status && status->kind == FileStatus::Kind::link;
}

GenerationNumber Generations::current_number() const {
  const std::optional<FileStatus> status = state_.status(kCurrent);
  if (!status) {
    throw Failure({.code = "not-initialised",
                   .subject = state_.path(),
                   .cause = "no generation is in force here",
                   .hint = "run `chancery init`, or name the right folder with --state"});
  }
  const std::string prefix = std::string(kGenerations) + "/";
  if (status->kind == FileStatus::Kind::link) {
    const std::string target = state_.read_link(kCurrent);
    if (target.starts_with(prefix)) {
      if (const auto number = number_of(std::string_view(target).substr(prefix.size()))) {
        return *number;
      }
    }
  }
  throw Failure(
      {.code = "state-invalid",
       .subject = state_.path() + "/" + kCurrent,
       .cause = "it is not a link to a generation",
       .hint = "make it a symbolic link to one of generations/ again, as in `ln -sfn generations/000001 current`",
       .needs_person = true});
}

Generation Generations::current() const {
  // The writer may put another generation in force and retire this one between the two steps of opening it.
  for (int tries = 0;; ++tries) {
    const GenerationNumber number = current_number();
    try {
      return open(number);
    } catch (const Failure&) {
      if (tries == 8 || current_number() == number) {
        throw;
      }
    }
  }
}

Generation Generations::open(GenerationNumber number) const {
  const std::string name = target_of(number);
  if (number == 0 || !is_folder(state_.status(name))) {
    throw unknown_generation(state_.path() + "/" + name, "there is no such generation");
  }
  return {number, std::make_shared<const Folder>(state_.open_folder(name)), mac_key_};
}

std::vector<GenerationNumber> Generations::list() const {
  if (!is_folder(state_.status(kGenerations))) {
    return {};
  }
  const Folder folder = state_.open_folder(kGenerations);
  std::vector<GenerationNumber> numbers;
  for (const std::string& name : folder.list()) {
    const auto number = number_of(name);
    if (number && folder.status(name + "/" + kManifestName)) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

GenerationNumber Generations::stage(GenerationNumber parent, const Edits& edits, const Cause& cause, Adopt adopt) {
  if (mac_key_.empty()) {
    throw Failure({.code = "no-mac-key",
                   .subject = state_.path(),
                   .cause = "a generation cannot be made without the appliance's MAC key",
                   .hint = "run this as the user who may read secrets/generation.key"});
  }
  check_paths(edits);
  std::optional<Generation> from;
  if (parent != 0) {
    from = open(parent);
  }
  state_.make_folder(kGenerations, folder_attributes_(""));
  const Folder folder = state_.open_folder(kGenerations);

  // The number is spent, on disk, before anything bears it: a stage that dies leaves a gap, never a second 000013.
  GenerationNumber number = std::max(read_last(folder), has_current() ? current_number() : 0);
  for (const GenerationNumber existing : list()) {
    number = std::max(number, existing);
  }
  ++number;
  folder.write_atomically(kLast, view_of(std::to_string(number) + "\n"), {.mode = 0644});

  Manifest manifest{.number = number, .parent = parent, .cause = cause, .files = {}};
  Staging staging(folder, number, folder_attributes_);
  if (from) {
    ParentCopy(*from, edits, adopt).copy_into(staging, manifest);
  }
  for (const auto& [path, file] : edits) {
    if (file) {
      manifest.files.emplace(path, staging.create(path, view_of(file->bytes), file->attributes));
    }
  }
  staging.finish(write_manifest(manifest, view_of(mac_key_)));
  return number;
}

void Generations::switch_to(GenerationNumber number) {
  const Generation next = open(number);  // refuses what is not there
  if (!next.has(kManifestName)) {
    throw unknown_generation(next.folder().path(), "it is incomplete: it has no manifest");
  }
  state_.link_atomically(kCurrent, target_of(number));
}

void Generations::remove(GenerationNumber number) {
  if (has_current() && current_number() == number) {
    throw Failure({.code = "in-use",
                   .subject = target_of(number),
                   .cause = "this generation is in force",
                   .hint = "put another one in force first: `chancery generation rollback N`"});
  }
  static_cast<void>(open(number));
  const Folder folder = state_.open_folder(kGenerations);
  // Renamed first, so that what has a number and a manifest is always complete, however the removal ends.
  const std::string removed = ".removed-" + folder_name(number);
  folder.rename(folder_name(number), removed);
  folder.remove_tree(removed);
}

void Generations::sweep(const std::set<GenerationNumber>& keep) {
  for (const std::string& name : state_.list()) {
    // What a killed link_atomically or write_atomically leaves; nobody else writes in STATE under the writer's lock.
    const bool ours = name.starts_with("." + std::string(kCurrent) + ".") || name.starts_with(".change.json.");
    if (ours && name.ends_with(".tmp")) {
      state_.remove(name);
    }
  }
  if (!is_folder(state_.status(kGenerations))) {
    return;
  }
  const GenerationNumber in_force = has_current() ? current_number() : 0;
  const Folder folder = state_.open_folder(kGenerations);
  for (const std::string& name : folder.list()) {
    const auto number = number_of(name);
    const bool incomplete = number && *number != in_force && !keep.contains(*number) &&
                            is_folder(folder.status(name)) && !folder.status(name + "/" + kManifestName);
    if (name.starts_with(".") || incomplete) {
      folder.remove_tree(name);
    }
  }
}

std::vector<GenerationNumber> Generations::retain(std::size_t count, const std::set<GenerationNumber>& keep) {
  const std::vector<GenerationNumber> all = list();
  std::set<GenerationNumber> spared = keep;
  if (has_current()) {
    const Generation in_force = current();
    spared.insert(in_force.number());
    try {
      spared.insert(in_force.manifest().parent);
    } catch (const Failure&) {
      return {};  // the manifest in force is damaged: which one is its parent is not known, so nothing goes
    }
  }
  std::vector<GenerationNumber> removed;
  for (std::size_t i = 0; i + std::min(count, all.size()) < all.size(); ++i) {
    if (!spared.contains(all[i])) {
      remove(all[i]);
      removed.push_back(all[i]);
    }
  }
  return removed;
}

std::vector<Difference> difference(const Generation& a, const Generation& b) {
  const auto& before = a.manifest().files;
  const auto& after = b.manifest().files;
  std::map<std::string, char> kinds;
  for (const auto& [path, file] : before) {
    kinds[path] = '-';
  }
  for (const auto& [path, file] : after) {
    const auto old = before.find(path);
    if (old == before.end()) {
      kinds[path] = '+';
      continue;
    }
    const FileAttributes& was = old->second.attributes;
    const FileAttributes& is = file.attributes;
    const bool same =
        old->second.sha256 == file.sha256 && was.mode == is.mode && was.owner == is.owner && was.group == is.group;
    kinds[path] = same ? '=' : '~';
  }
  std::vector<Difference> differences;
  for (const auto& [path, kind] : kinds) {
    if (kind != '=') {
      differences.push_back({kind, path});
    }
  }
  return differences;
}

}  // namespace chancery::backup
