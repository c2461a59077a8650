// libzip's objects as values. For sources of floors 1 and 2, never in a header that others include.
#pragma once

#include <zip.h>

#include <memory>
#include <string>

namespace chancery::zip {

struct SourceFree {
  void operator()(zip_source_t* source) const noexcept { zip_source_free(source); }
};
// Whatever was not closed is given up.
struct ArchiveDiscard {
  void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
};
struct MemberClose {
  void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
};
using Source = std::unique_ptr<zip_source_t, SourceFree>;
using Archive = std::unique_ptr<zip_t, ArchiveDiscard>;
using OpenMember = std::unique_ptr<zip_file_t, MemberClose>;

class Error {
 public:
  Error() { zip_error_init(&error_); }
  Error(const Error&) = delete;
  Error& operator=(const Error&) = delete;
  ~Error() { zip_error_fini(&error_); }
  zip_error_t* get() { return &error_; }
  std::string text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

}  // namespace chancery::zip
