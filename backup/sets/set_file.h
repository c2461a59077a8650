// The bytes of a set of files as one sealed zip: what a backup set and a pristine copy have in common. Internal to
// backup/sets.
//
//   const FileViews views = views_of(files);
//   SecretBytes zip = write_set_file(header, views, records_of(views), Packing::deflated, mac_key);
//   SetFile read = read_set_file(zip, header.format, mac_key);       // Failure("backup-damaged") when anything is off
//
// `format` tells the kinds apart: it is sealed with the rest, so that a set of one kind is never believed as another.
// Not checked: the form of the id. Thread safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backup/generations/generations.h"
#include "backup/sets/archive.h"

namespace chancery::backup {

struct SetHeader {
  std::string format;
  std::string id;
  Instant created{};
  GenerationNumber generation = 0;
  std::vector<std::string> components;
  Cause cause;
};

struct SetFile {
  SetHeader header;
  std::map<std::string, NewFile> files;
};

// What goes into a set, by path; the bytes are somebody else's.
struct FileView {
  ByteView bytes;
  FileAttributes attributes;
  std::optional<ContentSums> sums = {};  // where they are known
};
using FileViews = std::map<std::string, FileView>;
[[nodiscard]] FileViews views_of(const std::map<std::string, NewFile>& files);

// Size, hash and attributes of each.
using Records = std::map<std::string, ManifestFile>;
[[nodiscard]] Records records_of(const FileViews& files);

// Packed where that saves much: what is small (a usual generation) is written as it is, which costs the least time.
enum class Packing { deflated, stored_where_small };

// Regular files of a generation as they are in its folder now, with mode and owner; the manifest is left out, and
// so is what has no plain name (added by hand: no generation makes such).
[[nodiscard]] std::map<std::string, NewFile> files_now(const Generation& generation);

// `records` must be those of `files`.
[[nodiscard]] SecretBytes write_set_file(const SetHeader& header, const FileViews& files, const Records& records,
                                         Packing packing, ByteView mac_key);
// The same, stored where small, in pieces of which the large ones look into `files`.
[[nodiscard]] StoredArchive write_set_in_pieces(const SetHeader& header, const FileViews& files, ByteView mac_key);
[[nodiscard]] SetFile read_set_file(ByteView bytes, const std::string& format, ByteView mac_key);

}  // namespace chancery::backup
