#include "keystore/bytes/secret.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "keystore/fault.h"

namespace chancery {

void wipe(void* memory, std::size_t size) noexcept {
  if (memory != nullptr) OPENSSL_cleanse(memory, size);
}

// Not insert(): with an allocator of our own that copies byte by byte, and keystores have megabytes.
void append(SecretBytes& to, ByteView bytes) {
  if (bytes.empty()) return;
  const std::size_t before = to.size();
  to.resize(before + bytes.size());
  std::memcpy(to.data() + before, bytes.data(), bytes.size());
}

bool secret_equal(ByteView left, ByteView right) noexcept {
  return left.size() == right.size() && (left.empty() || CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0);
}

// The kernel is asked itself: setting up OpenSSL's generator for the name of one temporary file costs a millisecond.
SecretBytes random_secret(std::size_t count) {
  SecretBytes out(count);
  for (std::size_t done = 0; done < count;) {
    const ssize_t got = ::getrandom(out.data() + done, count - done, 0);
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      throw Failure({.code = "random-failed",
                     .subject = "random numbers",
                     .cause = got == 0 ? "the system gave none" : std::strerror(errno),
                     .hint = "check that getrandom(2) works on this machine; a seccomp filter may forbid it"});
    }
  }
  return out;
}

namespace {
unsigned umask_before = 022;
}  // namespace

void forbid_core_dumps() noexcept {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  umask_before = umask(077);
}

unsigned caller_umask() noexcept { return umask_before; }

}  // namespace chancery
