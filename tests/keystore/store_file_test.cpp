#include "keystore/files/store_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "keystore/files/folder.h"
#include "keystore/files/read_lease.h"
#include "keystore/openssl/digest.h"
#include "tests/keystore/workshop.h"

namespace chancery {
namespace {

using std::chrono::milliseconds;

class StoreFileTest : public ::testing::Test {
 protected:
  StoreFile open(const std::string& name) { return StoreFile::open(shop.path(name), {.holder = "test"}); }
  struct stat status(const std::string& name) const {
    struct stat now {};
    EXPECT_EQ(::lstat(shop.path(name).c_str(), &now), 0) << name;
    return now;
  }
  std::vector<std::string> names() const { return Folder::open(shop.path()).list(); }
  Workshop shop;
};

const StoreFile::Accept anything = [](ByteView) {};

TEST_F(StoreFileTest, ReplacesWithModeOwnerAndAttributesKept) {
  shop.write("cacerts", "old");
  ASSERT_EQ(::chmod(shop.path("cacerts").c_str(), 0640), 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::chown(shop.path("cacerts").c_str(), 7, 8), 0);
  }
  const bool has_attributes = ::setxattr(shop.path("cacerts").c_str(), "user.note", "mine", 4, 0) == 0;
  shop.run("setfacl -m u:9:r cacerts");
  {
    StoreFile file = open("cacerts");
    EXPECT_TRUE(file.exists());
    EXPECT_EQ(text_of(file.bytes()), "old");
    EXPECT_EQ(file.sha256(), sha256_hex(view_of("old")));
    std::string seen;
    file.replace(view_of("new"), [&](ByteView read_back) { seen = text_of(read_back); }, {.mode = 0644});
    EXPECT_EQ(seen, "new");
    EXPECT_EQ(file.sha256(), sha256_hex(view_of("new")));
    file.replace(view_of("newer"), anything);  // stands for the new file now
  }
  EXPECT_EQ(shop.text("cacerts"), "newer");
  EXPECT_EQ(status("cacerts").st_mode & 07777U, 0640U);
  if (is_root) {
    EXPECT_EQ(status("cacerts").st_uid, 7U);
    EXPECT_EQ(status("cacerts").st_gid, 8U);
  }
  if (has_attributes) {
    char value[8];
    EXPECT_EQ(::getxattr(shop.path("cacerts").c_str(), "user.note", value, sizeof value), 4);
  }
  shop.run("getfacl -nc cacerts >acl");
  EXPECT_NE(shop.text("acl").find("user:9:r"), std::string::npos) << shop.text("acl");
  EXPECT_EQ(names(), (std::vector<std::string>{"acl", "cacerts", "command.log"})) << "no lock, no draft is left";
}

TEST_F(StoreFileTest, MakesANewFileOnlyWhenItIsReplaced) {
  {
    StoreFile file = open("new.p12");
    EXPECT_FALSE(file.exists());
    EXPECT_TRUE(file.bytes().empty());
    EXPECT_EQ(file.sha256(), "");
    EXPECT_FALSE(file.attributes());
  }
  EXPECT_TRUE(names().empty());
  const mode_t before = ::umask(0);
  open("new.p12").replace(view_of("key"), anything);
  open("open.p12").replace(view_of("certificate"), anything, {.mode = 0644});
  ::umask(before);
  EXPECT_EQ(status("new.p12").st_mode & 07777U, 0600U);
  EXPECT_EQ(status("open.p12").st_mode & 07777U, 0644U);
  EXPECT_EQ(code_of([&] { (void)open("absent/store"); }), "not-found");
}

TEST_F(StoreFileTest, FollowsASymbolicLinkAndKeepsIt) {
  shop.run("mkdir real links && printf old >real/store && ln -s ../real/store links/inner && ln -s links/inner outer");
  {
    StoreFile file = open("outer");
    EXPECT_EQ(file.path(), std::filesystem::canonical(shop.path("real")).string() + "/store");
    file.replace(view_of("new"), anything);
  }
  EXPECT_EQ(shop.text("real/store"), "new");
  EXPECT_TRUE(S_ISLNK(status("outer").st_mode));
  EXPECT_TRUE(S_ISLNK(status("links/inner").st_mode));
  shop.run("ln -s nowhere dangling");
  EXPECT_EQ(code_of([&] { (void)open("dangling"); }), "not-a-file");
  EXPECT_FALSE(std::filesystem::exists(shop.path("nowhere")));
}

TEST_F(StoreFileTest, RefusesWhatIsNoOrdinaryFile) {
  shop.run("mkdir folder && mkfifo pipe");
  EXPECT_EQ(code_of([&] { (void)open("folder"); }), "not-a-file");
  EXPECT_EQ(code_of([&] { (void)open("pipe"); }), "not-a-file");
  EXPECT_EQ(code_of([&] { (void)StoreFile::open("/dev/null", {.holder = "test"}); }), "not-a-file");
  EXPECT_EQ(names(), (std::vector<std::string>{"command.log", "folder", "pipe"})) << "no lock was made beside them";
}

TEST_F(StoreFileTest, PartsHardLinksOnlyWhenTold) {
  shop.run("printf old >store && ln store other");
  EXPECT_EQ(code_of([&] { (void)open("store"); }), "hard-linked");
  EXPECT_EQ(status("store").st_ino, status("other").st_ino);
  StoreFile::open(shop.path("store"), {.holder = "test", .part_hard_links = true}).replace(view_of("new"), anything);
  EXPECT_EQ(shop.text("store"), "new");
  EXPECT_EQ(shop.text("other"), "old");
}

TEST_F(StoreFileTest, NoticesWhatSomebodyElseDidMeanwhile) {
  const auto attempt = [&](const std::string& meanwhile) {
    shop.run("rm -f store && printf old >store");
    StoreFile file = open("store");
    const std::string code = code_of([&] { file.replace(view_of("new"), [&](ByteView) { shop.run(meanwhile); }); });
    EXPECT_FALSE(std::filesystem::exists(shop.path(".store.chancery-new"))) << meanwhile;
    return code;
  };
  EXPECT_EQ(attempt("printf else >store"), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "else");
  // Same length, same times.
  EXPECT_EQ(attempt("touch -r store when && printf odd >store && touch -r when store"), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "odd");
  // Same bytes, but another file: its owner and rights may be others'.
  EXPECT_EQ(attempt("cp store copy && mv copy store"), "foreign-changed");
  EXPECT_EQ(attempt("chmod 0600 store"), "foreign-changed");
  EXPECT_EQ(status("store").st_mode & 07777U, 0600U);
  EXPECT_EQ(attempt("rm store"), "foreign-changed");
  EXPECT_FALSE(std::filesystem::exists(shop.path("store")));
  EXPECT_EQ(attempt("rm store && ln -s elsewhere store"), "foreign-changed");
  EXPECT_TRUE(S_ISLNK(status("store").st_mode));
  shop.run("rm store");
  StoreFile fresh = open("store");
  EXPECT_EQ(code_of([&] { fresh.replace(view_of("new"), [&](ByteView) { shop.run("printf theirs >store"); }); }),
            "foreign-changed");
  EXPECT_EQ(shop.text("store"), "theirs");
}

// Pieces of all sizes, across what is read at once.
TEST_F(StoreFileTest, WritesPiecesAndNoticesAChangeInAnyOfThem) {
  const auto owner = std::make_shared<std::vector<std::string>>();
  FileContents contents{.pieces = {}, .owner = owner};
  std::string whole;
  char letter = 'a';
  // More than a mebibyte: two processors compare it.
  for (const std::size_t size : {1, 0, 65535, 65536, 7, 70000, 0, 1 << 20, 3}) {
    owner->push_back(std::string(size, letter++));
    whole += owner->back();
  }
  for (const std::string& each : *owner) contents.pieces.push_back(view_of(each));
  const auto attempt = [&](const std::function<void()>& meanwhile) {
    shop.write("store", "old");
    StoreFile file = open("store");
    file.replace(contents, [] {}, {});
    EXPECT_EQ(shop.text("store"), whole);
    EXPECT_NO_THROW(file.expect_unchanged());
    meanwhile();
    const std::string code = code_of([&] { file.replace(view_of("new"), anything); });
    EXPECT_EQ(file.sha256(), sha256_hex(view_of(code.empty() ? "new" : whole)));
    return code;
  };
  EXPECT_EQ(attempt([] {}), "");
  EXPECT_EQ(shop.text("store"), "new");
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{65535}, std::size_t{65536},
                               std::size_t{131072}, std::size_t{131078}, std::size_t{131079}, whole.size() / 2 - 1,
                               whole.size() / 2, whole.size() - 4, whole.size() - 1}) {
    EXPECT_EQ(
        attempt([&] { shop.run("printf X | dd of=store bs=1 conv=notrunc status=none seek=" + std::to_string(at)); }),
        "foreign-changed")
        << at;
  }
  EXPECT_EQ(attempt([&] { shop.run("truncate -s -1 store"); }), "foreign-changed");
  EXPECT_EQ(attempt([&] { shop.run("truncate -s 65536 store"); }), "foreign-changed") << "a border of pieces";
  EXPECT_EQ(attempt([&] { shop.run("printf x >>store"); }), "foreign-changed");
  EXPECT_EQ(shop.text("store"), whole + "x");
}

// Those that hold others off while they work.
class LeasedStoreFile : public StoreFileTest {
 protected:
  void SetUp() override {
    shop.write("store", "old");
    const int file = ::open(shop.path("store").c_str(), O_RDONLY);
    const bool has_leases = files::take_read_lease(file);
    ::close(file);
    if (!has_leases) GTEST_SKIP() << "no leases on this file system";
  }
  StoreFile open_leased() { return StoreFile::open(shop.path("store"), {.holder = "test", .hold_off_writers = true}); }
  // How somebody who does not wait for it fares.
  int error_of_opening(int flags) const {
    const int file = ::open(shop.path("store").c_str(), flags | O_NONBLOCK);
    if (file < 0) return errno;
    ::close(file);
    return 0;
  }
};

TEST_F(LeasedStoreFile, IsReplacedWhereNobodyWantsToWrite) {
  StoreFile file = open_leased();
  EXPECT_EQ(error_of_opening(O_RDONLY), 0) << "readers are welcome";
  file.replace(view_of("new"), [&](ByteView) { EXPECT_EQ(shop.text("store"), "old"); });
  EXPECT_EQ(shop.text("store"), "new");
  EXPECT_EQ(error_of_opening(O_WRONLY), 0) << "nobody is held off any more";
  shop.write("store", "theirs");
  EXPECT_EQ(code_of([&] { file.replace(view_of("newer"), anything); }), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "theirs");
}

TEST_F(LeasedStoreFile, IsLeftToWhoOpensItForWriting) {
  std::jthread writer;  // not a child of this process, which would have the lease as well
  {
    StoreFile file = open_leased();
    const auto somebody_writes = [&](ByteView) {
      writer = std::jthread([&] {
        const int theirs = ::open(shop.path("store").c_str(), O_WRONLY | O_TRUNC);  // waits
        EXPECT_EQ(::write(theirs, "theirs", 6), 6);
        ::close(theirs);
      });
      const auto locks = [] { return Folder::open("/proc").read("locks", 1 << 20); };
      while (text_of(locks()).find("BREAKING") == std::string_view::npos) std::this_thread::yield();
      EXPECT_EQ(shop.text("store"), "old") << "they wait";
    };
    EXPECT_EQ(code_of([&] { file.replace(view_of("new"), somebody_writes); }), "foreign-changed");
    EXPECT_EQ(shop.text("store"), "old");
  }
  writer.join();
  EXPECT_EQ(shop.text("store"), "theirs");
  EXPECT_EQ(names(), (std::vector<std::string>{"store"}));
}

TEST_F(LeasedStoreFile, IsLeftToWhoDidNotWait) {
  StoreFile file = open_leased();
  const auto look_in = [&](ByteView) { EXPECT_EQ(error_of_opening(O_RDWR), EWOULDBLOCK); };
  EXPECT_EQ(code_of([&] { file.replace(view_of("new"), look_in); }), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "old");
}

TEST_F(LeasedStoreFile, IsComparedWhereSomebodyHasItOpenOrMapped) {
  const int theirs = ::open(shop.path("store").c_str(), O_RDWR);
  open_leased().replace(view_of("new"), anything);
  EXPECT_EQ(shop.text("store"), "new");
  ::close(theirs);

  const int again = ::open(shop.path("store").c_str(), O_RDWR);
  const auto they_write = [&](ByteView) { EXPECT_EQ(::pwrite(again, "odd", 3, 0), 3); };
  EXPECT_EQ(code_of([&] { open_leased().replace(view_of("newer"), they_write); }), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "odd");

  void* mapped = ::mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
  ::close(again);
  ASSERT_NE(mapped, MAP_FAILED);
  const auto they_touch = [&](ByteView) { std::memcpy(mapped, "map", 3); };
  EXPECT_EQ(code_of([&] { open_leased().replace(view_of("newer"), they_touch); }), "foreign-changed");
  EXPECT_EQ(shop.text("store"), "map");
  ::munmap(mapped, 3);
}

TEST_F(LeasedStoreFile, IsNotBelievedOnceSomebodyHasAskedForIt) {
  for (const std::size_t size : {3, 1 << 20}) {
    shop.write("store", std::string(size, 'o'));
    StoreFile file = open_leased();
    EXPECT_EQ(error_of_opening(O_WRONLY), EWOULDBLOCK);
    bool is_asked = false;
    EXPECT_EQ(code_of([&] { file.replace(view_of("new"), [&](ByteView) { is_asked = true; }); }), "foreign-changed");
    EXPECT_FALSE(is_asked) << "what came of it may be wrong by now";
    EXPECT_EQ(shop.text("store"), std::string(size, 'o'));
  }
}

TEST_F(LeasedStoreFile, ALargeOneIsNotCopied) {
  const std::string old(3 << 20, 'o');
  shop.write("store", old);
  const auto is_mapped = [&] {
    return text_of(Folder::open("/proc/self").read("maps", 1 << 24)).find(shop.path("store")) != std::string_view::npos;
  };
  std::shared_ptr<const void> owner;
  ByteView bytes;
  {
    StoreFile file = open_leased();
    EXPECT_TRUE(is_mapped());
    owner = file.owner();
    bytes = file.bytes();
  }
  EXPECT_EQ(text_of(bytes), old);
  EXPECT_EQ(error_of_opening(O_WRONLY), EWOULDBLOCK) << "cut under us it would end this process";
  owner.reset();
  EXPECT_FALSE(is_mapped());
  EXPECT_EQ(error_of_opening(O_WRONLY), 0);

  {
    StoreFile file = open_leased();
    owner = file.owner();
    bytes = file.bytes();
    file.replace(view_of("new"), anything);
    EXPECT_EQ(text_of(file.bytes()), "new");
    EXPECT_EQ(shop.text("store"), "new");
  }
  EXPECT_EQ(error_of_opening(O_WRONLY), 0) << "that is another file";
  EXPECT_EQ(text_of(bytes), old) << "for whoever still looks at it";
  owner.reset();

  const int theirs = ::open(shop.path("store").c_str(), O_RDWR);
  shop.write("store", old);
  const StoreFile shared = open_leased();
  EXPECT_EQ(text_of(shared.bytes()), old);
  EXPECT_FALSE(is_mapped()) << "no lease where somebody has it open";
  ::close(theirs);
}

TEST_F(LeasedStoreFile, IsStillWatchedForNamesAndRights) {
  const auto attempt = [&](const std::string& meanwhile) {
    shop.run("rm -f store && printf old >store");
    StoreFile file = open_leased();
    return code_of([&] { file.replace(view_of("new"), [&](ByteView) { shop.run(meanwhile); }); });
  };
  EXPECT_EQ(attempt("cp store copy && mv copy store"), "foreign-changed");
  EXPECT_EQ(attempt("chmod 0600 store"), "foreign-changed");
  EXPECT_EQ(attempt("rm store"), "foreign-changed");
}

TEST_F(StoreFileTest, LeavesTheOldFileWhenTheNewOneIsNotAccepted) {
  shop.write("store", "old");
  const ino_t before = status("store").st_ino;
  const auto refuse = [](ByteView) {
    throw Failure({.code = "no", .subject = "", .cause = "not this one", .hint = "another"});
  };
  EXPECT_EQ(code_of([&] { open("store").replace(view_of("new"), refuse); }), "no");
  EXPECT_EQ(shop.text("store"), "old");
  EXPECT_EQ(status("store").st_ino, before);
  EXPECT_EQ(names(), (std::vector<std::string>{"store"}));
}

TEST_F(StoreFileTest, TheSecondOneWaitsAndIsToldWhoHoldsIt) {
  shop.write("store", "old");
  std::optional<StoreFile> first = StoreFile::open(shop.path("store"), {.holder = "chancery keystore import (pid 7)"});
  try {
    (void)StoreFile::open(shop.path("store"), {.holder = "second", .patience = milliseconds(30)});
    FAIL() << "two hold the lock";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "busy");
    EXPECT_NE(failure.cause().find("pid 7"), std::string::npos);
  }
  // Through a link it is the same file.
  shop.run("ln -s store link");
  EXPECT_EQ(
      code_of([&] { (void)StoreFile::open(shop.path("link"), {.holder = "third", .patience = milliseconds(0)}); }),
      "busy");
  first.reset();
  EXPECT_TRUE(open("store").exists());
}

TEST_F(StoreFileTest, TheLockDiesWithItsHolder) {
  shop.write("store", "old");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    StoreFile file = open("store");
    // As if it had been killed while writing.
    shop.write(".store.chancery-new", "half");
    [[maybe_unused]] const ssize_t written = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(
      code_of([&] { (void)StoreFile::open(shop.path("store"), {.holder = "second", .patience = milliseconds(0)}); }),
      "busy");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  open("store").replace(view_of("new"), anything);
  EXPECT_EQ(shop.text("store"), "new");
  EXPECT_EQ(names(), (std::vector<std::string>{"store"})) << "what the killed one left is gone";
}

// Twenty at once, each adding a line to what it read: none is lost.
TEST_F(StoreFileTest, ManyAtOnceLoseNothing) {
  constexpr int many = 20;
  std::vector<pid_t> children;
  for (int at = 0; at < many; ++at) {
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string code = code_of([&] {
        StoreFile file = open("store");
        SecretBytes more = secret_copy(file.bytes());
        append(more, view_of("line\n"));
        file.replace(view_of(more), anything);
      });
      ::_exit(code.empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int how = 0;
    ::waitpid(child, &how, 0);
    EXPECT_EQ(how, 0);
  }
  EXPECT_EQ(shop.read("store").size(), 5U * many);
  EXPECT_EQ(names(), (std::vector<std::string>{"store"}));
}

TEST_F(StoreFileTest, ReadsNoMoreThanItsLimit) {
  shop.write("store", "12345");
  EXPECT_EQ(code_of([&] { (void)StoreFile::open(shop.path("store"), {.holder = "test", .limit = 4}); }), "too-large");
  EXPECT_EQ(names(), (std::vector<std::string>{"store"}));
}

}  // namespace
}  // namespace chancery
