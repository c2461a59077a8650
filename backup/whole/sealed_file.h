// A file of any length under a passphrase, written and read as a stream: hidden and authenticated, block by block.
//
//   SealedWriter out(sink, passphrase);           SealedReader in(source, passphrase);
//   out.write(bytes); …; out.finish();            in.read(bytes); …; in.expect_end();
//
//   file = "CHANAPP1", u32 argon2id passes, u32 argon2id memory in KiB, 16 bytes salt, 24 bytes stream header, then blocks
//          of 64 KiB + 17 bytes of crypto_secretstream_xchacha20poly1305, the last one (shorter or equal) tagged final;
//          the bytes before the stream header are additional data of the first block.
//
// Nothing is handed out that is not authenticated; that the *whole* file is as it was shows only at its end: who must not
// act on half of it reads it twice. Memory: one block. Failures: "backup-damaged" (not such a file), "passphrase-wrong"
// (or a byte was changed, or the end is missing), those of source and sink. One thread.
#pragma once

#include <functional>
#include <memory>

#include "keystore/bytes/secret.h"

namespace chancery::backup {

struct KeyWork;

using Sink = std::function<void(ByteView bytes)>;
// Up to `most` bytes into `to`; 0 is the end.
using Source = std::function<std::size_t(std::uint8_t* to, std::size_t most)>;

inline constexpr std::size_t sealed_magic_size = 8;
[[nodiscard]] bool is_sealed_file(ByteView beginning);  // its first sealed_magic_size bytes

class SealedWriter {
 public:
  SealedWriter(Sink sink, const SecretBytes& passphrase);  // Failure("passphrase-empty")
  SealedWriter(Sink sink, const SecretBytes& passphrase, const KeyWork& work);
  ~SealedWriter();
  void write(ByteView bytes);
  void finish();

 private:
  void push(bool is_last);
  struct State;
  std::unique_ptr<State> state_;
};

class SealedReader {
 public:
  SealedReader(Source source, const SecretBytes& passphrase);
  ~SealedReader();
  void read(std::uint8_t* to, std::size_t size);  // all of it; Failure("backup-damaged") where the contents end before
  void expect_end();                              // Failure("backup-damaged") where there is more

 private:
  bool next_block();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::backup
