// A zip that a person made of a folder: other people's bytes, so every limit is asked for before it is believed.
#include <sys/stat.h>

#include <array>

#include "appliance/rollout/plan.h"
#include "backup/generations/plain_path.h"
#include "backup/zip/handles.h"
#include "keystore/x509/material.h"

namespace chancery::rollout {
namespace {

using preflight::SourceFile;

constexpr std::size_t archive_limit = std::size_t{16} * 1024 * 1024;
constexpr std::size_t contents_limit = std::size_t{64} * 1024 * 1024;
constexpr std::size_t most_members = 10'000;
constexpr std::size_t end_record = 22;  // PKWARE APPNOTE 4.3.16, without the comment

Failure bad_zip(const std::string& name, const std::string& cause) {
  return plan_invalid(
      name, "the zip is not taken: " + cause,
      "pack the folder of certificates and keys anew: zip -r plan.zip FOLDER; or name the folder itself");
}

// Before libzip builds its directory: how many members the end of the file announces.
void expect_few_members(ByteView zip, const std::string& name) {
  if (zip.size() > archive_limit) throw bad_zip(name, "it is larger than 16 MiB");
  for (std::size_t comment = 0; comment + end_record <= zip.size() && comment <= 0xffff; ++comment) {
    const ByteView record = zip.subspan(zip.size() - end_record - comment, end_record);
    if (text_of(record.first(4)) != "PK\5\6" || record[20] + 256U * record[21] != comment) continue;
    if (record[10] + 256U * record[11] > most_members) throw bad_zip(name, "it has more than 10000 members");
    return;
  }
  throw bad_zip(name, "it is cut off");
}

bool is_passed_over(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return last.empty() || last.starts_with('.') ||
         path.starts_with("__MACOSX/");  // folders, hidden files, Finder's notes
}

zip_stat_t described(zip_t* archive, zip_uint64_t index, const std::string& name) {
  zip_stat_t status;
  zip_stat_init(&status);
  constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive, index, ZIP_FL_ENC_RAW, &status) != 0 || (status.valid & needed) != needed) {
    throw bad_zip(name, "a member cannot be described");
  }
  std::string_view path = status.name;
  const bool is_folder = path.ends_with('/');
  if (is_folder) path.remove_suffix(1);
  if (!backup::is_plain_path(path)) throw bad_zip(name, "a member's name leads elsewhere or is not plain");
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  const bool is_unix = zip_file_get_external_attributes(archive, index, 0, &system, &attributes) == 0 &&
                       system == ZIP_OPSYS_UNIX && (attributes >> 16) != 0;
  const mode_t kind = is_unix ? (attributes >> 16) & S_IFMT : (is_folder ? S_IFDIR : S_IFREG);
  if (kind != 0 && kind != (is_folder ? static_cast<mode_t>(S_IFDIR) : static_cast<mode_t>(S_IFREG))) {
    throw bad_zip(name, "\"" + std::string(path) + "\" is neither a file nor a folder");
  }
  if (status.encryption_method != ZIP_EM_NONE) throw bad_zip(name, "\"" + std::string(path) + "\" is encrypted");
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
    throw bad_zip(name, "\"" + std::string(path) + "\" is packed in an unknown way");
  }
  if (status.size > material_limit) throw bad_zip(name, "\"" + std::string(path) + "\" is larger than 4 MiB");
  return status;
}

SecretBytes contents(zip_t* archive, zip_uint64_t index, std::uint64_t size, const std::string& name) {
  const zip::OpenMember file(zip_fopen_index(archive, index, 0));
  if (!file) throw bad_zip(name, "a member cannot be opened");
  SecretBytes bytes;
  std::array<std::uint8_t, 16384> block{};
  zip_int64_t count = 0;
  while ((count = zip_fread(file.get(), block.data(), block.size())) > 0 && bytes.size() <= size) {
    append(bytes, ByteView(block).first(static_cast<std::size_t>(count)));
  }
  wipe(block.data(), block.size());
  if (count < 0 || bytes.size() != size) throw bad_zip(name, "a member is damaged");
  return bytes;
}

}  // namespace

PlanFiles read_plan_archive(ByteView bytes, const std::string& name) {
  expect_few_members(bytes, name);
  zip::Error error;
  zip::Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  const zip::Archive archive(source ? zip_open_from_source(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, error.get())
                                    : nullptr);
  if (!archive) throw bad_zip(name, error.text());
  static_cast<void>(source.release());  // the archive's from here on
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count < 0 || static_cast<std::size_t>(count) > most_members)
    throw bad_zip(name, "it has more than 10000 members");
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0;
  for (zip_uint64_t index = 0; index < static_cast<zip_uint64_t>(count); ++index) {
    sizes.push_back(described(archive.get(), index, name).size);
    total += sizes.back();
    if (total > contents_limit) throw bad_zip(name, "its files take more than 64 MiB");
  }
  PlanFiles files;
  for (zip_uint64_t index = 0; index < static_cast<zip_uint64_t>(count); ++index) {
    const std::string path = zip_get_name(archive.get(), index, ZIP_FL_ENC_RAW);
    if (is_passed_over(path)) continue;
    SourceFile file{.name = path, .bytes = contents(archive.get(), index, sizes[index], name)};
    if (!files.emplace(path, std::move(file)).second) throw bad_zip(name, "\"" + path + "\" is in it twice");
  }
  return files;
}

}  // namespace chancery::rollout
