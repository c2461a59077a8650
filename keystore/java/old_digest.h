// SHA-1 and MD5, on which Java's oldest formats are built: never use them for anything new.
//
//   OldDigest digest(OldDigest::Kind::sha1);
//   digest.add(password).add(content).finish(out);       // out.size() == 20; the next add begins a new digest
//
// Of libcrypto itself, whatever providers openssl.cnf names. Failure("crypto-failed") where `out` has another size. Thread
// safety: one thread per object.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "keystore/bytes/bytes.h"

namespace chancery::java {

using Sha1 = std::array<std::uint8_t, 20>;
using Md5 = std::array<std::uint8_t, 16>;

class OldDigest {
 public:
  enum class Kind { sha1, md5 };
  explicit OldDigest(Kind kind);
  OldDigest& add(ByteView bytes);
  void finish(std::span<std::uint8_t> out);

 private:
  struct State;
  struct Free {
    void operator()(State* state) const noexcept;  // wipes
  };
  void begin();

  Kind kind_;
  std::unique_ptr<State, Free> state_;
};

}  // namespace chancery::java
