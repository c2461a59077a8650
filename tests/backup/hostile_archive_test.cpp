// Hostile archives: refused whole, quickly, in little memory, with nothing handed out. Each is read twice: as a set,
// where the seal stops it, and behind the seal, where every check has to stand on its own.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "backup/sets/archive.h"
#include "backup/sets/backup_sets.h"
#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

using HostileArchiveTest = BackupTest;

struct Outcome {
  char code[64] = "";
  double seconds = 0;
  long kibibytes = 0;  // more than at the start
};

long peak_kibibytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// In a child, so that each has a peak of its own.
Outcome read_in_child(const std::string& bytes) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Outcome outcome;
    const long before = peak_kibibytes();
    const auto start = std::chrono::steady_clock::now();
    const std::string code = code_of([&] { (void)read_archive_without_checking_its_seal(view_of(bytes)); });
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    outcome.kibibytes = peak_kibibytes() - before;
    code.copy(outcome.code, sizeof outcome.code - 1);
    (void)!::write(ends[1], &outcome, sizeof outcome);
    ::_exit(0);
  }
  ::close(ends[1]);
  Outcome outcome;
  const ssize_t size = ::read(ends[0], &outcome, sizeof outcome);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(size, static_cast<ssize_t>(sizeof outcome));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return outcome;
}

TEST_F(HostileArchiveTest, RefusedWholeInLittleTimeAndMemory) {
  begin();
  const fs::path hostile = state() / "hostile";
  fs::create_directory(hostile);
  const std::string command =
      "python3 '" CHANCERY_SOURCE_DIR "/tests/backup/hostile_archives.py' '" + hostile.string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const Folder folder = Folder::open(state());
  BackupSets sets(folder, mac_key());
  const std::string id = sets.create(generations().current(), {"portal"}, cause());
  const std::string good_set = file_text(state() / "backups" / (id + ".zip"));
  const Picture before = picture(state());

  int archives = 0;
  for (const auto& entry : fs::directory_iterator(hostile)) {
    const std::string name = entry.path().stem();
    const std::string bytes = file_text(entry.path());
    const Outcome outcome = read_in_child(bytes);
    EXPECT_EQ(std::string(outcome.code), name.starts_with("good") ? "" : "backup-damaged") << name;
    EXPECT_LT(outcome.seconds, 5) << name;
    EXPECT_LT(outcome.kibibytes, 128 << 10) << name;
    EXPECT_EQ(code_of([&] { sets.import_set(view_of(bytes), nullptr); }), "backup-damaged") << name;
    ++archives;
  }
  EXPECT_GT(archives, 35);
  EXPECT_EQ(picture(state()), before);
  EXPECT_FALSE(fs::exists("/tmp/slipped"));
  EXPECT_EQ(in_force(), "generations/000001");
  EXPECT_TRUE(sets.summary(id).verified);
}

TEST_F(HostileArchiveTest, ASealedArchiveThatIsNoSetIsRefused) {
  begin();
  const Folder folder = Folder::open(state());
  BackupSets sets(folder, mac_key());
  const SecretBytes key = mac_key();
  const Instant when = cause().when;
  const std::string nothing = "{}";
  for (const std::vector<ArchiveEntry>& entries :
       {std::vector<ArchiveEntry>{{"identities/portal/key.pem", view_of(nothing), 0600}},
        std::vector<ArchiveEntry>{{"manifest.json", view_of(nothing), 0600}}}) {
    const SecretBytes zip = write_archive(entries, when, view_of(key));
    EXPECT_EQ(code_of([&] { sets.import_set(view_of(zip), nullptr); }), "backup-damaged");
  }
  EXPECT_TRUE(sets.ids().empty());
}

constexpr std::array<std::uint8_t, 5> crc_polynomial{0x41, 0x06, 0x71, 0xdb, 0x01};

// The seal of what is stored has the contents' SHA-256 in place of the contents: it covers them all the same.
TEST_F(HostileArchiveTest, OtherContentsUnderTheSameSealAreRefused) {
  const SecretBytes key = mac_key();
  const std::string large(100'000, 'k'), small = "small";
  const SecretBytes zip =
      write_archive({{"large", view_of(large)}, {"small", view_of(small)}}, cause().when, view_of(key), Deflate::none);
  ASSERT_EQ(read_archive(view_of(zip), view_of(key)).size(), 2U);
  std::string other(text_of(view_of(zip)));
  // CRC-32's own polynomial, bit by bit: what differs by it has the same CRC, so that no other byte of the zip changes.
  const std::size_t at_contents = other.find(large) + 500;
  for (std::size_t at = 0; at < crc_polynomial.size(); ++at) {
    other[at_contents + at] =
        static_cast<char>(static_cast<std::uint8_t>(other[at_contents + at]) ^ crc_polynomial[at]);
  }
  EXPECT_NE(read_archive_without_checking_its_seal(view_of(other)).at("large").bytes, secret_copy(view_of(large)))
      << "a whole zip otherwise";
  EXPECT_EQ(code_of([&] { (void)read_archive(view_of(other), view_of(key)); }), "backup-damaged");
  // Nor does a byte between its parts, or another order of them, go unseen.
  const std::string whole(text_of(view_of(zip)));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{30}, whole.find("PK\x03\x04", 4), whole.find("PK\x01\x02")}) {
    std::string longer = whole;
    longer.insert(at, "x");
    EXPECT_EQ(code_of([&] { (void)read_archive(view_of(longer), view_of(key)); }), "backup-damaged") << at;
  }
}

TEST_F(HostileArchiveTest, WhatDoesNotFitIsNotWritten) {
  const SecretBytes key = mac_key();
  const Bytes large((64u << 20) + 1);
  EXPECT_EQ(code_of([&] { (void)write_archive({{"a", large, 0600}}, Instant{}, view_of(key)); }), "too-large");
  const std::vector<ArchiveEntry> many(10'001, ArchiveEntry{"a", {}, 0600});
  EXPECT_EQ(code_of([&] { (void)write_archive(many, Instant{}, view_of(key)); }), "too-large");
}

}  // namespace
}  // namespace chancery::backup
