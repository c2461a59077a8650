// SHA-1 and MD5, on which Java's oldest formats are built: never use them for anything new.
//
//   OldDigest digest(OldDigest::Kind::sha1);
//   digest.add(password).add(content).finish(out);       // out.size() == 20; the next add begins a new digest
//
// The algorithm is fetched once per process. Failure("crypto-failed") where OpenSSL has it not. Thread safety: one
// thread per object.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "keystore/bytes/bytes.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

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
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  Kind kind_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;  // wiped by OpenSSL
};

}  // namespace chancery::java
