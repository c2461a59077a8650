#include "keystore/bytes/cursor.h"

#include "keystore/fault.h"

namespace chancery {
namespace {

constexpr const char* damaged_hint =
    "the data is damaged or was made by an incompatible version: fetch it again from where it came";

template <typename T>
T big_endian(ByteView bytes) {
  T value = 0;
  for (const std::uint8_t byte : bytes) value = static_cast<T>((value << 8U) | byte);
  return value;
}

template <typename T>
void put_big_endian(SecretBytes& out, T value) {
  for (std::size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

Failure too_large(const std::string& what, std::size_t offset, std::uint64_t size, std::uint64_t limit) {
  return Failure({.code = "too-large",
                  .subject = what,
                  .cause = "a field at offset " + std::to_string(offset) + " has " + std::to_string(size) +
                           " bytes, at most " + std::to_string(limit) + " are taken",
                  .hint = damaged_hint});
}

}  // namespace

ByteView Reader::block(std::uint64_t size) {
  if (size > remaining()) {
    throw Failure({.code = "truncated",
                   .subject = what_,
                   .cause = "ends at offset " + std::to_string(bytes_.size()) + " where " + std::to_string(size) +
                            " bytes from offset " + std::to_string(offset_) + " are needed",
                   .hint = damaged_hint});
  }
  const ByteView out = bytes_.subspan(offset_, static_cast<std::size_t>(size));
  offset_ += static_cast<std::size_t>(size);
  return out;
}

std::uint8_t Reader::u8() { return block(1)[0]; }
std::uint16_t Reader::u16() { return big_endian<std::uint16_t>(block(2)); }
std::uint32_t Reader::u32() { return big_endian<std::uint32_t>(block(4)); }
std::uint64_t Reader::u64() { return big_endian<std::uint64_t>(block(8)); }

ByteView Reader::sized16(std::size_t limit) {
  const std::size_t at = offset_;
  const std::uint16_t size = u16();
  if (size > limit) throw too_large(what_, at, size, limit);
  return block(size);
}

ByteView Reader::sized32(std::size_t limit) {
  const std::size_t at = offset_;
  const std::uint32_t size = u32();
  if (size > limit) throw too_large(what_, at, size, limit);
  return block(size);
}

void Reader::expect_end() const {
  if (at_end()) return;
  throw Failure(
      {.code = "trailing-bytes",
       .subject = what_,
       .cause = std::to_string(remaining()) + " bytes follow after its end at offset " + std::to_string(offset_),
       .hint = damaged_hint});
}

Writer& Writer::u8(std::uint8_t value) {
  out_.push_back(value);
  return *this;
}
Writer& Writer::u16(std::uint16_t value) {
  put_big_endian(out_, value);
  return *this;
}
Writer& Writer::u32(std::uint32_t value) {
  put_big_endian(out_, value);
  return *this;
}
Writer& Writer::u64(std::uint64_t value) {
  put_big_endian(out_, value);
  return *this;
}
Writer& Writer::block(ByteView bytes) {
  append(out_, bytes);
  return *this;
}
Writer& Writer::sized16(ByteView bytes) {
  if (bytes.size() > 0xffff) throw too_large("a message", out_.size(), bytes.size(), 0xffff);
  return u16(static_cast<std::uint16_t>(bytes.size())).block(bytes);
}
Writer& Writer::sized32(ByteView bytes) {
  if (bytes.size() > 0xffffffff) throw too_large("a message", out_.size(), bytes.size(), 0xffffffff);
  return u32(static_cast<std::uint32_t>(bytes.size())).block(bytes);
}

}  // namespace chancery
