#include "backup/zip/deflated.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "backup/zip/handles.h"

namespace chancery::zip {
namespace {

void add(zip_t* archive, const Member& member, Instant when, const Packing& packing) {
  zip_source_t* source = zip_source_buffer(archive, member.bytes.data(), member.bytes.size(), 0);
  if (source == nullptr) throw packing.cannot_write(zip_strerror(archive));
  const zip_int64_t added = zip_file_add(archive, member.path.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (added < 0) {
    zip_source_free(source);
    throw packing.cannot_write(zip_strerror(archive));
  }
  const auto index = static_cast<zip_uint64_t>(added);
  const auto [time, date] = dos_time(when);
  const bool is_deflated = member.bytes.size() >= packing.deflate_from;
  const auto attributes = static_cast<zip_uint32_t>(S_IFREG | (member.mode & 07777U)) << 16;
  if (zip_set_file_compression(archive, index, is_deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                               is_deflated ? packing.level : 0) != 0 ||
      zip_file_set_dostime(archive, index, time, date, 0) != 0 ||
      zip_file_set_external_attributes(archive, index, 0, ZIP_OPSYS_UNIX, attributes) != 0) {
    throw packing.cannot_write(zip_strerror(archive));
  }
}

std::optional<SecretBytes> read_back(zip_source_t* source, const Packing& packing) {
  zip_stat_t status;
  zip_stat_init(&status);
  const bool is_known = zip_source_stat(source, &status) == 0 && (status.valid & ZIP_STAT_SIZE) != 0;
  if (is_known && status.size > packing.most_bytes) return std::nullopt;
  if (!is_known || zip_source_open(source) != 0) throw packing.cannot_write("its buffer cannot be read");
  SecretBytes bytes(status.size);
  const zip_int64_t count = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (count < 0 || static_cast<std::size_t>(count) != bytes.size()) {
    throw packing.cannot_write("its buffer cannot be read");
  }
  return bytes;
}

}  // namespace

std::optional<SecretBytes> deflated(const std::vector<Member>& members, Instant when, const Packing& packing) {
  Error error;
  const Source buffer(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (!buffer) throw packing.cannot_write(error.text());
  Archive archive(zip_open_from_source(buffer.get(), ZIP_CREATE | ZIP_TRUNCATE, error.get()));
  if (!archive) throw packing.cannot_write(error.text());
  zip_source_keep(buffer.get());  // one reference for the archive, one for reading the result
  for (const Member& member : members) add(archive.get(), member, when, packing);
  const std::string& comment = packing.comment;
  if (zip_set_archive_comment(archive.get(), comment.data(), static_cast<zip_uint16_t>(comment.size())) != 0 ||
      zip_close(archive.get()) != 0) {
    throw packing.cannot_write(zip_strerror(archive.get()));
  }
  static_cast<void>(archive.release());  // zip_close freed it
  return read_back(buffer.get(), packing);
}

std::pair<std::uint16_t, std::uint16_t> dos_time(Instant when) {
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(when - day);
  const int year = std::max(static_cast<int>(date.year()), 1980) - 1980;
  const auto packed_time = (time.hours().count() << 11) | (time.minutes().count() << 5) | (time.seconds().count() / 2);
  const auto packed_date = (static_cast<unsigned>(year) << 9) | (static_cast<unsigned>(date.month()) << 5) |
                           static_cast<unsigned>(date.day());
  return {static_cast<std::uint16_t>(packed_time), static_cast<std::uint16_t>(packed_date)};
}

}  // namespace chancery::zip
