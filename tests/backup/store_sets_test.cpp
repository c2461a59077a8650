#include "backup/sets/store_sets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/keystore/workshop.h"

namespace chancery::backup {
namespace {

// The place comes from the environment, as it does for every user.
class StoreSetsTest : public ::testing::Test {
 protected:
  StoreSetsTest() {
    ::setenv("XDG_STATE_HOME", shop.path("xdg").c_str(), 1);
    ::mkdir(shop.path("xdg").c_str(), 0700);
  }
  ~StoreSetsTest() override { ::unsetenv("XDG_STATE_HOME"); }

  std::string create(const std::string& path, const std::string& bytes, Instant when) {
    return StoreSets::for_writing(state).create(
        {.path = path, .bytes = view_of(bytes), .attributes = {.mode = 0640, .owner = 7, .group = 8}},
        {.reason = "keystore import", .who = "somebody (uid 7)", .when = when});
  }
  Workshop shop;
  const std::string state = shop.path("state");
  const Instant noon = from_rfc3339("2026-11-21T12:00:00Z");
};

TEST_F(StoreSetsTest, KeepsTheFileWithItsPathAndAttributesByteForByte) {
  EXPECT_TRUE(store_set_summaries(state).empty());
  const std::string path =
      "/etc/tomcat/\xfc"
      "ber \x1b[31m.p12";  // no UTF-8, and it writes on terminals
  const std::string id = create(path, "bytes", noon);
  EXPECT_TRUE(id.starts_with("20261121T120000Z-store-")) << id;
  EXPECT_TRUE(is_store_set_id(id));
  const StoreSet set = open_store_set(state, id);
  EXPECT_EQ(set.copy.path, path);
  EXPECT_EQ(text_of(view_of(set.copy.file.bytes)), "bytes");
  EXPECT_EQ(set.copy.file.attributes.mode, 0640U);
  EXPECT_EQ(set.copy.file.attributes.owner, 7U);
  EXPECT_EQ(set.summary.components, (std::vector<std::string>{"keystore:/etc/tomcat/\\xfcber \\x1b[31m.p12"}));
  EXPECT_EQ(set.summary.created, noon);
  struct stat now {};
  ASSERT_EQ(::stat(shop.path("xdg/chancery/sets/" + id + ".zip").c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777U, 0600U);
  ASSERT_EQ(::stat(shop.path("xdg/chancery/sets").c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777U, 0700U);
}

// The set is written by code of our own (stored_archive.h): somebody else's reads it.
TEST_F(StoreSetsTest, IsAnOrdinaryZip) {
  const std::string id = create("/etc/tomcat/store.p12", std::string(100'000, 'k'),
                                noon + std::chrono::minutes(34) + std::chrono::seconds(56));
  const std::string path = shop.path("xdg/chancery/sets/" + id + ".zip");
  shop.write("look.py",
             "import sys, zipfile\n"
             "z = zipfile.ZipFile(sys.argv[1])\n"
             "assert z.testzip() is None\n"
             "assert z.namelist() == ['manifest.json', 'keystore', 'path'], z.namelist()\n"
             "assert z.read('keystore') == b'k' * 100000 and z.read('path') == b'/etc/tomcat/store.p12'\n"
             "one = z.getinfo('keystore')\n"
             "assert one.external_attr >> 16 == 0o100640, oct(one.external_attr)\n"
             "assert one.date_time == (2026, 11, 21, 12, 34, 56), one.date_time\n");
  shop.run("python3 look.py '" + path + "'");
}

// Contents of megabytes are sealed by their SHA-256, which whoever made the set may have had already.
TEST_F(StoreSetsTest, IsSealedByTheSumsOfItsContents) {
  const std::string bytes(100'000, 'k'), others(100'000, 'x');
  const auto create_with = [&](const ContentSums& sums, Instant when) {
    return StoreSets::for_writing(state).create(
        {.path = "/store", .bytes = view_of(bytes), .attributes = {}, .sums = sums},
        {.reason = "keystore import", .who = "somebody", .when = when});
  };
  const std::string right = create_with(sums_of(view_of(bytes)), noon);
  EXPECT_EQ(text_of(view_of(open_store_set(state, right).copy.file.bytes)), bytes);
  // What stands in it is held against them.
  const std::string wrong = create_with(sums_of(view_of(others)), noon + std::chrono::hours(1));
  EXPECT_EQ(code_of([&] { (void)open_store_set(state, wrong); }), "backup-damaged");
}

TEST_F(StoreSetsTest, WhoeverLooksLastCanStillRefuse) {
  const std::string before = create("/store", "bytes", noon);
  bool is_written = false;
  const auto refuse = [&] {
    for (const auto& each : std::filesystem::directory_iterator(shop.path("xdg/chancery/sets"))) {
      is_written = is_written || each.path().extension() == ".tmp";
    }
    throw Failure({.code = "read-back-differs", .subject = "", .cause = "a test", .hint = "none"});
  };
  EXPECT_EQ(code_of([&] {
              (void)StoreSets::for_writing(state).create({.path = "/store", .bytes = view_of(before), .attributes = {}},
                                                         {.reason = "r", .who = "w", .when = noon}, refuse);
            }),
            "read-back-differs");
  EXPECT_TRUE(is_written) << "it was asked before the set was on disk";
  EXPECT_EQ(StoreSets::for_writing(state).ids(), std::vector<std::string>{before});
  for (const auto& each : std::filesystem::directory_iterator(shop.path("xdg/chancery/sets"))) {
    EXPECT_NE(each.path().extension(), ".tmp");
  }
}

TEST_F(StoreSetsTest, KeepsTheNewestTwentyOfEachFile) {
  const std::string other = create("/other", "other", noon - std::chrono::hours(1));
  std::string newest;
  for (int number = 0; number < 23; ++number) newest = create("/store", std::to_string(number), noon);
  std::size_t of_store = 0;
  for (const BackupSummary& each : store_set_summaries(state)) {
    if (each.components.front() == "keystore:/store") ++of_store;
  }
  EXPECT_EQ(of_store, 20U);
  EXPECT_EQ(text_of(view_of(open_store_set(state, newest).copy.file.bytes)), "22") << "none of one second is lost";
  EXPECT_EQ(store_set_summaries(state).front().id, newest);
  EXPECT_EQ(text_of(view_of(open_store_set(state, other).copy.file.bytes)), "other");
}

TEST_F(StoreSetsTest, CountsTheSetsOfEachFileByThemselves) {
  const std::string other = create("/other", "other", noon - std::chrono::hours(1));
  const std::string older = create("/etc/store", "a", noon);
  const std::string newer = create("/etc/store", "b", noon + std::chrono::minutes(1));
  const StoreSets sets = StoreSets::for_writing(state);
  EXPECT_EQ(sets.beyond(1), std::vector<std::string>{older});
  EXPECT_TRUE(sets.beyond(2).empty());
  sets.remove(older);
  EXPECT_EQ(sets.ids(), (std::vector<std::string>{newer, other}));
}

TEST_F(StoreSetsTest, HandsOutNothingOfASetThatIsOff) {
  const std::string id = create("/store", "bytes", noon);
  const std::string file = "xdg/chancery/sets/" + id + ".zip";
  const Bytes whole = shop.read(file);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes changed = whole;
    changed[at] ^= 1;
    shop.write(file, text_of(changed));
    EXPECT_EQ(code_of([&] { (void)open_store_set(state, id); }), "backup-damaged") << at;
  }
  EXPECT_FALSE(store_set_summary(state, id).verified);
  shop.write(file, text_of(whole));
  EXPECT_TRUE(store_set_summary(state, id).verified);
  // The same set under the name of another one, and under another key.
  const std::string wrong = id.substr(0, 15) + "Z-store-00000000";
  shop.write("xdg/chancery/sets/" + wrong + ".zip", text_of(whole));
  EXPECT_EQ(code_of([&] { (void)open_store_set(state, wrong); }), "backup-damaged");
  shop.write("xdg/chancery/set.key", std::string(32, 'x'));
  EXPECT_EQ(code_of([&] { (void)open_store_set(state, id); }), "backup-damaged");
}

TEST_F(StoreSetsTest, LooksUpNothingButIds) {
  (void)create("/store", "bytes", noon);
  for (const char* bad : {"", "../set", "20261121T120000Z-store-0000000", "20261121T120000Z-store-0000000G",
                          "20261321T120000Z-store-00000000", "20261121T120000Z-000012",
                          "20261121T120000Z-store-00000000/../../set.key"}) {
    EXPECT_FALSE(is_store_set_id(bad)) << bad;
    EXPECT_EQ(code_of([&] { (void)open_store_set(state, bad); }), "unknown-backup") << bad;
  }
}

TEST_F(StoreSetsTest, TheApplianceTakesThemWhereThereIsOne) {
  shop.run("mkdir -p state/secrets state/backups && head -c 32 /dev/zero >state/secrets/generation.key");
  const std::string id = create("/store", "bytes", noon);
  EXPECT_TRUE(std::filesystem::exists(shop.path("state/backups/keystores/" + id + ".zip")));
  EXPECT_FALSE(std::filesystem::exists(shop.path("xdg/chancery")));
  EXPECT_EQ(open_store_set(state, id).copy.path, "/store");
}

TEST_F(StoreSetsTest, SaysWhereNoneCanBeMade) {
  ::setenv("XDG_STATE_HOME", "/proc/none", 1);
  EXPECT_EQ(code_of([&] { (void)create("/store", "bytes", noon); }), "backup-impossible");
}

}  // namespace
}  // namespace chancery::backup
