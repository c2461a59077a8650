#include "backup/sets/stored_archive.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>

#include "keystore/bytes/large_memory.h"

namespace chancery::backup {
namespace {

constexpr std::size_t kLocalHeader = 30;
constexpr std::size_t kCentralHeader = 46;
constexpr std::size_t kEndRecord = 22;
constexpr std::uint16_t kVersionNeeded = 10;
constexpr std::uint16_t kMadeByUnix = 3 << 8 | 20;
constexpr std::uint16_t kNamesAreUtf8 = 1 << 11;

// Little endian, appended to memory that is reserved.
class Out {
 public:
  explicit Out(std::size_t size) { reserve_large(bytes_, size); }
  Out& u16(std::uint32_t value) { return number(value, 2); }
  Out& u32(std::uint32_t value) { return number(value, 4); }
  Out& block(ByteView bytes) {
    append(bytes_, bytes);
    return *this;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); }
  SecretBytes take() { return std::move(bytes_); }

 private:
  Out& number(std::uint32_t value, int size) {
    for (int at = 0; at < size; ++at) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * at)));
    return *this;
  }
  SecretBytes bytes_;
};

struct Member {
  const ArchiveEntry& entry;
  std::uint32_t crc;
  std::uint32_t offset;
};

std::uint16_t flags_of(const std::string& name) {
  return std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) > 0x7f; }) ? kNamesAreUtf8 : 0;
}

// What the local and the central header have in common, from "version needed" to the name's length.
void put_description(Out& out, const Member& member, Instant when) {
  const auto [time, date] = dos_time(when);
  const auto size = static_cast<std::uint32_t>(member.entry.bytes.size());
  out.u16(kVersionNeeded).u16(flags_of(member.entry.path)).u16(0 /* stored */).u16(time).u16(date);
  out.u32(member.crc).u32(size).u32(size).u16(static_cast<std::uint32_t>(member.entry.path.size()));
}

}  // namespace

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

SecretBytes stored_archive(const std::vector<ArchiveEntry>& entries, Instant when, std::string_view comment) {
  std::size_t size = kEndRecord + comment.size();
  for (const ArchiveEntry& entry : entries) {
    size += kLocalHeader + kCentralHeader + 2 * entry.path.size() + entry.bytes.size();
  }
  Out out(size);
  std::vector<Member> members;
  for (const ArchiveEntry& entry : entries) {
    const Member member{entry, static_cast<std::uint32_t>(::crc32_z(0, entry.bytes.data(), entry.bytes.size())),
                        out.size()};
    out.u32(0x04034b50);
    put_description(out, member, when);
    out.u16(0).block(view_of(entry.path)).block(entry.bytes);
    members.push_back(member);
  }
  const std::uint32_t directory = out.size();
  for (const Member& member : members) {
    out.u32(0x02014b50).u16(kMadeByUnix);
    put_description(out, member, when);
    out.u16(0).u16(0).u16(0).u16(0);  // extra field, comment, disk, internal attributes
    out.u32(static_cast<std::uint32_t>(S_IFREG | (member.entry.mode & 07777U)) << 16).u32(member.offset);
    out.block(view_of(member.entry.path));
  }
  const std::uint32_t directory_size = out.size() - directory;
  const auto count = static_cast<std::uint32_t>(members.size());
  out.u32(0x06054b50).u16(0).u16(0).u16(count).u16(count).u32(directory_size).u32(directory);
  out.u16(static_cast<std::uint32_t>(comment.size())).block(view_of(comment));
  return out.take();
}

}  // namespace chancery::backup
