#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "keystore/files/folder.h"
#include "keystore/files/lock.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using Kind = FileStatus::Kind;

class FolderTest : public ::testing::Test {
 protected:
  Workshop shop;
  Folder folder = Folder::open(shop.path());
};

TEST_F(FolderTest, WritesAtomicallyWithTheModeWhateverTheUmask) {
  const mode_t before = ::umask(0);
  folder.write_atomically("key.pem", view_of("one"), {.mode = 0640});
  ::umask(0777);
  folder.write_atomically("open.pem", view_of("two"), {.mode = 0644});
  folder.make_folder("inner", {.mode = 0750});
  ::umask(before);
  EXPECT_EQ(folder.status("key.pem")->mode, 0640U);
  EXPECT_EQ(folder.status("open.pem")->mode, 0644U);
  EXPECT_EQ(folder.status("inner")->mode, 0750U);
  folder.write_atomically("key.pem", view_of("three"), {.mode = 0600});
  EXPECT_EQ(text_of(folder.read("key.pem", 100)), "three");
  EXPECT_EQ(folder.status("key.pem")->mode, 0600U);
  EXPECT_EQ(folder.list(), (std::vector<std::string>{"inner", "key.pem", "open.pem"})) << "no temp file is left";
}

TEST_F(FolderTest, RefusesNamesThatLeadOut) {
  for (const char* bad : {"", "/etc/passwd", "..", "a/../b", "a//b", "a/", ".", "./a", "a\nb", "a\x7f"}) {
    EXPECT_EQ(code_of([&] { folder.write_atomically(bad, view_of("x"), {}); }), "bad-name") << bad;
    EXPECT_EQ(code_of([&] { (void)folder.read(bad, 10); }), "bad-name") << bad;
    EXPECT_EQ(code_of([&] { folder.remove_tree(bad); }), "bad-name") << bad;
    EXPECT_EQ(code_of([&] { (void)folder.open_folder(bad); }), "bad-name") << bad;
  }
  EXPECT_EQ(code_of([&] { folder.remove(std::string("a\0b", 3)); }), "bad-name");
  EXPECT_TRUE(folder.list().empty());
}

TEST_F(FolderTest, ReadsOnlyOrdinaryFilesUpToTheLimit) {
  folder.create_file("file", view_of("12345"), {});
  EXPECT_EQ(text_of(folder.read("file", 5)), "12345");
  EXPECT_EQ(code_of([&] { (void)folder.read("file", 4); }), "too-large");
  EXPECT_EQ(text_of(folder.read_secret("file", 5)), "12345");
  EXPECT_EQ(code_of([&] { (void)folder.read("absent", 4); }), "not-found");
  folder.link_atomically("link", "file");
  EXPECT_EQ(folder.read_link("link"), "file");
  EXPECT_EQ(code_of([&] { (void)folder.read("link", 10); }), "not-a-file");
  ASSERT_EQ(::mkfifo(shop.path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { (void)folder.read("fifo", 10); }), "not-a-file");
  folder.make_folder("deep/er", {.mode = 0700});
  EXPECT_EQ(code_of([&] { (void)folder.read("deep", 10); }), "not-a-file");
  EXPECT_EQ(folder.status("fifo")->kind, Kind::other);
  EXPECT_EQ(folder.status("deep")->kind, Kind::folder);
  EXPECT_EQ(folder.status("link")->kind, Kind::link);
  EXPECT_EQ(folder.status("file")->kind, Kind::file);
  EXPECT_FALSE(folder.status("absent/too").has_value());
  // A file in /proc says that it is empty and is not.
  EXPECT_GT(Folder::open("/proc/self").read("status", 100'000).size(), 100U);
}

TEST_F(FolderTest, RefusesToWriteOverAnythingButAFile) {
  folder.create_file("victim", view_of("untouched"), {});
  folder.link_atomically("link", "victim");
  folder.make_folder("inner", {});
  EXPECT_EQ(code_of([&] { folder.write_atomically("link", view_of("x"), {}); }), "not-a-file");
  EXPECT_EQ(code_of([&] { folder.write_atomically("inner", view_of("x"), {}); }), "not-a-file");
  EXPECT_EQ(code_of([&] { folder.create_file("victim", view_of("x"), {}); }), "already-exists");
  EXPECT_EQ(code_of([&] { folder.create_file("link", view_of("x"), {}); }), "already-exists");
  EXPECT_EQ(code_of([&] { folder.make_folder("victim", {}); }), "already-exists");
  EXPECT_EQ(text_of(folder.read("victim", 100)), "untouched");
  EXPECT_EQ(folder.list().size(), 3U);
}

TEST_F(FolderTest, AtomicWriteLeavesHardLinkedCopiesAlone) {
  folder.create_file("key.pem", view_of("old"), {});
  ASSERT_EQ(::link(shop.path("key.pem").c_str(), shop.path("copy.pem").c_str()), 0);
  folder.write_atomically("key.pem", view_of("new"), {});
  EXPECT_EQ(text_of(folder.read("copy.pem", 10)), "old");
  EXPECT_EQ(folder.status("key.pem")->links, 1U);
}

TEST_F(FolderTest, WorksInSubfoldersAndRemovesTrees) {
  folder.make_folder("identities/portal", {.mode = 0750});
  folder.write_atomically("identities/portal/key.pem", view_of("k"), {});
  const Folder portal = folder.open_folder("identities/portal");
  EXPECT_EQ(text_of(portal.read("key.pem", 10)), "k");
  folder.rename("identities/portal/key.pem", "identities/old.pem");
  folder.sync_file("identities/old.pem");
  folder.sync();
  EXPECT_EQ(portal.list().size(), 0U);

  Workshop outside;
  outside.write("precious", "stays");
  folder.link_atomically("identities/portal/trap", outside.path());
  folder.remove_tree("identities");
  EXPECT_FALSE(folder.status("identities").has_value());
  EXPECT_EQ(outside.text("precious"), "stays") << "a link in a removed tree is not followed";
  folder.remove_tree("identities");
  folder.remove("identities");
}

TEST_F(FolderTest, DoesNotFollowALinkedFolder) {
  folder.make_folder("generations/000001", {});
  folder.link_atomically("current", "generations/000001");
  EXPECT_NE(code_of([&] { (void)folder.open_folder("current"); }), "");
  EXPECT_NO_THROW((void)Folder::open(shop.path("current"))) << "by path, a person's link is followed";
}

TEST_F(FolderTest, CreateMakesParents) {
  const Folder made = Folder::create(shop.path("a/b/c"), {.mode = 0700});
  EXPECT_EQ(made.path(), shop.path("a/b/c"));
  made.create_file("x", {}, {});
  EXPECT_EQ(Folder::create(shop.path("a/b/c"), {.mode = 0755}).list().size(), 1U);
  EXPECT_EQ(folder.status("a/b/c")->mode, 0700U);
}

TEST_F(FolderTest, AFailedWriteLeavesTheOldFileAndNoTemporaryOne) {
  folder.write_atomically("file", view_of("old"), {});
  // A limit on the size of files is the one write error that can be had anywhere: EFBIG after a short write.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    try {
      folder.write_atomically("file", Bytes(5000, 'x'), {});
    } catch (const Failure& failure) {
      ::_exit(failure.code() == "io-error" ? 7 : 8);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(text_of(folder.read("file", 10)), "old");
  EXPECT_EQ(folder.list().size(), 1U);
}

TEST_F(FolderTest, TooManyOpenFilesIsNamed) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit few{static_cast<rlim_t>(folder.descriptor()) + 1, static_cast<rlim_t>(folder.descriptor()) + 1};
    ::setrlimit(RLIMIT_NOFILE, &few);
    ::_exit(code_of([&] { folder.write_atomically("file", view_of("x"), {}); }) == "too-many-files" ? 7 : 8);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(folder.list().empty());
}

TEST(ReadFileTest, TakesWhatPeopleName) {
  const Workshop shop;
  shop.write("file", "text");
  shop.write("empty", "");
  ASSERT_EQ(::symlink("file", shop.path("link").c_str()), 0);
  EXPECT_EQ(text_of(read_file(shop.path("link"), 10)), "text");
  EXPECT_TRUE(read_file(shop.path("empty"), 10).empty());
  EXPECT_EQ(code_of([&] { (void)read_file(shop.path("file"), 3); }), "too-large");
  EXPECT_EQ(code_of([&] { (void)read_file(shop.path(), 3); }), "not-a-file");
  EXPECT_EQ(code_of([&] { (void)read_file("/dev/zero", 3); }), "not-a-file");
  EXPECT_EQ(code_of([&] { (void)read_file(shop.path("absent"), 3); }), "not-found");
  ASSERT_EQ(::mkfifo(shop.path("fifo").c_str(), 0600), 0);
  std::thread writer([&] { shop.write("fifo", "from a pipe"); });
  EXPECT_EQ(text_of(read_secret_file(shop.path("fifo"), 100)), "from a pipe");
  writer.join();
}

TEST(FileLockTest, ExcludesAndNamesTheHolder) {
  const Workshop shop;
  const std::string path = shop.path("lock");
  EXPECT_FALSE(FileLock::is_held(path));
  EXPECT_EQ(FileLock::holder(path), "");
  {
    auto lock = FileLock::try_take(path, "cert replace (pid 1) \x1b[2J\nforged line");
    ASSERT_TRUE(lock);
    EXPECT_TRUE(FileLock::is_held(path));
    EXPECT_EQ(FileLock::holder(path), "cert replace (pid 1) ?[2J");
    EXPECT_FALSE(FileLock::try_take(path, "other"));
    try {
      (void)FileLock::take(path, "other", std::chrono::milliseconds(20));
      FAIL();
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "busy");
      EXPECT_NE(failure.cause().find("cert replace (pid 1)"), std::string::npos);
    }
    FileLock moved = std::move(*lock);
    EXPECT_TRUE(FileLock::is_held(path));
  }
  EXPECT_FALSE(FileLock::is_held(path));
  EXPECT_TRUE(FileLock::try_take(path, "x"));
  struct stat now {};
  ASSERT_EQ(::stat(path.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 0777U, 0600U);
}

TEST(FileLockTest, DiesWithItsHolderAndWaitsForIt) {
  const Workshop shop;
  const std::string path = shop.path("lock");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FileLock::try_take(path, "child");
    (void)!::write(ready[1], lock ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_TRUE(FileLock::is_held(path));
  std::thread killer([&] { ::kill(child, SIGKILL); });
  EXPECT_NO_THROW((void)FileLock::take(path, "parent", std::chrono::seconds(10)));
  killer.join();
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace chancery
