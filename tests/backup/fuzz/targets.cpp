#include "tests/backup/fuzz/targets.h"

#include <algorithm>
#include <cstdlib>

#include "backup/generations/manifest.h"
#include "backup/sets/archive.h"
#include "backup/sets/envelope.h"
#include "keystore/bytes/cursor.h"

namespace chancery::fuzz {
namespace {

template <typename Work>
void allowing(const char* code, Work work) {
  try {
    work();
  } catch (const Failure& failure) {
    if (failure.code() != code || failure.hint().empty()) std::abort();
  }
}

}  // namespace

void manifest(ByteView bytes) {
  allowing("manifest-invalid", [&] {
    static const Bytes key(32, 1);
    const std::string once = backup::write_manifest(backup::read_manifest(text_of(bytes), 1, {}), key);
    if (backup::write_manifest(backup::read_manifest(once, 1, key), key) != once) std::abort();
  });
}

void backup_archive(ByteView bytes) {
  allowing("backup-damaged", [&] {
    std::uint64_t total = 0;
    for (const auto& [path, member] : backup::read_archive_without_checking_its_seal(bytes)) {
      if (path.empty() || path.front() == '/' || path.find("..") == 0) std::abort();
      total += member.bytes.size();
    }
    if (total > backup::kMaximumContents) std::abort();
  });
}

void backup_envelope(ByteView bytes) {
  // Figures that are accepted are replaced by the cheapest ones, or most of the time went into argon2id.
  Bytes cheap(bytes.begin(), bytes.end());
  constexpr std::uint8_t one_pass_over_8_mib[] = {0, 0, 0, 1, 0, 0, 0x20, 0};
  if (backup::is_envelope(bytes) && bytes.size() >= 16 && Reader(bytes.subspan(8), "").u32() <= 8)
    std::copy(std::begin(one_pass_over_8_mib), std::end(one_pass_over_8_mib), cheap.begin() + 8);
  try {
    (void)backup::open_envelope(cheap, secret_copy(std::string_view("wrong")));
    std::abort();
  } catch (const Failure& failure) {
    if (failure.code() != "backup-damaged" && failure.code() != "passphrase-wrong") std::abort();
  }
}

}  // namespace chancery::fuzz
