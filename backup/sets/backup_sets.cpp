#include "backup/sets/backup_sets.h"

#include <algorithm>
#include <charconv>

#include "backup/sets/archive.h"
#include "backup/sets/envelope.h"
#include "backup/sets/set_file.h"

namespace chancery::backup {
namespace {

constexpr const char* kFolder = "backups";
constexpr const char* kFormat = "chancery-backup-1";
constexpr std::string_view kSuffix = ".zip";

struct Id {
  Instant created{};
  GenerationNumber generation = 0;
};

std::string id_text(const Id& id) { return to_compact(id.created) + "-" + folder_name(id.generation); }

// Only the one spelling that id_text gives: an id never reaches the file system otherwise.
std::optional<Id> parse_id(std::string_view text) {
  constexpr std::size_t time_size = 16;  // 20261121T101500Z
  if (text.size() < time_size + 7 || text.size() > time_size + 21 || text[time_size] != '-') {
    return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t size) { return std::string(text.substr(at, size)); };
  const std::string rfc3339 =
      part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) + ":" + part(11, 2) + ":" + part(13, 2) + "Z";
  Id id;
  try {
    id.created = from_rfc3339(rfc3339);
  } catch (const Failure&) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(time_size + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id.generation);
  if (error != std::errc() || end != digits.data() + digits.size() || id_text(id) != text) {
    return std::nullopt;
  }
  return id;
}

std::string file_name(const std::string& id) { return id + std::string(kSuffix); }

Failure unknown_backup(const std::string& id) {
  std::string shown = id.substr(0, 64);
  std::ranges::replace_if(
      shown, [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return Failure({.code = "unknown-backup",
                  .subject = shown,
                  .cause = "there is no backup set of this name",
                  .hint = "`chancery backup list` shows those that there are"});
}

void require_key(const SecretBytes& mac_key) {
  if (mac_key.empty()) {
    throw Failure({.code = "no-mac-key",
                   .subject = kFolder,
                   .cause = "backup sets cannot be made or believed without the appliance's MAC key",
                   .hint = "run this as the user who may read secrets/generation.key"});
  }
}

bool folder_is_there(const Folder& state) {
  const std::optional<FileStatus> status = state.status(kFolder);
  return status && status->kind == FileStatus::Kind::folder;
}

// A set that may bear its name.
SetFile read_set(ByteView bytes, const SecretBytes& mac_key) {
  SetFile read = read_set_file(bytes, kFormat, view_of(mac_key));
  if (!parse_id(read.header.id)) {
    throw damaged_backup("backup set", "its id is not one of a backup set");
  }
  return read;
}

SecretBytes read_bytes(const Folder& state, const std::string& id) {
  if (!parse_id(id) || !folder_is_there(state)) {
    throw unknown_backup(id);
  }
  const Folder folder = state.open_folder(kFolder);
  const std::optional<FileStatus> status = folder.status(file_name(id));
  if (!status) {
    throw unknown_backup(id);
  }
  if (status->kind != FileStatus::Kind::file) {
    throw damaged_backup(id, "it is not a regular file");
  }
  if (status->size > kMaximumArchive) {
    throw damaged_backup(id, "it is larger than 96 MiB");
  }
  return folder.read_secret(file_name(id), kMaximumArchive);
}

// Of a set that was read, and so is whole.
BackupSummary summary_of(const SetHeader& header) {
  return {.id = header.id,
          .created = header.created,
          .generation = header.generation,
          .components = header.components,
          .cause = header.cause,
          .verified = true,
          .problem = ""};
}

SecretBytes without_envelope(ByteView bytes, const SecretBytes* passphrase) {
  if (!is_envelope(bytes)) {
    return {bytes.begin(), bytes.end()};
  }
  if (passphrase == nullptr) {
    throw Failure({.code = "passphrase-needed",
                   .subject = "backup set",
                   .cause = "it was exported under a passphrase",
                   .hint = "give the passphrase with --passphrase-file"});
  }
  return open_envelope(bytes, *passphrase);
}

// A set of this appliance that is not here yet.
SetHeader importable(const Folder& state, ByteView bytes, const SecretBytes& mac_key) {
  require_key(mac_key);
  SetHeader header = read_set(bytes, mac_key).header;
  if (folder_is_there(state) && state.open_folder(kFolder).status(file_name(header.id))) {
    throw Failure({.code = "already-exists",
                   .subject = header.id,
                   .cause = "a backup set of this name is here already",
                   .hint = "`chancery backup verify` tells whether it is whole; remove it first to import it again"});
  }
  return header;
}

}  // namespace

std::map<std::string, NewFile> BackupSet::files(const std::string& prefix) const {
  std::map<std::string, NewFile> found;
  for (auto file = files_.lower_bound(prefix); file != files_.end() && file->first.starts_with(prefix); ++file) {
    found.insert(*file);
  }
  return found;
}

BackupSets::BackupSets(const Folder& state, SecretBytes mac_key) : state_(state), mac_key_(std::move(mac_key)) {}

std::string BackupSets::create(const Generation& generation, const std::vector<std::string>& components,
                               const Cause& cause, std::map<std::string, NewFile> outside) {
  require_key(mac_key_);
  state_.make_folder(kFolder, {.mode = 0700});
  const Folder folder = state_.open_folder(kFolder);
  for (const std::string& name : folder.list()) {
    if (name.starts_with(".") && name.ends_with(".tmp")) {
      folder.remove(name);  // left by a writer that was killed; we are the only writer now
    }
  }
  // A second change from the same generation within the same second gets the next second's name.
  Id id{.created = cause.when, .generation = generation.number()};
  while (folder.status(file_name(id_text(id)))) {
    id.created += std::chrono::seconds(1);
  }

  const SetHeader header{.format = kFormat,
                         .id = id_text(id),
                         .created = id.created,
                         .generation = id.generation,
                         .components = components,
                         .cause = cause};
  std::map<std::string, NewFile> files = files_now(generation);
  files.merge(outside);
  const FileViews views = views_of(files);
  const SecretBytes zip = write_set_file(header, views, records_of(views), Packing::deflated, view_of(mac_key_));
  folder.write_atomically(file_name(id_text(id)), view_of(zip), {.mode = 0600});
  return id_text(id);
}

std::vector<std::string> BackupSets::ids() const {
  std::vector<std::string> ids;
  if (!folder_is_there(state_)) {
    return ids;
  }
  const Folder folder = state_.open_folder(kFolder);
  for (const std::string& name : folder.list()) {
    if (name.ends_with(kSuffix)) {
      const std::string id = name.substr(0, name.size() - kSuffix.size());
      if (parse_id(id)) {
        ids.push_back(id);
      }
    }
  }
  std::ranges::sort(ids, std::ranges::greater(), [](const std::string& id) {
    const Id parsed = *parse_id(id);
    return std::pair(parsed.created, parsed.generation);
  });
  return ids;
}

BackupSummary BackupSets::summary(const std::string& id) const {
  try {
    return open(id).summary();
  } catch (const Failure& failure) {
    const std::optional<Id> parsed = parse_id(id);
    if (!parsed || failure.code() == "unknown-backup" || failure.code() == "no-mac-key") {
      throw;
    }
    // What the name alone tells; it is not sealed.
    return {.id = id,
            .created = parsed->created,
            .generation = parsed->generation,
            .components = {},
            .cause = {},
            .verified = false,
            .problem = failure.cause()};
  }
}

BackupSet BackupSets::open(const std::string& id) const {
  require_key(mac_key_);
  const SecretBytes bytes = read_bytes(state_, id);
  try {
    SetFile read = read_set(view_of(bytes), mac_key_);
    if (read.header.id != id) {
      throw damaged_backup(id, "it is the set " + read.header.id + " under another name");
    }
    BackupSet set;
    set.summary_ = summary_of(read.header);
    set.files_ = std::move(read.files);
    return set;
  } catch (const Failure& failure) {
    Fault fault = failure.fault();
    fault.subject = id;
    throw Failure(std::move(fault));
  }
}

SecretBytes BackupSets::export_set(const std::string& id, const SecretBytes* passphrase) const {
  static_cast<void>(open(id));  // a damaged set does not leave the appliance as if it were a good one
  const SecretBytes zip = read_bytes(state_, id);
  return passphrase == nullptr ? zip : close_envelope(view_of(zip), *passphrase);
}

std::string BackupSets::import_set(ByteView bytes, const SecretBytes* passphrase) {
  const SecretBytes opened = without_envelope(bytes, passphrase);
  const std::string id = importable(state_, view_of(opened), mac_key_).id;
  state_.make_folder(kFolder, {.mode = 0700});
  state_.open_folder(kFolder).write_atomically(file_name(id), view_of(opened), {.mode = 0600});
  return id;
}

BackupSummary BackupSets::examine_import(ByteView bytes, const SecretBytes* passphrase) const {
  const SecretBytes opened = without_envelope(bytes, passphrase);
  return summary_of(importable(state_, view_of(opened), mac_key_));
}

std::vector<std::string> BackupSets::prune(std::size_t count, const std::set<std::string>& keep) {
  std::vector<std::string> removed = beyond(count, keep);
  for (const std::string& id : removed) {
    state_.open_folder(kFolder).remove(file_name(id));
  }
  return removed;
}

std::vector<std::string> BackupSets::beyond(std::size_t count, const std::set<std::string>& keep) const {
  std::vector<std::string> rest = ids();
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(std::min(count, rest.size())));
  std::erase_if(rest, [&](const std::string& id) { return keep.contains(id); });
  return rest;
}

std::vector<std::string> BackupSets::purge(const std::function<bool(const std::string& path, ByteView bytes)>& holds) {
  std::vector<std::string> removed;
  std::string unreadable;
  for (const std::string& id : ids()) {
    try {
      const BackupSet set = open(id);
      const bool found = std::ranges::any_of(
          set.files_, [&](const auto& file) { return holds(file.first, view_of(file.second.bytes)); });
      if (found) {
        state_.open_folder(kFolder).remove(file_name(id));
        removed.push_back(id);
      }
    } catch (const Failure& failure) {
      if (failure.code() != "backup-damaged") {
        throw;
      }
      unreadable += (unreadable.empty() ? "" : ", ") + id;
    }
  }
  if (!unreadable.empty()) {
    throw Failure({.code = "backup-damaged",
                   .subject = unreadable,
                   .cause = "what these backup sets hold cannot be told, because they are damaged; all others are done",
                   .hint = "remove their files from backups/ by hand, then purge again",
                   .needs_person = true});
  }
  return removed;
}

}  // namespace chancery::backup
