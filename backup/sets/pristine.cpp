// Pristine copies: what a generation was when it was made, kept so that edits by hand can be undone.
#include <algorithm>
#include <charconv>

#include "backup/generations/manifest.h"
#include "backup/sets/archive.h"
#include "backup/sets/backup_sets.h"
#include "backup/sets/set_file.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::backup {
namespace {

constexpr const char* kBackups = "backups";
constexpr const char* kPristine = "backups/pristine";
constexpr const char* kFormat = "chancery-pristine-1";
constexpr std::string_view kSuffix = ".zip";

std::string file_name(GenerationNumber number) { return folder_name(number) + std::string(kSuffix); }

std::optional<GenerationNumber> number_of(std::string_view name) {
  if (!name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(0, name.size() - kSuffix.size());
  GenerationNumber number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number == 0 || file_name(number) != name) {
    return std::nullopt;
  }
  return number;
}

bool is_folder(const Folder& state, const char* name) {
  const std::optional<FileStatus> status = state.status(name);
  return status && status->kind == FileStatus::Kind::folder;
}

Failure unusable(GenerationNumber number, const std::string& code, const std::string& cause) {
  return Failure({.code = code,
                  .subject = std::string(kPristine) + "/" + file_name(number),
                  .cause = cause,
                  .hint = "keep the edits with `chancery generation adopt`, or go back to an earlier generation with "
                          "`chancery generation rollback N` (`chancery generation list` shows them)"});
}

}  // namespace

void BackupSets::keep_pristine(const Generation& generation) {
  const Manifest& manifest = generation.manifest();
  const std::map<std::string, NewFile> files = files_now(generation);
  // Of what the manifest says and nothing else: an edit that came in between would otherwise pass as pristine.
  FileViews views;
  for (const auto& [path, record] : manifest.files) {
    const auto file = files.find(path);
    const ContentSums sums = file == files.end() ? ContentSums{} : sums_of(view_of(file->second.bytes));
    if (file == files.end() || to_hex(sums.sha256) != record.sha256) {
      throw Failure({.code = "drift",
                     .subject = generation.folder().path() + "/" + path,
                     .cause = "this file was changed by hand while its generation was being made",
                     .hint = "leave generations/ alone and repeat the command"});
    }
    views.emplace(path, FileView{.bytes = view_of(file->second.bytes), .attributes = record.attributes, .sums = sums});
  }
  const SetHeader header{.format = kFormat,
                         .id = folder_name(manifest.number),
                         .created = manifest.cause.when,
                         .generation = manifest.number,
                         .components = {},
                         .cause = manifest.cause};
  const SecretBytes zip = write_set_file(header, views, manifest.files, Packing::stored_where_small, view_of(mac_key_));
  state_.make_folder(kBackups, {.mode = 0700});
  if (!is_folder(state_, kPristine)) {
    state_.make_folder(kPristine, {.mode = 0700});
    state_.open_folder(kBackups).sync();
  }
  const Folder folder = state_.open_folder(kBackups).open_folder("pristine");
  for (const std::string& name : folder.list()) {
    if (name.starts_with(".") && name.ends_with(".tmp")) {
      folder.remove(name);  // left by a writer that was killed; we are the only writer now
    }
  }
  folder.write_atomically(file_name(manifest.number), view_of(zip), {.mode = 0600});
}

BackupSet BackupSets::pristine(GenerationNumber number) const {
  const std::string name = file_name(number);
  const std::optional<FileStatus> status =
      is_folder(state_, kPristine) ? state_.status(std::string(kPristine) + "/" + name) : std::nullopt;
  if (!status) {
    throw unusable(number, "pristine-missing",
                   "what generation " + std::to_string(number) + " was when it was made is not kept");
  }
  try {
    if (status->kind != FileStatus::Kind::file || status->size > kMaximumArchive) {
      throw damaged_backup(name, "it is not a regular file of a sensible size");
    }
    const Folder folder = state_.open_folder(kBackups).open_folder("pristine");
    SetFile read = read_set_file(view_of(folder.read_secret(name, kMaximumArchive)), kFormat, view_of(mac_key_));
    if (read.header.generation != number) {
      throw damaged_backup(name, "it is the copy of generation " + std::to_string(read.header.generation));
    }
    BackupSet set;
    set.summary_ = {.id = read.header.id,
                    .created = read.header.created,
                    .generation = number,
                    .components = {},
                    .cause = read.header.cause,
                    .verified = true,
                    .problem = ""};
    set.files_ = std::move(read.files);
    return set;
  } catch (const Failure& failure) {
    if (failure.code() != "backup-damaged") {
      throw;
    }
    throw unusable(number, "pristine-damaged",
                   "the sealed copy of what generation " + std::to_string(number) +
                       " was when it was made cannot be believed: " + failure.cause());
  }
}

std::vector<GenerationNumber> BackupSets::pristine_numbers() const {
  std::vector<GenerationNumber> numbers;
  if (!is_folder(state_, kPristine)) {
    return numbers;
  }
  for (const std::string& name : state_.open_folder(kBackups).open_folder("pristine").list()) {
    if (const auto number = number_of(name)) {
      numbers.push_back(*number);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

void BackupSets::remove_pristine(GenerationNumber number) {
  const std::string name = std::string(kPristine) + "/" + file_name(number);
  if (is_folder(state_, kPristine) && state_.status(name)) {
    state_.remove(name);
  }
}

}  // namespace chancery::backup
