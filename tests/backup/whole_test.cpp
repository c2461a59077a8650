// The backup of a whole appliance as a file: what is written comes back, and nothing that was changed, cut or made by
// somebody else is taken.
#include <gtest/gtest.h>

#include <algorithm>

#include "backup/sets/passphrase_key.h"
#include "backup/whole/whole_backup.h"
#include "keystore/bytes/cursor.h"
#include "keystore/openssl/digest.h"

namespace chancery::backup {
namespace {

constexpr KeyWork light{.passes = 1, .memory_kib = 8u << 10};
const SecretBytes passphrase = secret_copy(std::string_view("correct horse battery staple"));

struct Kept : WholeBackupVisitor {
  void description(const std::string& text) override { log += "description " + text + "\n"; }
  void begin(const WholeEntry& entry) override {
    log += std::to_string(static_cast<int>(entry.kind)) + " " + entry.path + " " + std::to_string(entry.mode) + " " +
           entry.owner + ":" + entry.group + " " + entry.target + "\n";
  }
  void bytes(ByteView part) override { size += part.size(); }
  void end_of_file() override { log += std::to_string(size) + " bytes\n"; }
  std::string log;
  std::size_t size = 0;
};

Sink into(Bytes& file) {
  return [&file](ByteView bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); };
}

Source from(const Bytes& file) {
  return [&file, at = std::size_t{0}](std::uint8_t* to, std::size_t most) mutable {
    // In small and odd parts, as pipes give them.
    const std::size_t count = std::min({most, file.size() - at, std::size_t{4099}});
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), count, to);
    at += count;
    return count;
  };
}

std::string code_of(const Bytes& file, const SecretBytes& key = passphrase) {
  try {
    SealedReader in(from(file), key);
    Kept kept;
    read_whole_backup(in, kept);
    return "";
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.hint().empty());
    return failure.code();
  }
}

// Contents of any kind under a right passphrase: what a forger who has it could make.
Bytes sealed(const SecretBytes& contents) {
  Bytes file;
  SealedWriter out(into(file), passphrase, light);
  out.write(view_of(contents));
  out.finish();
  return file;
}

Writer begun() {
  Writer out;
  out.u32(1).sized32(view_of(std::string_view("{}")));
  return out;
}
void folder(Writer& out, std::string_view path) { out.u8(1).sized16(view_of(path)).u32(0700).sized16({}).sized16({}); }
void link(Writer& out, std::string_view path, std::string_view target) {
  out.u8(3).sized16(view_of(path)).u32(0777).sized16({}).sized16({}).sized16(view_of(target));
}
void file(Writer& out, std::string_view path, std::string_view bytes, std::uint32_t mode = 0600,
          std::string_view owner = "") {
  out.u8(2).sized16(view_of(path)).u32(mode).sized16(view_of(owner)).sized16({}).u64(bytes.size());
  out.block(view_of(bytes)).block(sha256(view_of(bytes)));
}
void in_force(Writer& out) {
  folder(out, "generations");
  folder(out, "generations/000001");
  link(out, "current", "generations/000001");
}

class Whole : public ::testing::Test {
 protected:
  Whole() {
    SealedWriter out(into(good_), passphrase, light);
    WholeBackupWriter writer(out, R"({"name":"a"})");
    writer.add(
        {.kind = WholeEntry::Kind::folder, .path = "generations", .mode = 0755, .owner = "root", .group = "root"});
    writer.add({.kind = WholeEntry::Kind::folder, .path = "generations/000001", .mode = 0755});
    Bytes large(300'000, 7);
    writer.add_file({.path = "generations/000001/big", .mode = 0640, .size = large.size()}, from(large));
    Bytes none;
    writer.add_file({.path = "generations/000001/empty", .mode = 0600}, from(none));
    writer.add({.kind = WholeEntry::Kind::link, .path = "current", .mode = 0777, .target = "generations/000001"});
    writer.finish();
  }
  Bytes good_;
};

TEST_F(Whole, ComesBackAsItWas) {
  SealedReader in(from(good_), passphrase);
  Kept kept;
  read_whole_backup(in, kept);
  EXPECT_EQ(
      "description {\"name\":\"a\"}\n"
      "1 generations 493 root:root \n"
      "1 generations/000001 493 : \n"
      "2 generations/000001/big 416 : \n300000 bytes\n"
      "2 generations/000001/empty 384 : \n300000 bytes\n"
      "3 current 511 : generations/000001\n",
      kept.log);
  EXPECT_EQ(good_.end(),
            std::search(good_.begin(), good_.end(), std::begin("generations"), std::end("generations") - 1));
}

TEST_F(Whole, OpensForItsPassphraseAlone) {
  EXPECT_EQ("passphrase-wrong", code_of(good_, secret_copy(std::string_view("correct horse battery stable"))));
  EXPECT_EQ("passphrase-wrong", code_of(good_, SecretBytes{}));
  Bytes nothing;
  EXPECT_THROW(SealedWriter(into(nothing), SecretBytes{}, light), Failure);
  EXPECT_TRUE(nothing.empty());
}

TEST_F(Whole, CutOffAnywhereItIsRefused) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{31}, std::size_t{32}, std::size_t{55},
        std::size_t{56}, std::size_t{60}, std::size_t{72}, std::size_t{73}, std::size_t{65'609}, std::size_t{65'608},
        std::size_t{65'610}, std::size_t{131'162}, good_.size() - 18, good_.size() - 17, good_.size() - 1}) {
    const Bytes cut(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE("", code_of(cut)) << size;
  }
  Bytes longer = good_;
  longer.push_back(0);
  EXPECT_NE("", code_of(longer));
  Bytes twice = good_;
  twice.insert(twice.end(), good_.begin(), good_.end());
  EXPECT_NE("", code_of(twice));
}

TEST_F(Whole, AFlippedBitAnywhereIsRefused) {
  for (std::size_t at = 0; at < good_.size(); at += at < 80 ? 3 : 9'973) {
    Bytes flipped = good_;
    flipped[at] ^= 0x10;
    EXPECT_NE("", code_of(flipped)) << at;
  }
}

TEST_F(Whole, BlocksThatChangedPlacesAreRefused) {
  constexpr std::size_t head = 56;
  constexpr std::size_t block = 65'536 + 17;
  Bytes swapped = good_;
  std::swap_ranges(swapped.begin() + head, swapped.begin() + head + block, swapped.begin() + head + block);
  EXPECT_EQ("passphrase-wrong", code_of(swapped));
  Bytes shorter = good_;
  shorter.erase(shorter.begin() + head + block, shorter.begin() + head + 2 * block);
  EXPECT_EQ("passphrase-wrong", code_of(shorter));
}

TEST_F(Whole, WorkBeyondReasonIsRefusedBeforeItIsDone) {
  for (const std::size_t at : {std::size_t{8}, std::size_t{12}}) {
    Bytes greedy = good_;
    greedy[at] = 0x7f;
    EXPECT_EQ("backup-damaged", code_of(greedy));
  }
}

TEST_F(Whole, HostileContentsUnderTheRightPassphrase) {
  const auto refused = [](const char* what, const std::function<void(Writer&)>& put, std::uint64_t count) {
    Writer out = begun();
    in_force(out);
    put(out);
    out.u8(0).u64(count + 3);
    EXPECT_EQ("backup-damaged", code_of(sealed(out.take()))) << what;
  };
  for (const char* path :
       {"../evil", "/etc/passwd", "generations/../../evil", "a\\b", "./a", "a//b", "", "a\nb", "."}) {
    refused(
        path, [path](Writer& out) { file(out, path, "x"); }, 1);
  }
  refused(
      "below a link", [](Writer& out) { file(out, "current/key.pem", "x"); }, 1);
  refused(
      "no folder", [](Writer& out) { file(out, "secrets/key", "x"); }, 1);
  refused(
      "below a file", [](Writer& out) { file(out, "a", "x"), file(out, "a/b", "x"); }, 2);
  refused(
      "twice", [](Writer& out) { file(out, "a", "x"), file(out, "a", "y"); }, 2);
  refused(
      "set-user-id", [](Writer& out) { file(out, "a", "x", 04755); }, 1);
  refused(
      "a bold owner", [](Writer& out) { file(out, "a", "x", 0600, "root;reboot"); }, 1);
  refused(
      "another link", [](Writer& out) { link(out, "secrets", "/etc"); }, 1);
  refused(
      "a link elsewhere", [](Writer& out) { link(out, "current", "../../etc"); }, 1);
  refused(
      "an unknown kind",
      [](Writer& out) { out.u8(9).sized16(view_of(std::string_view("a"))).u32(0).sized16({}).sized16({}); }, 1);
  refused(
      "a wrong count", [](Writer& out) { file(out, "a", "x"); }, 2);
  refused(
      "a wrong hash",
      [](Writer& out) {
        out.u8(2)
            .sized16(view_of(std::string_view("a")))
            .u32(0600)
            .sized16({})
            .sized16({})
            .u64(1)
            .u8('x')
            .block(Sha256{});
      },
      1);
  refused(
      "a size that is not there",
      [](Writer& out) {
        out.u8(2).sized16(view_of(std::string_view("a"))).u32(0600).sized16({}).sized16({}).u64(1ull << 62);
      },
      1);
  refused(
      "a longer path than any", [](Writer& out) { file(out, std::string(5000, 'a'), "x"); }, 1);

  Writer nothing = begun();
  nothing.u8(0).u64(0);
  EXPECT_EQ("backup-damaged", code_of(sealed(nothing.take()))) << "nothing in force";
  Writer beyond = begun();
  in_force(beyond);
  beyond.u8(0).u64(3).u8(0);
  EXPECT_EQ("backup-damaged", code_of(sealed(beyond.take()))) << "something behind the end";
  Writer newer;
  newer.u32(2).sized32(view_of(std::string_view("{}")));
  EXPECT_EQ("backup-newer", code_of(sealed(newer.take())));
  Writer fine = begun();
  in_force(fine);
  fine.u8(0).u64(3);
  EXPECT_EQ("", code_of(sealed(fine.take()))) << "the same without the hostile part is fine";
}

TEST_F(Whole, AFileThatGrowsWhileItIsReadIsRefused) {
  Bytes out;
  SealedWriter sealing(into(out), passphrase, light);
  WholeBackupWriter writer(sealing, "{}");
  const Bytes bytes(10, 1);
  EXPECT_THROW(writer.add_file({.path = "a", .mode = 0600, .size = 9}, from(bytes)), Failure);
  EXPECT_THROW(writer.add_file({.path = "b", .mode = 0600, .size = 11}, from(bytes)), Failure);
}

}  // namespace
}  // namespace chancery::backup
