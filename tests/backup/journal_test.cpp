#include "backup/journal/journal.h"

#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

class JournalTest : public BackupTest {
 protected:
  static ChangeInDoubt change() {
    return {.from = 12,
            .to = 13,
            .step = "Prepared",
            .cause = cause("replace"),
            .identities = {"console", "portal"},
            .programs = {"portal"},
            .consumers = {"nginx"},
            .foreign = {{.path = "/etc/ssl/certs/java/cacerts",
                         .before_sha256 = std::string(64, 'a'),
                         .after_sha256 = "",
                         .saved_as = "000012-cacerts"}},
            .backup_set = "20261121T101500Z-000012"};
  }
  Folder folder_ = Folder::open(state());
  Journal journal_ = Journal(folder_);
};

TEST_F(JournalTest, WritesReadsAndCommits) {
  EXPECT_FALSE(journal_.read());
  journal_.write(change());
  EXPECT_EQ(mode_of(state() / "change.json"), 0600u);
  const auto read = journal_.read();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->from, 12u);
  EXPECT_EQ(read->to, 13u);
  EXPECT_EQ(read->step, "Prepared");
  EXPECT_EQ(read->cause.who, "tester");
  EXPECT_EQ(read->cause.when, cause().when);
  EXPECT_EQ(read->identities, change().identities);
  EXPECT_EQ(read->programs, change().programs);
  EXPECT_EQ(read->consumers, change().consumers);
  ASSERT_EQ(read->foreign.size(), 1u);
  EXPECT_EQ(read->foreign[0].path, "/etc/ssl/certs/java/cacerts");
  EXPECT_EQ(read->foreign[0].after_sha256, "");
  EXPECT_EQ(read->foreign[0].saved_as, "000012-cacerts");
  EXPECT_EQ(read->backup_set, "20261121T101500Z-000012");
  ChangeInDoubt later = change();
  later.step = "Switched";
  journal_.write(later);
  EXPECT_EQ(journal_.read()->step, "Switched");
  journal_.commit();
  EXPECT_FALSE(journal_.read());
  EXPECT_FALSE(fs::exists(state() / "change.json"));
  journal_.commit();  // nothing to commit is fine
  EXPECT_TRUE(fs::is_empty(state()));
}

TEST_F(JournalTest, ADamagedOneNeedsAPersonAndStays) {
  journal_.write(change());
  const std::string good = file_text(state() / "change.json");
  std::string unknown = good;
  unknown.replace(unknown.find("\"step\""), 6, "\"stop\"");
  std::string negative = good;
  negative.replace(negative.find(": 12"), 4, ": -1");
  for (const std::string& bad : {std::string(), std::string("{}"), std::string("[]"), good.substr(0, good.size() / 2),
                                 unknown, negative, std::string(100'000, '['), std::string(2u << 20, ' ')}) {
    put_text(state() / "change.json", bad);
    Fault fault;
    EXPECT_EQ(code_of([&] { (void)journal_.read(); }, &fault), "journal-invalid") << bad.substr(0, 80);
    EXPECT_TRUE(fault.needs_person);
    EXPECT_EQ(file_text(state() / "change.json"), bad);
  }
  fs::remove(state() / "change.json");
  fs::create_symlink("/etc/passwd", state() / "change.json");
  EXPECT_EQ(code_of([&] { (void)journal_.read(); }), "journal-invalid");
}

}  // namespace
}  // namespace chancery::backup
