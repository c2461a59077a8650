// Edits by hand: each kind is found and named, stops the next change, and is adopted only when asked.
#include <unistd.h>

#include "backup/generations/manifest.h"
#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

class DriftTest : public BackupTest {
 protected:
  DriftTest() { begin(); }

  void expect_drift(Drift::Kind kind, const std::string& path) {
    const std::vector<Drift> drift = generations().current().drift();
    ASSERT_EQ(drift.size(), 1u);
    EXPECT_EQ(drift[0].kind, kind);
    EXPECT_EQ(drift[0].path, path);
    EXPECT_FALSE(drift[0].message.empty());
    const Picture before = picture(generation(1));
    Generations all = generations();
    Fault fault;
    EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }, &fault), "drift");
    EXPECT_NE(fault.cause.find(path), std::string::npos) << fault.cause;
    EXPECT_EQ(in_force(), "generations/000001");
    EXPECT_EQ(all.list(), std::vector<GenerationNumber>{1});
    EXPECT_EQ(picture(generation(1)), before);
  }

  Generation adopt() {
    Generations all = generations();
    const GenerationNumber number = all.stage(1, {}, cause("adopt"), Adopt::yes);
    EXPECT_TRUE(all.open(number).drift().empty());
    return all.open(number);
  }

  fs::path at(const std::string& path) const { return state() / "current" / path; }
};

TEST_F(DriftTest, ChangedBytes) {
  std::ofstream(at("identities/portal/certificate.pem"), std::ios::app) << "more\n";
  expect_drift(Drift::Kind::changed, "identities/portal/certificate.pem");
  EXPECT_EQ(text_of(adopt().read("identities/portal/certificate.pem")), "certificate A\nmore\n");
}

TEST_F(DriftTest, ChangedBytesOfTheSameSizeAndTime) {
  const auto time = fs::last_write_time(at("identities/portal/key.pem"));
  put_text(at("identities/portal/key.pem"), "key Z\n");
  fs::last_write_time(at("identities/portal/key.pem"), time);
  expect_drift(Drift::Kind::changed, "identities/portal/key.pem");
}

TEST_F(DriftTest, AnEditThatTheChangeWouldBury) {
  put_text(at("endpoints/portal.toml"), "port = 4443\n");
  Generations all = generations();
  Edits edits;
  edits["endpoints/portal.toml"] = new_file("port = 8443\n", 0644);
  EXPECT_EQ(code_of([&] { all.stage(1, edits, cause()); }), "drift");
  edits["endpoints/portal.toml"] = std::nullopt;
  EXPECT_EQ(code_of([&] { all.stage(1, edits, cause()); }), "drift");
  const GenerationNumber adopted = all.stage(1, edits, cause(), Adopt::yes);
  EXPECT_FALSE(all.open(adopted).has("endpoints/portal.toml"));
}

TEST_F(DriftTest, RemovedFile) {
  fs::remove(at("identities/console/key.pem"));
  expect_drift(Drift::Kind::missing, "identities/console/key.pem");
  EXPECT_FALSE(adopt().has("identities/console/key.pem"));
}

TEST_F(DriftTest, AddedFile) {
  put_text(at("identities/portal/new/thing.pem"), "thing");
  expect_drift(Drift::Kind::extra, "identities/portal/new/thing.pem");
  EXPECT_EQ(text_of(adopt().read("identities/portal/new/thing.pem")), "thing");
}

TEST_F(DriftTest, AnEmptyFolderIsNoDrift) {
  fs::create_directory(at("identities/empty"));
  EXPECT_TRUE(generations().current().drift().empty());
  EXPECT_EQ(adopt().folders("identities"), (std::vector<std::string>{"console", "portal"}));
}

TEST_F(DriftTest, Mode) {
  ::chmod(at("identities/portal/key.pem").c_str(), 0666);
  expect_drift(Drift::Kind::attributes, "identities/portal/key.pem");
  adopt();
  EXPECT_EQ(mode_of(generation(3) / "identities/portal/key.pem"), 0644u);  // write access for others is not taken over
}

TEST_F(DriftTest, Owner) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "changing owners needs root";
  }
  ASSERT_EQ(::chown(at("identities/portal/key.pem").c_str(), 4321, 4321), 0);
  expect_drift(Drift::Kind::attributes, "identities/portal/key.pem");
  EXPECT_EQ(adopt().folder().status("identities/portal/key.pem")->owner, 4321u);
}

TEST_F(DriftTest, ALinkInsteadOfAFile) {
  put_text(state() / "elsewhere.pem", "key A\n");
  fs::remove(at("identities/portal/key.pem"));
  fs::create_symlink(state() / "elsewhere.pem", at("identities/portal/key.pem"));
  expect_drift(Drift::Kind::changed, "identities/portal/key.pem");
  Generations all = generations();
  EXPECT_EQ(code_of([&] { all.stage(1, {}, cause(), Adopt::yes); }), "not-a-file");
  EXPECT_EQ(all.list(), std::vector<GenerationNumber>{1});
}

TEST_F(DriftTest, AFifoDoesNotHang) {
  ASSERT_EQ(::mkfifo(at("identities/portal/pipe").c_str(), 0600), 0);
  expect_drift(Drift::Kind::extra, "identities/portal/pipe");
}

TEST_F(DriftTest, EveryByteOfTheManifestCounts) {
  const fs::path path = at("manifest.json");
  const std::string good = file_text(path);
  const Generations all = generations();
  const SecretBytes key = mac_key();
  EXPECT_EQ(read_manifest(good, 1, view_of(key)).files.size(), 6u);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (i % 3 == 0 ? 0x20 : 0x01));
    ASSERT_EQ(code_of([&] { (void)read_manifest(bad, 1, view_of(key)); }), "manifest-invalid") << i;
  }
  put_text(path, good + "\n");
  EXPECT_EQ(code_of([&] { (void)all.open(1).manifest(); }), "manifest-invalid");
  expect_drift(Drift::Kind::manifest, "manifest.json");
  EXPECT_EQ(adopt().manifest().files.size(), 6u);
  EXPECT_TRUE(Generations(Folder::open(state()), mac_key()).retain(0, {}).empty());
}

TEST_F(DriftTest, AManifestOfAnotherGenerationIsNotBelieved) {
  Generations all = generations();
  const GenerationNumber second = all.stage(1, {}, cause());
  fs::copy_file(generation(1) / "manifest.json", generation(second) / "manifest.json",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(code_of([&] { (void)all.open(second).manifest(); }), "manifest-invalid");
}

TEST_F(DriftTest, ManyEditsAreCountedNotListed) {
  for (int i = 0; i < 50; ++i) {
    put_text(at("identities/portal/extra-" + std::to_string(i)), "x");
  }
  Generations all = generations();
  Fault fault;
  EXPECT_EQ(code_of([&] { all.stage(1, {}, cause()); }, &fault), "drift");
  EXPECT_NE(fault.cause.find("45 more"), std::string::npos) << fault.cause;
  EXPECT_EQ(adopt().files("identities/portal/extra").size(), 50u);
}

}  // namespace
}  // namespace chancery::backup
