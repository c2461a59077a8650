#include "backup/sets/stored_archive.h"

#include <sys/stat.h>

#include <algorithm>

#include "backup/zip/deflated.h"

namespace chancery::backup {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr std::size_t kLocalHeader = 30;
constexpr std::size_t kCentralHeader = 46;
constexpr std::size_t kEndRecord = 22;
constexpr std::uint16_t kVersionNeeded = 10;
constexpr std::uint16_t kMadeByUnix = 3 << 8 | 20;
constexpr std::uint16_t kNamesAreUtf8 = 1 << 11;
constexpr std::size_t kWorthNoCopy = 64 * 1024;

bool is_copied(const ArchiveEntry& entry) { return !entry.outlives || entry.bytes.size() < kWorthNoCopy; }

// Little endian, appended to memory that is reserved: views of it stay where they are.
class Out {
 public:
  explicit Out(std::size_t size) { bytes_.reserve(size); }
  Out& u16(std::uint32_t value) { return number(value, 2); }
  Out& u32(std::uint32_t value) { return number(value, 4); }
  Out& block(ByteView bytes) {
    append(bytes_, bytes);
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  ByteView since(std::size_t begin) const { return view_of(bytes_).subspan(begin); }
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
  const auto [time, date] = zip::dos_time(when);
  const auto size = static_cast<std::uint32_t>(member.entry.bytes.size());
  out.u16(kVersionNeeded).u16(flags_of(member.entry.path)).u16(0 /* stored */).u16(time).u16(date);
  out.u32(member.crc).u32(size).u32(size).u16(static_cast<std::uint32_t>(member.entry.path.size()));
}

void put_central_header(Out& out, const Member& member, Instant when) {
  out.u32(kCentralSignature).u16(kMadeByUnix);
  put_description(out, member, when);
  out.u16(0).u16(0).u16(0).u16(0);  // extra field, comment, disk, internal attributes
  out.u32(static_cast<std::uint32_t>(S_IFREG | (member.entry.mode & 07777U)) << 16).u32(member.offset);
  out.block(view_of(member.entry.path));
}

void put_end(Out& out, std::size_t count, std::size_t directory_size, std::size_t directory, std::size_t comment) {
  const auto narrow = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
  out.u32(kEndSignature).u16(0).u16(0).u16(narrow(count)).u16(narrow(count));
  out.u32(narrow(directory_size)).u32(narrow(directory)).u16(narrow(comment));
}

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

std::uint32_t little_endian(ByteView bytes) {
  std::uint32_t value = 0;
  for (std::size_t at = bytes.size(); at-- > 0;) value = (value << 8) | bytes[at];
  return value;
}

}  // namespace

StoredArchive stored_archive(const std::vector<ArchiveEntry>& entries, Instant when, const SealWriting& seal) {
  std::size_t size = kEndRecord + seal.comment.size() + seal.digits;
  for (const ArchiveEntry& entry : entries) {
    size += kLocalHeader + kCentralHeader + 2 * entry.path.size() + (is_copied(entry) ? entry.bytes.size() : 0);
  }
  Out frame(size);
  std::size_t piece_begins = 0;  // in the frame
  std::size_t elsewhere = 0;     // bytes of the zip that are not in the frame
  Bytes covered;
  std::vector<Member> members;
  StoredArchive out;
  for (const ArchiveEntry& entry : entries) {
    const ContentSums sums = entry.sums ? *entry.sums : sums_of(entry.bytes);
    const std::size_t header = frame.size();
    members.push_back({entry, sums.crc32, static_cast<std::uint32_t>(header + elsewhere)});
    frame.u32(kLocalSignature);
    put_description(frame, members.back(), when);
    frame.u16(0).block(view_of(entry.path));
    append(covered, frame.since(header));
    append(covered, sums.sha256);
    if (is_copied(entry)) {
      frame.block(entry.bytes);
      continue;
    }
    out.pieces.push_back(frame.since(piece_begins));
    out.pieces.push_back(entry.bytes);
    piece_begins = frame.size();
    elsewhere += entry.bytes.size();
  }
  const std::size_t directory = frame.size();
  for (const Member& member : members) put_central_header(frame, member, when);
  put_end(frame, members.size(), frame.size() - directory, directory + elsewhere, seal.comment.size() + seal.digits);
  frame.block(view_of(seal.comment));
  append(covered, frame.since(directory));
  frame.block(view_of(seal.of(covered)));
  out.pieces.push_back(frame.since(piece_begins));
  out.frame = frame.take();
  return out;
}

std::optional<Bytes> sealed_part(ByteView bytes, std::size_t digits, std::size_t most_members) {
  Bytes covered;
  std::size_t at = 0;
  const auto field = [&](std::size_t offset, std::size_t size) {
    return little_endian(bytes.subspan(at + offset, size));
  };
  for (std::size_t count = 0; bytes.size() - at >= kLocalHeader && field(0, 4) == kLocalSignature; ++count) {
    const std::size_t size = field(18, 4), header = kLocalHeader + field(26, 2);
    const bool is_as_written = (field(6, 2) & ~unsigned{kNamesAreUtf8}) == 0 && field(8, 2) == 0 &&
                               field(22, 4) == size && field(28, 2) == 0 && count < most_members;
    if (!is_as_written || bytes.size() - at < header || bytes.size() - at - header < size) return std::nullopt;
    append(covered, bytes.subspan(at, header));
    append(covered, sha256(bytes.subspan(at + header, size)));
    at += header + size;
  }
  if (bytes.size() - at < digits) return std::nullopt;
  append(covered, bytes.subspan(at, bytes.size() - at - digits));
  return covered;
}

}  // namespace chancery::backup
