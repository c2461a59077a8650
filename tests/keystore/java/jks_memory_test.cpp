// What opening and sealing allocate: a few times the file, whatever its counts and lengths say. Counted by replacing
// operator new for this executable.
#include <gtest/gtest.h>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/large_memory.h"
#include "tests/keystore/java/counted_allocations.h"
#include "tests/keystore/java/java_stores.h"

namespace chancery::java {
namespace {

TEST(JksMemory, TenThousandEntriesTakeAFewTimesTheFile) {
  for (const char* name : {"jks-10000", "jceks-10000"}) {
    const Bytes bytes = java_store_bytes(name);
    counted.begin();
    const Keystore store = open_bytes(bytes, "changeit");
    EXPECT_LE(counted.count.load(), 3 * store.entries.size() + 50) << "alias, list of certificates, certificate";
    EXPECT_LE(counted.bytes.load(), 3 * bytes.size());
    counted.begin();
    const SecretBytes again = sealed(store, "changeit");
    EXPECT_LE(counted.count.load(), 50U);
    EXPECT_LE(counted.bytes.load(), large_capacity(bytes.size() * 5 / 4) + 4'096) << "once, in whole large pages";
    EXPECT_TRUE(secret_equal(again, bytes));
  }
}

// Nothing is allocated by what a count or a length says.
TEST(JksMemory, HostileNumbersAllocateNothing) {
  const auto allocated = [](std::uint32_t magic, auto fill) {
    Writer out;
    out.u32(magic).u32(1);
    fill(out);
    const SecretBytes bytes = out.take();
    counted.begin();
    EXPECT_NE(code_of([&] { (void)open_keystore(bytes, {.source = "file.store"}); }), "");
    return counted.bytes.load();
  };
  for (const std::uint32_t magic : {0xfeedfeedU, 0xcecececeU}) {
    for (const std::uint32_t number : {200'000U, 0x7fffffffU, 0xffffffffU}) {
      EXPECT_LT(allocated(magic, [&](Writer& out) { out.u32(number).block(Bytes(100)); }), 8'000U);
      EXPECT_LT(allocated(magic, [&](Writer& out) { out.u32(1).u32(2).u16(0).u64(0).u32(number).block(Bytes(100)); }),
                8'000U);
      EXPECT_LT(allocated(magic, [&](Writer& out) { out.u32(1).u32(1).u16(0).u64(0).u32(number).block(Bytes(100)); }),
                8'000U);
      EXPECT_LT(
          allocated(magic, [&](Writer& out) { out.u32(1).u32(1).u16(0).u64(0).u32(0).u32(number).block(Bytes(100)); }),
          8'000U);
    }
  }
}

}  // namespace
}  // namespace chancery::java
