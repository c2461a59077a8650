// What only a SQLite file has: its mode, and what else may stand in its place.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/storage/fixture.h"

namespace chancery::storage {
namespace {

using testing::TemporaryFolder;

const Schema schema{.what = "test", .migrations = {"CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT, b BLOB) STRICT;"}};

class SqliteTest : public ::testing::Test {
 protected:
  Database open() const { return Database::open(Folder::open(folder_.path()), "test.db", schema); }
  TemporaryFolder folder_;
};

TEST_F(SqliteTest, OpensForTheOwnerOnly) {
  (void)open();
  struct stat status {};
  ASSERT_EQ(::stat(folder_.file("test.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(SqliteTest, WhatIsNotADatabaseIsRefusedAndLeftAlone) {
  folder_.write("test.db", view_of(std::string(5000, 'x')));
  EXPECT_EQ(code_of([&] { (void)open(); }), "storage-damaged");
  EXPECT_EQ(folder_.read("test.db"), std::string(5000, 'x'));
  std::filesystem::remove(folder_.file("test.db"));
  std::filesystem::create_symlink(folder_.file("elsewhere"), folder_.file("test.db"));
  EXPECT_EQ(code_of([&] { (void)open(); }), "not-a-file");
  EXPECT_FALSE(std::filesystem::exists(folder_.file("elsewhere")));
}

}  // namespace
}  // namespace chancery::storage
