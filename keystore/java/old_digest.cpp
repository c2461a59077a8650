// Without EVP, as in openssl/digest.cpp.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "keystore/java/old_digest.h"

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "keystore/fault.h"

namespace chancery::java {

struct OldDigest::State {
  union {
    SHA_CTX sha1;
    MD5_CTX md5;
  };
};

void OldDigest::Free::operator()(State* state) const noexcept {
  OPENSSL_cleanse(state, sizeof *state);
  delete state;
}

OldDigest::OldDigest(Kind kind) : kind_(kind), state_(new State) { begin(); }

void OldDigest::begin() {
  if (kind_ == Kind::sha1) {
    SHA1_Init(&state_->sha1);
  } else {
    MD5_Init(&state_->md5);
  }
}

OldDigest& OldDigest::add(ByteView bytes) {
  if (kind_ == Kind::sha1) {
    SHA1_Update(&state_->sha1, bytes.data(), bytes.size());
  } else {
    MD5_Update(&state_->md5, bytes.data(), bytes.size());
  }
  return *this;
}

void OldDigest::finish(std::span<std::uint8_t> out) {
  if (out.size() != (kind_ == Kind::sha1 ? Sha1().size() : Md5().size())) {
    throw Failure({.code = "crypto-failed",
                   .subject = kind_ == Kind::sha1 ? "SHA-1" : "MD5",
                   .cause = "its result does not fit",
                   .hint = "this should not happen: please report it together with the command"});
  }
  if (kind_ == Kind::sha1) {
    SHA1_Final(out.data(), &state_->sha1);
  } else {
    MD5_Final(out.data(), &state_->md5);
  }
  begin();
}

}  // namespace chancery::java
