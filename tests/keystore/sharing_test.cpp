// Values are read by many threads at once; the thread sanitizer (preset tsan) looks on.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "keystore/openssl/legacy_context.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/private_key.h"

namespace chancery {
namespace {

template <typename Work>
void in_threads(Work work) {
  std::vector<std::thread> threads;
  for (int count = 0; count < 4; ++count) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

TEST(SharingTest, PoolAndItsCertificatesAreReadByMany) {
  CertificatePool pool;
  pool.add_pem(os_trust_bundle());
  CertificatePool other;
  other.add_pem(os_trust_bundle());
  const std::vector<Certificate> shared = other.all();
  std::atomic<std::size_t> found = 0, self_signed = 0;
  in_threads([&] {
    for (const Certificate& one : shared) {
      found += pool.with_subject(one.subject_der()).empty() ? 0U : 1U;
      self_signed += one.is_self_signed() ? 1U : 0U;
    }
  });
  EXPECT_EQ(found, 4 * shared.size());
  EXPECT_EQ(self_signed, 4 * shared.size());
}

TEST(SharingTest, KeysSignForMany) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Bytes public_key = key.public_key_der();
  std::atomic<int> verified = 0;
  in_threads([&] {
    const PrivateKey copy = key;
    for (int count = 0; count < 20; ++count) {
      verified += verify_signature(public_key, view_of("x"), copy.sign(view_of("x"))) ? 1 : 0;
    }
    (void)ossl::legacy_context();
  });
  EXPECT_EQ(verified, 80);
}

}  // namespace
}  // namespace chancery
