#include "backup/generations/manifest.h"

#include <array>
#include <cstdio>

#include "backup/generations/strict_json.h"

namespace chancery::backup {
namespace {

constexpr const char* kFormat = "chancery-generation-1";

std::string describe(const FileAttributes& attributes) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "mode %04o owner %u:%u", static_cast<unsigned>(attributes.mode),
                attributes.owner.value_or(0), attributes.group.value_or(0));
  return text.data();
}

}  // namespace

std::string write_manifest(const Manifest& manifest, ByteView mac_key) {
  return seal_json({{"format", kFormat},
                    {"number", manifest.number},
                    {"parent", manifest.parent},
                    {"cause", to_json(manifest.cause)},
                    {"files", to_json(manifest.files)}},
                   mac_key);
}

Manifest read_manifest(std::string_view text, GenerationNumber number, ByteView mac_key) {
  const Refuse refuse = [number](const std::string& cause) {
    return Failure({.code = "manifest-invalid",
                    .subject = "generations/" + folder_name(number) + "/" + kManifestName,
                    .cause = "the manifest cannot be believed: " + cause,
                    .hint =
                        "look at the generation's files; `chancery generation adopt` seals them as a new generation, "
                        "`chancery generation undo` makes one of what it held when it was made"});
  };
  const Json document = open_sealed_json(text, mac_key, refuse);
  Fields fields(document, "the manifest", refuse);
  if (fields.text("format") != kFormat) {
    throw refuse("its format is not " + std::string(kFormat));
  }
  Manifest manifest{.number = fields.number("number"),
                    .parent = fields.number("parent"),
                    .cause = cause_of(fields.object("cause"), refuse),
                    .files = files_of(fields.object("files"), refuse)};
  fields.expect_no_more();
  if (manifest.number != number) {
    throw refuse("it belongs to generation " + std::to_string(manifest.number));
  }
  return manifest;
}

std::optional<Drift> compare(const std::string& path, const ManifestFile& record, const FileStatus& status,
                             const std::string& sha256) {
  if (status.kind != FileStatus::Kind::file) {
    return Drift{Drift::Kind::changed, path, "was replaced by something that is not a regular file"};
  }
  if (sha256 != record.sha256) {
    return Drift{Drift::Kind::changed, path,
                 status.size == record.size ? "was edited by hand: other bytes, same size"
                                            : "was edited by hand: " + std::to_string(status.size) +
                                                  " bytes, expected " + std::to_string(record.size)};
  }
  const FileAttributes now{.mode = status.mode, .owner = status.owner, .group = status.group};
  if (now.mode != record.attributes.mode || now.owner != record.attributes.owner ||
      now.group != record.attributes.group) {
    return Drift{Drift::Kind::attributes, path, "has " + describe(now) + ", expected " + describe(record.attributes)};
  }
  return std::nullopt;
}

Drift missing_file(const std::string& path) { return {Drift::Kind::missing, path, "was removed by hand"}; }

Drift extra_file(const std::string& path, const FileStatus& status) {
  return {Drift::Kind::extra, path,
          status.kind == FileStatus::Kind::file ? "was added by hand" : "was added by hand and is not a regular file"};
}

}  // namespace chancery::backup
