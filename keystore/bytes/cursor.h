// The bounded reader and writer that every binary format goes through.
//
//   Reader in(bytes, "join request");
//   auto version = in.u16();
//   ByteView csr = in.block(in.u32());     // never allocates what a length field asks: it is a view
//   in.expect_end();
//
// Big endian. Every read past the end throws Failure("truncated") that names the thing read and the offset; expect_end
// throws Failure("trailing-bytes"). Thread safety: none needed, one cursor per parse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery {

class Reader {
 public:
  Reader(ByteView bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  ByteView block(std::uint64_t size);
  // A block whose size stands before it as u16 or u32; larger than `limit` is Failure("too-large").
  ByteView sized16(std::size_t limit = 0xffff);
  ByteView sized32(std::size_t limit);

  std::size_t offset() const noexcept { return offset_; }
  std::size_t remaining() const noexcept { return bytes_.size() - offset_; }
  bool at_end() const noexcept { return remaining() == 0; }
  void expect_end() const;

 private:
  ByteView bytes_;
  std::string what_;
  std::size_t offset_ = 0;
};

// Appends to a SecretBytes, so that a half-written message with a key in it is wiped as well.
class Writer {
 public:
  Writer& u8(std::uint8_t value);
  Writer& u16(std::uint16_t value);
  Writer& u32(std::uint32_t value);
  Writer& u64(std::uint64_t value);
  Writer& block(ByteView bytes);
  Writer& sized16(ByteView bytes);
  Writer& sized32(ByteView bytes);
  void reserve(std::size_t size) { out_.reserve(size); }  // where the size is known, growing wipes nothing

  const SecretBytes& bytes() const noexcept { return out_; }
  SecretBytes take() { return std::move(out_); }

 private:
  SecretBytes out_;
};

}  // namespace chancery
