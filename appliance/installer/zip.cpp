// The zip itself: deflated, with Unix modes, equal for equal files and time.
#include <sys/stat.h>
#include <zip.h>

#include <ctime>
#include <memory>

#include "appliance/installer/installer.h"
#include "keystore/fault.h"

namespace chancery::installer {
namespace {

constexpr std::size_t member_limit = std::size_t{64} * 1024 * 1024;
constexpr zip_uint32_t compression_level = 3;

Failure cannot_write(const std::string& cause) {
  return Failure({.code = "installer-failed",
                  .subject = "installer",
                  .cause = "the zip could not be built: " + cause,
                  .hint = "free some memory and try again"});
}

class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&error_); }
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

struct SourceFree {
  void operator()(zip_source_t* source) const noexcept { zip_source_free(source); }
};
struct ArchiveDiscard {
  void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
};

// UTC: a zip knows no time zone, and equal installers shall be equal bytes wherever they are made.
std::pair<zip_uint16_t, zip_uint16_t> dos_time(Instant when) {
  const auto seconds = static_cast<std::time_t>(when.time_since_epoch().count());
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  const auto time = static_cast<zip_uint16_t>((parts.tm_hour << 11) | (parts.tm_min << 5) | (parts.tm_sec / 2));
  const auto date =
      static_cast<zip_uint16_t>((std::max(0, parts.tm_year - 80) << 9) | ((parts.tm_mon + 1) << 5) | parts.tm_mday);
  return {time, date};
}

void add(zip_t* archive, const InstallerFile& file, Instant when) {
  zip_source_t* source = zip_source_buffer(archive, file.bytes.data(), file.bytes.size(), 0);
  if (source == nullptr) throw cannot_write(zip_strerror(archive));
  const zip_int64_t added = zip_file_add(archive, file.path.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (added < 0) {
    zip_source_free(source);
    throw cannot_write(zip_strerror(archive));
  }
  const auto index = static_cast<zip_uint64_t>(added);
  const auto [time, date] = dos_time(when);
  const auto attributes = static_cast<zip_uint32_t>(S_IFREG | (file.mode & 07777U)) << 16;
  if (zip_set_file_compression(archive, index, ZIP_CM_DEFLATE, compression_level) != 0 ||
      zip_file_set_dostime(archive, index, time, date, 0) != 0 ||
      zip_file_set_external_attributes(archive, index, 0, ZIP_OPSYS_UNIX, attributes) != 0) {
    throw cannot_write(zip_strerror(archive));
  }
}

SecretBytes contents_of(zip_source_t* source) {
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_source_stat(source, &status) != 0 || (status.valid & ZIP_STAT_SIZE) == 0 || zip_source_open(source) != 0) {
    throw cannot_write("its buffer cannot be read");
  }
  SecretBytes bytes(status.size);
  const zip_int64_t count = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (count < 0 || static_cast<std::size_t>(count) != bytes.size()) throw cannot_write("its buffer cannot be read");
  return bytes;
}

}  // namespace

SecretBytes write_installer(const std::vector<InstallerFile>& files, Instant when) {
  for (const InstallerFile& file : files) {
    if (file.bytes.size() <= member_limit) continue;
    throw Failure({.code = "too-large",
                   .subject = file.path,
                   .cause = "it is larger than 64 MiB",
                   .hint = "strip the program of its debug information: strip chancery-collector"});
  }
  ZipError error;
  const std::unique_ptr<zip_source_t, SourceFree> buffer(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (!buffer) throw cannot_write(error.text());
  std::unique_ptr<zip_t, ArchiveDiscard> archive(
      zip_open_from_source(buffer.get(), ZIP_CREATE | ZIP_TRUNCATE, error.get()));
  if (!archive) throw cannot_write(error.text());
  zip_source_keep(buffer.get());  // one reference for the archive, one for reading the result
  for (const InstallerFile& file : files) add(archive.get(), file, when);
  if (zip_close(archive.get()) != 0) throw cannot_write(zip_strerror(archive.get()));
  static_cast<void>(archive.release());  // zip_close freed it
  return contents_of(buffer.get());
}

}  // namespace chancery::installer
