// ASN.1 as keystores have it: BER in (definite and indefinite lengths, octet strings in pieces, as Windows, NSS and Bouncy
// Castle write them), DER out (X.690).
//
//   asn1::Parser in(bytes, source, "its MAC");
//   auto digest = in.next(der::sequence);             // Failure("keystore-damaged"), which names source and part
//
//   asn1::DerWriter out;                              // back to front: what stands last is put first, and nothing is
//   const auto end = out.mark();                      // copied when something is wrapped around it
//   out.octets(iv);
//   out.oid(aes256);
//   out.wrap(der::sequence, end);                     // SEQUENCE { OBJECT IDENTIFIER, OCTET STRING }
//
// Views only; nothing is allocated by what a length says; nesting of indefinite lengths is capped. Not checked: that
// DER is minimal. Thread safety: one parser or writer per thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "keystore/x509/der.h"

namespace chancery::asn1 {

inline constexpr std::uint8_t null = 0x05;
inline constexpr std::uint8_t bmp_string = 0x1e;
inline constexpr std::uint8_t constructed = 0x20;

// As der::next, but also indefinite lengths; `whole` then has the end marker, `content` has not.
[[nodiscard]] std::optional<der::Element> next(ByteView& rest);
// The bytes of an OCTET STRING (of a context tag in its place too), from all pieces; `joined` keeps them where there are
// several. nullopt: it holds something else.
[[nodiscard]] std::optional<ByteView> octets(const der::Element& element, SecretBytes& joined);
[[nodiscard]] bool has_definite_lengths(ByteView whole);  // everywhere; false also for what is no BER
// The same element with definite lengths everywhere, to be carried into DER; nullopt for what is no BER.
[[nodiscard]] std::optional<SecretBytes> with_definite_lengths(ByteView whole);

class Parser {
 public:
  // Both are referred to, not copied.
  Parser(ByteView bytes, const std::string& source, const char* part) : rest_(bytes), source_(source), part_(part) {}

  der::Element next();
  der::Element next(std::uint8_t tag);
  std::optional<der::Element> next_if(std::uint8_t tag);  // nullopt: another tag, or the end
  ByteView octets(SecretBytes& joined);                   // an OCTET STRING
  std::uint64_t integer();                                // small and not negative
  Parser sequence() { return {next(der::sequence).content, source_, part_}; }
  Parser tagged_0() { return {next(der::context_0).content, source_, part_}; }
  bool at_end() const noexcept { return rest_.empty(); }
  void expect_end() const;
  const std::string& source() const noexcept { return source_; }
  [[noreturn]] void fail() const;  // "its … is broken"

 private:
  ByteView rest_;
  const std::string& source_;
  const char* part_;
};

class DerWriter {
 public:
  // Grows where `expected` bytes are not enough.
  explicit DerWriter(std::size_t expected = 0) {
    if (expected != 0) grow(expected);
  }
  ~DerWriter() { forget(); }
  DerWriter(DerWriter&& other) noexcept { swap(other); }
  DerWriter& operator=(DerWriter&& other) noexcept {
    swap(other);
    return *this;
  }

  std::size_t mark() const noexcept { return size_ - start_; }
  void put(ByteView bytes);  // in front of all that is there
  // The same for bytes that the caller makes in place, at once: `size` of them, not set to anything.
  std::span<std::uint8_t> space(std::size_t size) { return {room(size), size}; }
  void replace_end(ByteView bytes);  // as many as there are, or fewer
  void wrap(std::uint8_t tag, std::size_t since);
  void element(std::uint8_t tag, ByteView content);
  void oid(ByteView content) { element(der::object_identifier, content); }
  void octets(ByteView content) { element(der::octet_string, content); }
  void integer(std::uint64_t value);
  void empty(std::uint8_t tag) { element(tag, {}); }

  ByteView bytes() const noexcept { return {buffer_.get() + start_, mark()}; }
  SecretBytes take();

 private:
  std::uint8_t* room(std::size_t size);
  void grow(std::size_t size);
  void forget() noexcept;
  void swap(DerWriter& other) noexcept;

  // Wiped like a SecretBytes, but not filled with zeros first: stores have megabytes.
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t size_ = 0;
  std::size_t start_ = 0;
};

}  // namespace chancery::asn1
