#include "backup/generations/generations.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

using GenerationsTest = BackupTest;

TEST_F(GenerationsTest, NothingIsInForceBeforeTheFirst) {
  Generations all = generations();
  EXPECT_FALSE(all.has_current());
  EXPECT_TRUE(all.list().empty());
  EXPECT_EQ(code_of([&] { (void)all.current(); }), "not-initialised");
  EXPECT_EQ(code_of([&] { (void)all.open(1); }), "unknown-generation");
  EXPECT_EQ(code_of([&] { all.switch_to(1); }), "unknown-generation");
  EXPECT_FALSE(all.has_current());
}

TEST_F(GenerationsTest, AStageIsCompleteButNotInForce) {
  Generations all = generations();
  const GenerationNumber number = all.stage(0, first_files(), cause("init"));
  EXPECT_EQ(number, 1u);
  EXPECT_FALSE(all.has_current());
  all.switch_to(number);
  EXPECT_EQ(in_force(), "generations/000001");
  const Generation now = all.current();
  EXPECT_EQ(text_of(now.read("identities/portal/certificate.pem")), "certificate A\n");
  EXPECT_EQ(text_of(view_of(now.read_secret("identities/portal/key.pem"))), "key A\n");
  EXPECT_TRUE(now.has("endpoints/portal.toml"));
  EXPECT_FALSE(now.has("identities/portal"));
  EXPECT_EQ(now.files("identities/console/"), std::vector<std::string>{"identities/console/key.pem"});
  EXPECT_EQ(now.folders("identities"), (std::vector<std::string>{"console", "portal"}));
  EXPECT_TRUE(now.folders("consumers").empty());
  EXPECT_EQ(now.manifest().files.size(), 6u);
  EXPECT_EQ(now.manifest().cause.reason, "init");
  EXPECT_EQ(now.manifest().parent, 0u);
  EXPECT_TRUE(now.drift().empty());
}

TEST_F(GenerationsTest, ModesAreExactWhateverTheUmask) {
  for (const mode_t mask : {0u, 022u, 077u, 0777u}) {
    ::umask(mask);
    Generations all = generations();
    all.set_folder_attributes([](const std::string& path) {
      return FileAttributes{.mode = path.starts_with("identities/") ? 0750u : 0755u};
    });
    const GenerationNumber number = all.stage(0, first_files(), cause());
    ::umask(0);
    EXPECT_EQ(mode_of(generation(number)), 0755u);
    EXPECT_EQ(mode_of(generation(number) / "identities"), 0755u);
    EXPECT_EQ(mode_of(generation(number) / "identities/portal"), 0750u);
    EXPECT_EQ(mode_of(generation(number) / "identities/portal/key.pem"), 0600u);
    EXPECT_EQ(mode_of(generation(number) / "identities/console/key.pem"), 0640u);
    EXPECT_EQ(mode_of(generation(number) / "identities/portal/certificate.pem"), 0644u);
    EXPECT_TRUE(all.open(number).drift().empty());
  }
}

TEST_F(GenerationsTest, OwnersAreKeptByCopies) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "changing owners needs root";
  }
  Edits edits = first_files();
  edits["identities/portal/key.pem"]->attributes = {.mode = 0640, .owner = 0, .group = 1234};
  Generations all = generations();
  const GenerationNumber first = all.stage(0, edits, cause());
  const GenerationNumber second = all.stage(first, {}, cause());
  const auto status = all.open(second).folder().status("identities/portal/key.pem");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->group, 1234u);
  EXPECT_EQ(status->mode, 0640u);
  EXPECT_TRUE(difference(all.open(first), all.open(second)).empty());
}

TEST_F(GenerationsTest, EditsApplyAndTheRestIsCopied) {
  const GenerationNumber first = begin();
  Generations all = generations();
  Edits edits;
  edits["identities/portal/certificate.pem"] = new_file("certificate B\n", 0644);
  edits["identities/console/key.pem"] = std::nullopt;
  edits["consumers/nginx.toml"] = new_file("reload = \"nginx -s reload\"\n", 0644);
  const GenerationNumber second = all.stage(first, edits, cause("replace"));
  EXPECT_EQ(in_force(), "generations/000001");
  const Generation next = all.open(second);
  EXPECT_EQ(text_of(next.read("identities/portal/certificate.pem")), "certificate B\n");
  EXPECT_EQ(text_of(next.read("identities/portal/key.pem")), "key A\n");
  EXPECT_EQ(next.read("trust/engine/ca-bundle.crt").size(), 200'000u);
  EXPECT_EQ(next.folders("identities"), std::vector<std::string>{"portal"});
  std::string differences;
  for (const Difference& one : difference(all.open(first), next)) {
    differences += one.kind + one.path + " ";
  }
  EXPECT_EQ(differences, "+consumers/nginx.toml -identities/console/key.pem ~identities/portal/certificate.pem ");
}

TEST_F(GenerationsTest, NumbersAreNeverUsedAgain) {
  begin();
  Generations all = generations();
  const GenerationNumber second = all.stage(1, {}, cause());
  all.remove(second);
  EXPECT_EQ(all.stage(1, {}, cause()), 3u);
  Edits bad;
  bad["../outside"] = new_file("x", 0600);
  EXPECT_EQ(code_of([&] { all.stage(1, bad, cause()); }), "bad-name");
  put_text(generation(1) / "identities/portal/extra", "by hand");
  EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }), "drift");
  fs::remove(generation(1) / "identities/portal/extra");
  EXPECT_EQ(all.stage(1, {}, cause()), 5u);  // 4 was the stage that failed
  fs::remove(state() / "generations/last");
  EXPECT_EQ(all.stage(1, {}, cause()), 6u);
}

TEST_F(GenerationsTest, PathsThatCouldLeaveAreRefused) {
  begin();
  const Picture before = picture(state());
  Generations all = generations();
  for (const std::string path : {"/etc/passwd", "..", "a/../../b", "a//b", "", "a/", "./a", "a\nb", "a\\b",
                                 "manifest.json", "a\xff", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r"}) {
    Edits edits;
    edits[path] = new_file("x", 0600);
    EXPECT_EQ(code_of([&] { all.stage(1, edits, cause()); }), "bad-name") << path;
  }
  EXPECT_EQ(picture(state()), before);
}

TEST_F(GenerationsTest, AnAppendInForceReachesNoOtherGeneration) {
  begin();
  Generations all = generations();
  const GenerationNumber second = all.stage(1, {}, cause());
  all.switch_to(second);
  for (const auto& entry : fs::recursive_directory_iterator(state())) {
    if (entry.is_regular_file()) {
      EXPECT_EQ(fs::hard_link_count(entry.path()), 1u) << entry.path();
    }
  }
  const Picture old = picture(generation(1));
  std::ofstream(state() / "current/trust/engine/ca-bundle.crt", std::ios::app) << "appended by hand\n";
  EXPECT_EQ(picture(generation(1)), old);
  EXPECT_EQ(all.current().drift().size(), 1u);
  EXPECT_TRUE(all.open(1).drift().empty());
}

TEST_F(GenerationsTest, ReadersSeeOneGenerationWhileItIsSwitched) {
  begin();
  Generations all = generations();
  Edits edits;
  edits["identities/portal/certificate.pem"] = new_file("certificate B\n", 0644);
  edits["identities/portal/key.pem"] = new_file("key B\n", 0600);
  const GenerationNumber second = all.stage(1, edits, cause());
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::atomic<int> mixed = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      const Generations mine = generations();
      while (!done) {
        const Generation now = mine.current();
        const std::string certificate(text_of(now.read("identities/portal/certificate.pem")));
        const std::string key(text_of(now.read("identities/portal/key.pem")));
        mixed += certificate.substr(12) != key.substr(4) ? 1 : 0;
        ++reads;
      }
    });
  }
  int switches = 0;
  while (switches < 200 || reads < 400) {
    all.switch_to(switches++ % 2 == 0 ? second : 1);
  }
  done = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(mixed, 0);
}

TEST_F(GenerationsTest, RetentionSparesWhatIsNeeded) {
  begin();
  Generations all = generations();
  for (GenerationNumber parent = 1; parent < 8; ++parent) {
    all.stage(parent, {}, cause());
  }
  all.switch_to(4);
  EXPECT_EQ(all.retain(2, {1}), (std::vector<GenerationNumber>{2, 5, 6}));
  EXPECT_EQ(all.list(), (std::vector<GenerationNumber>{1, 3, 4, 7, 8}));
  EXPECT_TRUE(all.retain(100, {}).empty());
  EXPECT_EQ(code_of([&] { all.remove(4); }), "in-use");
  EXPECT_EQ(code_of([&] { all.remove(99); }), "unknown-generation");
  EXPECT_EQ(in_force(), "generations/000004");
}

TEST_F(GenerationsTest, SweepRemovesLeftoversOnly) {
  begin();
  Generations all = generations();
  all.stage(1, {}, cause());
  const Picture before = picture(state());
  put_text(generation(7) / "identities/portal/key.pem", "half made");
  put_text(generation(8) / "identities/portal/key.pem", "half made, but kept");
  put_text(state() / "generations/.removed-000005/manifest.json", "{}");
  put_text(state() / "generations/.last.0123456789abcdef.tmp", "9");
  put_text(state() / ".change.json.0123456789abcdef.tmp", "{");
  fs::create_symlink("generations/000009", state() / ".current.0123456789abcdef.tmp");
  EXPECT_EQ(all.list(), (std::vector<GenerationNumber>{1, 2}));
  EXPECT_EQ(code_of([&] { all.switch_to(7); }), "unknown-generation");
  all.sweep({8});
  EXPECT_TRUE(fs::exists(generation(8)));
  all.sweep({});
  EXPECT_EQ(picture(state()), before);
}

TEST_F(GenerationsTest, ACurrentThatIsNoGenerationIsTold) {
  begin();
  const Generations all = generations();
  for (const char* target :
       {"generations/../outside", "/etc", "generations/1", "generations/000001/", "generations/000000"}) {
    fs::remove(state() / "current");
    fs::create_symlink(target, state() / "current");
    Fault fault;
    EXPECT_EQ(code_of([&] { (void)all.current(); }, &fault), "state-invalid") << target;
    EXPECT_TRUE(fault.needs_person);
  }
}

TEST_F(GenerationsTest, AReaderWithoutTheKeyReads) {
  begin();
  const Generations reader(Folder::open(state()), {});
  EXPECT_EQ(reader.current().manifest().files.size(), 6u);
  Generations writer(Folder::open(state()), {});
  EXPECT_EQ(code_of([&] { writer.stage(1, {}, cause()); }), "no-mac-key");
}

TEST_F(GenerationsTest, AnotherAppliancesManifestIsNotBelieved) {
  begin();
  const Generations other(Folder::open(state()), SecretBytes(32, 0x11));
  EXPECT_EQ(code_of([&] { (void)other.current().manifest(); }), "manifest-invalid");
  EXPECT_EQ(other.current().drift().at(0).kind, Drift::Kind::manifest);
}

// Runs `action` in a child with a limit, so that the limit ends with it. The child's exit tells what was thrown.
template <typename Limit, typename Action>
std::string code_in_child(Limit limit, Action action) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    limit();
    Fault fault;
    std::string code = code_of(action, &fault);
    code += " " + fault.subject;
    (void)!::write(ends[1], code.data(), code.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  char text[4096];
  const ssize_t size = ::read(ends[0], text, sizeof text);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

TEST_F(GenerationsTest, AFileTooLargeForTheLimitChangesNothing) {
  begin();
  Picture before = picture(state());
  const std::string told = code_in_child(
      [] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{100'000, 100'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      },
      [&] { generations().stage(1, {}, cause()); });
  EXPECT_NE(told.find("ca-bundle.crt"), std::string::npos) << told;
  Picture after = picture(state());
  EXPECT_EQ(file_text(state() / "generations/last"), "2\n");
  after.erase("generations/last");
  before.erase("generations/last");
  EXPECT_EQ(after, before);
}

TEST_F(GenerationsTest, RunningOutOfDescriptorsChangesNothing) {
  begin();
  Picture before = picture(generation(1));
  int failed = 0;
  int succeeded = 0;
  for (rlim_t spare = 1; spare < 20; ++spare) {
    const std::string told = code_in_child(
        [&] {
          const int highest = ::open("/dev/null", O_RDONLY);
          const rlimit limit{static_cast<rlim_t>(highest) + spare, static_cast<rlim_t>(highest) + spare};
          ::setrlimit(RLIMIT_NOFILE, &limit);
        },
        [&] { generations().stage(1, {}, cause()); });
    (told == " " ? succeeded : failed) += 1;
    EXPECT_TRUE(told == " " || told.starts_with("too-many-files ")) << told;
    EXPECT_EQ(in_force(), "generations/000001");
  }
  EXPECT_GT(failed, 3);
  EXPECT_GT(succeeded, 1);
  EXPECT_EQ(picture(generation(1)), before);
  Generations all = generations();
  for (const GenerationNumber number : all.list()) {
    EXPECT_TRUE(all.open(number).drift().empty());
  }
}

TEST_F(GenerationsTest, AFullDiskChangesNothing) {
  const std::string target = state() / "disk";
  fs::create_directory(target);
  if (::mount("none", target.c_str(), "tmpfs", 0, "size=320k") != 0) {
    GTEST_SKIP() << "mounting needs root";
  }
  {
    Generations all(Folder::open(target), mac_key());
    all.switch_to(all.stage(0, first_files(), cause()));
    Picture before = picture(target);
    Fault fault;
    EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }, &fault), "no-space");
    EXPECT_NE(fault.subject.find(target), std::string::npos) << fault.subject;
    Picture after = picture(target);
    after.erase("generations/last");
    before.erase("generations/last");
    EXPECT_EQ(after, before);
    ::mount("none", target.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr);
    EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }), "read-only");
    EXPECT_EQ(code_of([&] { all.switch_to(1); }), "read-only");
    EXPECT_EQ(all.current_number(), 1u);
  }
  ::umount2(target.c_str(), MNT_DETACH);
}

TEST_F(GenerationsTest, AFileInTheWayIsNotOverwritten) {
  begin();
  put_text(generation(2) / "somebody", "else");
  put_text(state() / "generations/last", "1\n");
  Generations all = generations();
  EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }), "already-exists");
  EXPECT_EQ(file_text(generation(2) / "somebody"), "else");
  EXPECT_EQ(in_force(), "generations/000001");
}

}  // namespace
}  // namespace chancery::backup
