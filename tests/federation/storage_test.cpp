#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "appliance/storage/database.h"
#include "tests/federation/fixture.h"

namespace chancery::storage {
namespace {

using testing::failure_code;
using testing::TemporaryFolder;

const Schema first_version{.what = "test",
                           .migrations = {"CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT, b BLOB) STRICT;"}};
const Schema second_version{.what = "test",
                            .migrations = {first_version.migrations[0], "ALTER TABLE a ADD COLUMN n INTEGER;"}};

class StorageTest : public ::testing::Test {
 protected:
  Database open(const Schema& schema = first_version) const {
    return Database::open(Folder::open(folder_.path()), "test.db", schema);
  }
  std::int64_t count(const Database& store) const { return store.rows("SELECT count(*) FROM a")[0].integer(0); }
  TemporaryFolder folder_;
};

TEST_F(StorageTest, KeepsEveryTypeAndOpensForTheOwnerOnly) {
  {
    Database store = open();
    EXPECT_EQ(store.run("INSERT INTO a (t, b) VALUES (?, ?)", {"text", Bytes{0, 1, 2}}), 1);
    store.run("INSERT INTO a (t, b) VALUES (?, ?)", {std::monostate{}, Bytes{}});
  }
  const Database store = open();
  const auto rows = store.rows("SELECT id, t, b FROM a ORDER BY id");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].integer(0), 1);
  EXPECT_EQ(rows[0].text(1), "text");
  EXPECT_EQ(rows[0].blob(2), (Bytes{0, 1, 2}));
  EXPECT_TRUE(rows[1].is_null(1));
  EXPECT_TRUE(rows[1].blob(2).empty());
  EXPECT_EQ(failure_code([&] { (void)rows[0].text(0); }), "storage-damaged");
  EXPECT_EQ(failure_code([&] { (void)rows[0].text(9); }), "storage-damaged");
  struct stat status {};
  ASSERT_EQ(::stat(folder_.file("test.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(StorageTest, MigratesForwardAndRefusesTheFuture) {
  { open().run("INSERT INTO a (t) VALUES ('kept')"); }
  {
    Database store = open(second_version);
    store.run("UPDATE a SET n = 7");
    EXPECT_EQ(store.rows("SELECT t, n FROM a")[0].text(0), "kept");
  }
  EXPECT_EQ(failure_code([&] { (void)open(first_version); }), "storage-newer");
  EXPECT_EQ(open(second_version).rows("SELECT n FROM a")[0].integer(0), 7);
}

TEST_F(StorageTest, AMigrationThatFailsLeavesTheOldVersion) {
  { open().run("INSERT INTO a (t) VALUES ('kept')"); }
  Schema broken = second_version;
  broken.migrations.emplace_back("CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT; CREATE TABLE a (x);");
  EXPECT_EQ(failure_code([&] { (void)open(broken); }), "storage-failed");
  EXPECT_EQ(count(open(first_version)), 1);
}

TEST_F(StorageTest, WhatThrowsIsRolledBackWholly) {
  Database store = open();
  EXPECT_THROW(store.write([&] {
    store.run("INSERT INTO a (t) VALUES ('x')");
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(count(store), 0);
  // An inner failure that was swallowed still undoes everything.
  EXPECT_EQ(failure_code([&] {
              store.write([&] {
                store.run("INSERT INTO a (t) VALUES ('x')");
                try {
                  store.write([] { throw std::runtime_error("inner"); });
                } catch (const std::runtime_error&) {
                  (void)0;
                }
              });
            }),
            "storage-failed");
  EXPECT_EQ(count(store), 0);
  store.write([&] { store.write([&] { store.run("INSERT INTO a (t) VALUES ('x')"); }); });
  EXPECT_EQ(count(store), 1);
}

TEST_F(StorageTest, AStatementThatFailedCanBeRunAgain) {
  Database store = open();
  store.run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(failure_code([&] { store.run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}}); }), "storage-failed");
  }
  EXPECT_EQ(store.run("INSERT INTO a (id) VALUES (?)", {std::int64_t{2}}), 1);
}

TEST_F(StorageTest, TwoConnectionsCountWithoutLosing) {
  Database one = open();
  Database two = open();
  one.run("INSERT INTO a (id, t) VALUES (1, '0')");
  const auto work = [](Database& store) {
    for (int round = 0; round < 100; ++round) {
      store.write([&] {
        const int now = std::stoi(store.rows("SELECT t FROM a WHERE id = 1")[0].text(0));
        store.run("UPDATE a SET t = ? WHERE id = 1", {std::to_string(now + 1)});
      });
    }
  };
  std::thread other([&] { work(two); });
  work(one);
  other.join();
  EXPECT_EQ(one.rows("SELECT t FROM a")[0].text(0), "200");
}

TEST_F(StorageTest, WhatIsNotADatabaseIsRefusedAndLeftAlone) {
  folder_.write("test.db", view_of(std::string(5000, 'x')));
  EXPECT_EQ(failure_code([&] { (void)open(); }), "storage-damaged");
  EXPECT_EQ(folder_.read("test.db"), std::string(5000, 'x'));
  std::filesystem::remove(folder_.file("test.db"));
  std::filesystem::create_symlink(folder_.file("elsewhere"), folder_.file("test.db"));
  EXPECT_EQ(failure_code([&] { (void)open(); }), "not-a-file");
  EXPECT_FALSE(std::filesystem::exists(folder_.file("elsewhere")));
}

}  // namespace
}  // namespace chancery::storage
