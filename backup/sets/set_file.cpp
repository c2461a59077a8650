#include "backup/sets/set_file.h"

#include "backup/generations/manifest.h"
#include "backup/generations/plain_path.h"
#include "backup/generations/strict_json.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::backup {
namespace {

constexpr std::uint64_t kSmall = 16u << 20;

// The manifest's word against the members: the same names, and each with the size, hash and mode that was written.
std::map<std::string, NewFile> match(std::map<std::string, ArchiveMember> members,
                                     const std::map<std::string, ManifestFile>& records, const Refuse& refuse) {
  std::map<std::string, NewFile> files;
  for (auto& [path, member] : members) {
    const auto record = records.find(path);
    if (record == records.end()) {
      throw refuse("\"" + path + "\" is not in its manifest");
    }
    if (member.bytes.size() != record->second.size || member.mode != record->second.attributes.mode ||
        sha256_hex(view_of(member.bytes)) != record->second.sha256) {
      throw refuse("\"" + path + "\" is not what its manifest says");
    }
    files.emplace(path, NewFile{.bytes = std::move(member.bytes), .attributes = record->second.attributes});
  }
  if (files.size() != records.size()) {
    throw refuse("a file of its manifest is missing");
  }
  return files;
}

}  // namespace

std::map<std::string, NewFile> files_now(const Generation& generation) {
  std::map<std::string, NewFile> files;
  for (const std::string& path : generation.files("")) {
    const std::optional<FileStatus> status = generation.folder().status(path);
    // A name that no generation can have would make the whole archive one that is refused.
    if (path == kManifestName || !status || !is_plain_path(path)) {
      continue;
    }
    files.emplace(path, NewFile{.bytes = generation.read_secret(path),
                                .attributes = {.mode = status->mode, .owner = status->owner, .group = status->group}});
  }
  return files;
}

FileViews views_of(const std::map<std::string, NewFile>& files) {
  FileViews views;
  for (const auto& [path, file] : files) {
    views.emplace(path, FileView{.bytes = view_of(file.bytes), .attributes = file.attributes});
  }
  return views;
}

Records records_of(const FileViews& files) {
  Records records;
  for (const auto& [path, file] : files) {
    records.emplace(path, ManifestFile{.sha256 = file.sums ? to_hex(file.sums->sha256) : sha256_hex(file.bytes),
                                       .size = file.bytes.size(),
                                       .attributes = file.attributes});
  }
  return records;
}

namespace {

std::string manifest_of(const SetHeader& header, const Records& records, ByteView mac_key) {
  return seal_json({{"format", header.format},
                    {"id", header.id},
                    {"created", to_rfc3339(header.created)},
                    {"generation", header.generation},
                    {"components", header.components},
                    {"cause", to_json(header.cause)},
                    {"files", to_json(records)}},
                   mac_key);
}

// The manifest comes first.
std::vector<ArchiveEntry> entries_of(const std::string& manifest, const FileViews& files) {
  std::vector<ArchiveEntry> entries{{.path = kManifestName, .bytes = view_of(manifest)}};
  for (const auto& [path, file] : files) {
    entries.push_back(
        {.path = path, .bytes = file.bytes, .mode = file.attributes.mode, .sums = file.sums, .outlives = true});
  }
  return entries;
}

bool is_small(const FileViews& files) {
  std::uint64_t size = 0;
  for (const auto& [path, file] : files) size += file.bytes.size();
  return size <= kSmall;
}

}  // namespace

SecretBytes write_set_file(const SetHeader& header, const FileViews& files, const Records& records, Packing packing,
                           ByteView mac_key) {
  const std::string manifest = manifest_of(header, records, mac_key);
  const bool stored = packing == Packing::stored_where_small && is_small(files);
  return write_archive(entries_of(manifest, files), header.created, mac_key,
                       stored ? Deflate::none : Deflate::large_members);
}

StoredArchive write_set_in_pieces(const SetHeader& header, const FileViews& files, ByteView mac_key) {
  const std::string manifest = manifest_of(header, records_of(files), mac_key);
  const std::vector<ArchiveEntry> entries = entries_of(manifest, files);
  if (is_small(files)) return write_stored_archive(entries, header.created, mac_key);
  StoredArchive whole{.frame = write_archive(entries, header.created, mac_key), .pieces = {}};
  whole.pieces.push_back(view_of(whole.frame));
  return whole;
}

SetFile read_set_file(ByteView bytes, const std::string& format, ByteView mac_key) {
  const Refuse refuse = [](const std::string& cause) { return damaged_backup("backup set", cause); };
  std::map<std::string, ArchiveMember> members = read_archive(bytes, mac_key);
  const auto manifest = members.find(kManifestName);
  if (manifest == members.end()) {
    throw refuse("it has no manifest");
  }
  const Json document = open_sealed_json(text_of(view_of(manifest->second.bytes)), mac_key, refuse);
  members.erase(manifest);
  Fields fields(document, "the manifest", refuse);
  if (fields.text("format") != format) {
    throw refuse("its format is not " + format);
  }
  SetFile read;
  read.header = {.format = format,
                 .id = fields.text("id"),
                 .created = fields.instant("created"),
                 .generation = fields.number("generation"),
                 .components = fields.texts("components"),
                 .cause = cause_of(fields.object("cause"), refuse)};
  const std::map<std::string, ManifestFile> records = files_of(fields.object("files"), refuse);
  fields.expect_no_more();
  read.files = match(std::move(members), records, refuse);
  return read;
}

}  // namespace chancery::backup
