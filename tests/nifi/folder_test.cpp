// Folders that appear whole or not at all. Kills at every call: tests/system/test_nifi.py.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "appliance/nifi/whole_folder.h"
#include "tests/federation/fixture.h"

namespace chancery::nifi {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

std::vector<NewFile> two_files() {
  return {{"one", secret_copy(std::string_view("1"))}, {"two", secret_copy(std::string_view("2"))}};
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::size_t count_in(const std::string& path) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

TEST(WholeFolder, AppearsWithAllFiles) {
  const TemporaryFolder folder;
  put_folder(folder.file("new/"), two_files());
  EXPECT_EQ(folder.read("new/one"), "1");
  EXPECT_EQ(folder.read("new/two"), "2");
  EXPECT_EQ(mode_of(folder.file("new")), 0700U);
  EXPECT_EQ(mode_of(folder.file("new/one")), 0600U);
  EXPECT_EQ(count_in(folder.path()), 1U);
}

TEST(WholeFolder, TakesThePlaceOfAnEmptyOneAndFollowsALink) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("empty"));
  ASSERT_EQ(::chmod(folder.file("empty").c_str(), 0751), 0);
  fs::create_symlink("empty", folder.file("link"));
  expect_free(folder.file("link"));
  put_folder(folder.file("link"), two_files());
  EXPECT_EQ(folder.read("empty/one"), "1");
  EXPECT_EQ(mode_of(folder.file("empty")), 0751U);
  EXPECT_TRUE(fs::is_symlink(folder.file("link")));
}

TEST(WholeFolder, WhatIsThereStays) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("used"));
  (void)folder.write("used/one", bytes_of("mine"));
  (void)folder.write("file", bytes_of("mine"));
  for (const char* name : {"used", "file"}) {
    EXPECT_EQ(code_of([&] { expect_free(folder.file(name)); }), "already-exists");
    EXPECT_EQ(code_of([&] { put_folder(folder.file(name), two_files()); }), "already-exists");
  }
  EXPECT_EQ(folder.read("used/one"), "mine");
  EXPECT_EQ(folder.read("file"), "mine");
  EXPECT_EQ(count_in(folder.path()), 2U);
  EXPECT_EQ(code_of([&] { expect_free(folder.file("no/where")); }), "not-found");
  EXPECT_EQ(code_of([] { expect_free("/"); }), "bad-name");
}

TEST(WholeFolder, NothingIsLeftOfOneThatFails) {
  const TemporaryFolder folder;
  std::vector<NewFile> files = two_files();
  files.push_back({"one", secret_copy(std::string_view("again"))});
  EXPECT_EQ(code_of([&] { put_folder(folder.file("new"), files); }), "already-exists");
  EXPECT_EQ(count_in(folder.path()), 0U);
}

TEST(WholeFolder, WhatAKillLeftGoes) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file(".new.unfinished"));
  (void)folder.write(".new.unfinished/keystore.jks", bytes_of("half"));
  put_folder(folder.file("new"), two_files());
  EXPECT_EQ(count_in(folder.path()), 1U);
  EXPECT_EQ(count_in(folder.file("new")), 2U);
}

}  // namespace
}  // namespace chancery::nifi
