// The store contract (store.h), against a SQLite file and against a real PostgreSQL server over TLS.
#include <gtest/gtest.h>

#include <thread>

#include "tests/storage/fixture.h"

namespace chancery::storage {
namespace {

const Schema first_version{.what = "test",
                           .migrations = {"CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT, b BLOB) STRICT;"}};
const Schema second_version{.what = "test",
                            .migrations = {first_version.migrations[0], "ALTER TABLE a ADD COLUMN n INTEGER;"}};

enum class Kind { sqlite, postgres };

class StorageTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::postgres) PostgresServer::instance().empty();
  }
  std::unique_ptr<Store> open(const Schema& schema = first_version) const {
    if (GetParam() == Kind::sqlite) {
      return std::make_unique<Database>(Database::open(Folder::open(folder_.path()), "test.db", schema));
    }
    auto store = std::make_unique<PostgresStore>(PostgresServer::instance().options(), schema);
    (void)store->rows("SELECT 1");  // connects and migrates
    return store;
  }
  static std::int64_t count(const Store& store) { return store.rows("SELECT count(*) FROM a")[0].integer(0); }
  testing::TemporaryFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, StorageTest, ::testing::Values(Kind::sqlite, Kind::postgres),
                         [](const auto& given) { return given.param == Kind::sqlite ? "sqlite" : "postgres"; });

TEST_P(StorageTest, KeepsEveryType) {
  {
    const auto store = open();
    EXPECT_EQ(store->run("INSERT INTO a (t, b) VALUES (?, ?)", {"te'xt \xc3\xa4 $1 ?", Bytes{0, 1, 2, 0xff}}), 1);
    store->run("INSERT INTO a (t, b) VALUES (?, ?)", {std::monostate{}, Bytes{}});
    store->run("INSERT INTO a (id, t) VALUES (?, '?')", {std::int64_t{9'000'000'000'000'000'000}});
  }
  const auto store = open();
  const auto rows = store->rows("SELECT id, t, b FROM a ORDER BY id");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].integer(0), 1);
  EXPECT_EQ(rows[0].text(1), "te'xt \xc3\xa4 $1 ?");
  EXPECT_EQ(rows[0].blob(2), (Bytes{0, 1, 2, 0xff}));
  EXPECT_TRUE(rows[1].is_null(1));
  EXPECT_FALSE(rows[1].is_null(2));
  EXPECT_TRUE(rows[1].blob(2).empty());
  EXPECT_EQ(rows[2].integer(0), 9'000'000'000'000'000'000);
  EXPECT_EQ(rows[2].text(1), "?");
  EXPECT_EQ(code_of([&] { (void)rows[0].text(0); }), "storage-damaged");
  EXPECT_EQ(code_of([&] { (void)rows[0].text(9); }), "storage-damaged");
}

TEST_P(StorageTest, ParametersAreNeverSql) {
  const auto store = open();
  const std::string hostile = "'); DROP TABLE a; --";
  store->run("INSERT INTO a (t) VALUES (?)", {hostile});
  EXPECT_EQ(store->rows("SELECT t FROM a WHERE t = ?", {hostile})[0].text(0), hostile);
}

TEST_P(StorageTest, ATransactionWithAFailedStatementKeepsNothingThatLooksWhole) {
  const auto store = open();
  EXPECT_EQ(code_of([&] {
              store->write([&] {
                store->run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}});
                store->run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}});
              });
            }),
            "storage-failed");
  EXPECT_EQ(count(*store), 0);
}

TEST_P(StorageTest, MigratesForwardAndRefusesTheFuture) {
  { open()->run("INSERT INTO a (t) VALUES ('kept')"); }
  {
    const auto store = open(second_version);
    store->run("UPDATE a SET n = 7");
    EXPECT_EQ(store->rows("SELECT t, n FROM a")[0].text(0), "kept");
  }
  EXPECT_EQ(code_of([&] { (void)open(first_version); }), "storage-newer");
  EXPECT_EQ(open(second_version)->rows("SELECT n FROM a")[0].integer(0), 7);
}

TEST_P(StorageTest, AMigrationThatFailsLeavesTheOldVersion) {
  { open()->run("INSERT INTO a (t) VALUES ('kept')"); }
  Schema broken = second_version;
  broken.migrations.emplace_back("CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT; CREATE TABLE a (x);");
  EXPECT_EQ(code_of([&] { (void)open(broken); }), "storage-failed");
  EXPECT_EQ(count(*open(first_version)), 1);
}

TEST_P(StorageTest, WhatThrowsIsRolledBackWholly) {
  const auto store = open();
  EXPECT_THROW(store->write([&] {
    store->run("INSERT INTO a (t) VALUES ('x')");
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(count(*store), 0);
  // An inner failure that was swallowed still undoes everything.
  EXPECT_EQ(code_of([&] {
              store->write([&] {
                store->run("INSERT INTO a (t) VALUES ('x')");
                try {
                  store->write([] { throw std::runtime_error("inner"); });
                } catch (const std::runtime_error&) {
                  (void)0;
                }
              });
            }),
            "storage-failed");
  EXPECT_EQ(count(*store), 0);
  store->write([&] { store->write([&] { store->run("INSERT INTO a (t) VALUES ('x')"); }); });
  EXPECT_EQ(count(*store), 1);
}

TEST_P(StorageTest, AStatementThatFailedCanBeRunAgain) {
  const auto store = open();
  store->run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(code_of([&] { store->run("INSERT INTO a (id) VALUES (?)", {std::int64_t{1}}); }), "storage-failed");
  }
  EXPECT_EQ(store->run("INSERT INTO a (id) VALUES (?)", {std::int64_t{2}}), 1);
}

TEST_P(StorageTest, TwoConnectionsCountWithoutLosing) {
  const auto one = open();
  const auto two = open();
  one->run("INSERT INTO a (id, t) VALUES (1, '0')");
  const auto work = [](Store& store) {
    for (int round = 0; round < 100; ++round) {
      store.write([&] {
        const int now = std::stoi(store.rows("SELECT t FROM a WHERE id = 1")[0].text(0));
        store.run("UPDATE a SET t = ? WHERE id = 1", {std::to_string(now + 1)});
      });
    }
  };
  std::thread other([&] { work(*two); });
  work(*one);
  other.join();
  EXPECT_EQ(one->rows("SELECT t FROM a")[0].text(0), "200");
}

}  // namespace
}  // namespace chancery::storage
