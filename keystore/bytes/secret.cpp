#include "keystore/bytes/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstring>

#include "keystore/openssl/handles.h"

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

SecretBytes random_secret(std::size_t count) {
  SecretBytes out(count);
  constexpr std::size_t at_once = 1U << 20U;
  for (std::size_t done = 0; done < count; done += at_once) {
    const std::size_t size = std::min(at_once, count - done);
    if (RAND_priv_bytes(out.data() + done, static_cast<int>(size)) != 1) {
      throw ossl::openssl_failure("random-failed", "random numbers",
                                  "check that /dev/urandom and getrandom(2) work on this machine");
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
