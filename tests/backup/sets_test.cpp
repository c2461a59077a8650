#include <sys/mount.h>
#include <unistd.h>

#include "backup/sets/backup_sets.h"
#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

class SetsTest : public BackupTest {
 protected:
  SetsTest() { begin(); }

  std::string create(const std::string& reason = "replace") {
    return sets_.create(generations().current(), {"portal", "console"}, cause(reason));
  }
  fs::path file(const std::string& id) const { return state() / "backups" / (id + ".zip"); }

  Folder folder_ = Folder::open(state());
  BackupSets sets_ = BackupSets(folder_, mac_key());
};

TEST_F(SetsTest, HoldsTheWholeGenerationWithModes) {
  EXPECT_TRUE(sets_.ids().empty());
  const std::string id = create();
  EXPECT_EQ(id, "20261121T101500Z-000001");
  EXPECT_EQ(mode_of(file(id)), 0600u);
  EXPECT_EQ(mode_of(state() / "backups"), 0700u);
  const BackupSet set = sets_.open(id);
  EXPECT_TRUE(set.summary().verified);
  EXPECT_EQ(set.summary().id, id);
  EXPECT_EQ(set.summary().generation, 1u);
  EXPECT_EQ(to_rfc3339(set.summary().created), "2026-11-21T10:15:00Z");
  EXPECT_EQ(set.summary().components, (std::vector<std::string>{"portal", "console"}));
  EXPECT_EQ(set.summary().cause.reason, "replace");
  EXPECT_EQ(set.files("").size(), 6u);
  const auto portal = set.files("identities/portal/");
  ASSERT_EQ(portal.size(), 3u);
  EXPECT_EQ(text_of(view_of(portal.at("identities/portal/key.pem").bytes)), "key A\n");
  EXPECT_EQ(portal.at("identities/portal/key.pem").attributes.mode, 0600u);
  EXPECT_EQ(portal.at("identities/portal/key.pem").attributes.owner, ::geteuid());
  EXPECT_TRUE(portal.at("identities/portal/intermediate.crt").bytes.empty());
  EXPECT_EQ(set.files("trust/engine/ca-bundle.crt").at("trust/engine/ca-bundle.crt").bytes.size(), 200'000u);
}

TEST_F(SetsTest, APristineCopyIsWhatWasMadeAndNothingElseIsTakenForIt) {
  const fs::path copy = state() / "backups/pristine/000001.zip";
  EXPECT_EQ(code_of([&] { (void)sets_.pristine(1); }), "pristine-missing");
  sets_.keep_pristine(generations().current());
  EXPECT_EQ(mode_of(copy), 0600u);
  EXPECT_EQ(mode_of(copy.parent_path()), 0700u);
  EXPECT_EQ(sets_.pristine_numbers(), std::vector<GenerationNumber>{1});
  EXPECT_TRUE(sets_.ids().empty());
  const std::string good = file_text(copy);
  put_text(state() / "current/identities/portal/certificate.pem", "edited");
  put_text(state() / "current/identities/portal/no\\plain name", "edited");
  const auto files = sets_.pristine(1).files("");
  EXPECT_EQ(files.size(), 6u);
  EXPECT_EQ(text_of(view_of(files.at("identities/portal/certificate.pem").bytes)), "certificate A\n");
  EXPECT_EQ(files.at("identities/portal/key.pem").attributes.mode, 0600u);
  EXPECT_EQ(code_of([&] { sets_.keep_pristine(generations().current()); }), "drift");
  EXPECT_EQ(file_text(copy), good);

  // A backup set of the same generation has the same key and number, and the edit by hand in it; it can be read.
  const std::string set = file_text(file(create()));
  EXPECT_TRUE(sets_.summary(sets_.ids().front()).verified);
  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  for (const std::string& bytes : {set, flipped, good.substr(0, good.size() / 2), std::string()}) {
    put_text(copy, bytes);
    EXPECT_EQ(code_of([&] { (void)sets_.pristine(1); }), "pristine-damaged");
  }
  put_text(state() / "backups/pristine/000002.zip", good);
  EXPECT_EQ(code_of([&] { (void)sets_.pristine(2); }), "pristine-damaged");
  put_text(copy, good);
  EXPECT_EQ(code_of([&] { (void)sets_.import_set(view_of(good), nullptr); }), "backup-damaged");
  sets_.remove_pristine(1);
  sets_.remove_pristine(1);
  EXPECT_EQ(sets_.pristine_numbers(), std::vector<GenerationNumber>{2});
}

TEST_F(SetsTest, IsAZipThatOthersRead) {
  const std::string id = create();
  const std::string out = state() / "unpacked";
  const std::string command =
      "python3 -c 'import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; "
      "assert z.getinfo(\"identities/portal/key.pem\").external_attr>>16 == 0o100600; "
      "z.extractall(sys.argv[2])' '" +
      file(id).string() + "' '" + out + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(file_text(out + "/identities/portal/key.pem"), "key A\n");
  EXPECT_EQ(file_text(out + "/trust/engine/ca-bundle.crt"), std::string(200'000, 'r'));
}

TEST_F(SetsTest, RestoresBytesAndModesAfterTheyChanged) {
  const std::string id = create();
  Generations all = generations();
  Edits replaced;
  replaced["identities/portal/certificate.pem"] = new_file("certificate B\n", 0600);
  replaced["identities/portal/key.pem"] = new_file("key B\n", 0640);
  replaced["identities/portal/added.pem"] = new_file("only in 2\n", 0600);
  all.switch_to(all.stage(1, replaced, cause()));

  Edits restored;
  for (const std::string& path : all.current().files("identities/portal/")) {
    restored[path] = std::nullopt;
  }
  for (auto& [path, file] : sets_.open(id).files("identities/portal/")) {
    restored[path] = std::move(file);
  }
  all.switch_to(all.stage(2, restored, cause("restore " + id)));
  EXPECT_TRUE(difference(all.open(1), all.open(3)).empty());
  EXPECT_EQ(mode_of(state() / "current/identities/portal/key.pem"), 0600u);
}

TEST_F(SetsTest, EqualSetsAreEqualBytes) {
  const std::string id = create();
  const std::string first = file_text(file(id));
  fs::remove(file(id));
  ::setenv("TZ", "Asia/Kathmandu", 1);
  ::tzset();
  EXPECT_EQ(create(), id);
  ::unsetenv("TZ");
  ::tzset();
  EXPECT_EQ(file_text(file(id)), first);
}

TEST_F(SetsTest, TwoWithinASecondHaveTwoNames) {
  const std::string first = create();
  const std::string second = create();
  EXPECT_EQ(second, "20261121T101501Z-000001");
  EXPECT_EQ(sets_.ids(), (std::vector<std::string>{second, first}));
  EXPECT_TRUE(sets_.summary(second).verified);
}

TEST_F(SetsTest, NamesThatLeadElsewhereAreUnknown) {
  const std::string id = create();
  fs::copy_file(file(id), state() / (id + ".zip"));
  for (const std::string& bad :
       {std::string("../") + id, std::string("/etc/passwd"), std::string(""), id + "/", id + ".zip",
        std::string("./") + id, id + std::string("\0", 1), std::string("20261121T101500Z-1"),
        std::string("20261121T101500Z-0000001"), std::string("20261321T101500Z-000001"),
        std::string("20261121T101500Z-00000a"), std::string("20261121T101500Z-000002"), std::string(5000, 'A'),
        std::string("20261121T101500Z-99999999999999999999999999")}) {
    EXPECT_EQ(code_of([&] { (void)sets_.open(bad); }), "unknown-backup") << bad;
    EXPECT_EQ(code_of([&] { (void)sets_.summary(bad); }), "unknown-backup") << bad;
    EXPECT_EQ(code_of([&] { (void)sets_.export_set(bad, nullptr); }), "unknown-backup") << bad;
  }
}

TEST_F(SetsTest, OneByteChangedAnywhereIsRefused) {
  const std::string id = create();
  const std::string good = file_text(file(id));
  const Picture before = picture(state() / "generations");
  const std::size_t step = std::max<std::size_t>(1, good.size() / 1500);
  std::string bad = good;
  for (std::size_t i = 0; i < good.size(); i += step) {
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    ASSERT_EQ(code_of([&] { sets_.import_set(view_of(bad), nullptr); }), "backup-damaged") << i;
    bad[i] = good[i];
  }
  for (const std::size_t i : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
    bad[i] = static_cast<char>(bad[i] ^ 1);
    put_text(file(id), bad);
    bad[i] = good[i];
    EXPECT_EQ(code_of([&] { (void)sets_.open(id); }), "backup-damaged");
    EXPECT_EQ(code_of([&] { (void)sets_.export_set(id, nullptr); }), "backup-damaged");
    const BackupSummary summary = sets_.summary(id);
    EXPECT_FALSE(summary.verified);
    EXPECT_FALSE(summary.problem.empty());
    EXPECT_EQ(summary.generation, 1u);
    EXPECT_EQ(summary.id, id);
  }
  put_text(file(id), good);
  EXPECT_TRUE(sets_.summary(id).verified);
  EXPECT_EQ(in_force(), "generations/000001");
  EXPECT_EQ(picture(state() / "generations"), before);
}

TEST_F(SetsTest, CutExtendedRenamedLinkedOrForeignIsRefused) {
  const std::string id = create();
  const std::string good = file_text(file(id));
  for (const std::string& bad : {std::string(), good.substr(0, 10), good.substr(0, good.size() / 2),
                                 good.substr(0, good.size() - 1), good + "x", "x" + good, good + good}) {
    put_text(file(id), bad);
    EXPECT_EQ(code_of([&] { (void)sets_.open(id); }), "backup-damaged");
  }
  const std::string other = "20261121T101500Z-000007";
  put_text(file(other), good);
  EXPECT_EQ(code_of([&] { (void)sets_.open(other); }), "backup-damaged");
  fs::remove(file(id));
  fs::create_symlink(file(other), file(id));
  EXPECT_EQ(code_of([&] { (void)sets_.open(id); }), "backup-damaged");
  fs::remove(file(id));
  ASSERT_EQ(::mkfifo(file(id).c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { (void)sets_.open(id); }), "backup-damaged");
  EXPECT_FALSE(sets_.summary(id).verified);
  BackupSets foreign(folder_, SecretBytes(32, 0x77));
  EXPECT_EQ(code_of([&] { foreign.import_set(view_of(good), nullptr); }), "backup-damaged");
  BackupSets keyless(folder_, {});
  EXPECT_EQ(code_of([&] { (void)keyless.open(id); }), "no-mac-key");
}

TEST_F(SetsTest, AMemberTakenOutOrPutInWithAZipToolIsRefused) {
  const std::string id = create();
  const std::string rewrite =
      "python3 -c 'import zipfile,sys,os\n"
      "a=zipfile.ZipFile(sys.argv[1]); b=zipfile.ZipFile(sys.argv[1]+\"n\",\"w\")\n"
      "for i in a.infolist():\n"
      "  if \"key.pem\" not in i.filename: b.writestr(i, a.read(i))\n"
      "b.comment=a.comment; b.close(); os.replace(sys.argv[1]+\"n\", sys.argv[1])' '" +
      file(id).string() + "'";
  ASSERT_EQ(std::system(rewrite.c_str()), 0);
  EXPECT_EQ(code_of([&] { (void)sets_.open(id); }), "backup-damaged");
  EXPECT_EQ(in_force(), "generations/000001");
}

TEST_F(SetsTest, ExportsAndImports) {
  const std::string id = create();
  const std::string good = file_text(file(id));
  const SecretBytes plain = sets_.export_set(id, nullptr);
  EXPECT_EQ(text_of(view_of(plain)), good);
  EXPECT_EQ(code_of([&] { sets_.import_set(view_of(plain), nullptr); }), "already-exists");
  fs::remove(file(id));
  EXPECT_EQ(sets_.import_set(view_of(plain), nullptr), id);
  EXPECT_EQ(file_text(file(id)), good);
  EXPECT_EQ(mode_of(file(id)), 0600u);
}

TEST_F(SetsTest, ExportsUnderAPassphrase) {
  const std::string id = create();
  const std::string good = file_text(file(id));
  const SecretBytes passphrase = secret_copy("correct horse battery staple");
  const SecretBytes wrong = secret_copy("correct horse battery stable");
  const SecretBytes empty;
  SecretBytes sealed = sets_.export_set(id, &passphrase);
  EXPECT_EQ(text_of(view_of(sealed)).find("key A"), std::string_view::npos);
  EXPECT_EQ(text_of(view_of(sealed)).find("identities"), std::string_view::npos);
  EXPECT_EQ(code_of([&] { (void)sets_.export_set(id, &empty); }), "passphrase-empty");
  fs::remove(file(id));
  EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed), nullptr); }), "passphrase-needed");
  EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed), &wrong); }), "passphrase-wrong");
  for (const std::size_t at : {std::size_t{20}, std::size_t{40}, std::size_t{60}, sealed.size() - 1}) {
    sealed[at] ^= 1;  // salt, stream header, first block, last block
    EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed), &passphrase); }), "passphrase-wrong") << at;
    sealed[at] ^= 1;
  }
  for (const std::size_t at : {std::size_t{8}, std::size_t{12}, std::size_t{13}}) {
    sealed[at] ^= 0x80;  // passes and memory out of bounds: refused before any work
    EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed), &passphrase); }), "backup-damaged") << at;
    sealed[at] ^= 0x80;
  }
  for (const std::size_t size : {std::size_t{8}, std::size_t{30}, std::size_t{50}}) {
    EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed).first(size), &passphrase); }), "backup-damaged");
  }
  EXPECT_EQ(code_of([&] { sets_.import_set(view_of(sealed).first(sealed.size() - 1), &passphrase); }),
            "passphrase-wrong");
  SecretBytes longer = sealed;
  longer.push_back(0);
  EXPECT_EQ(code_of([&] { sets_.import_set(view_of(longer), &passphrase); }), "passphrase-wrong");
  EXPECT_FALSE(fs::exists(file(id)));
  EXPECT_EQ(sets_.import_set(view_of(sealed), &passphrase), id);
  EXPECT_EQ(file_text(file(id)), good);
}

TEST_F(SetsTest, PruneKeepsTheNewestAndTheNamed) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) {
    made.push_back(create());
  }
  put_text(state() / "backups/notes.txt", "an administrator's");
  EXPECT_EQ(sets_.prune(2, {made[0]}), (std::vector<std::string>{made[2], made[1]}));
  EXPECT_EQ(sets_.ids(), (std::vector<std::string>{made[4], made[3], made[0]}));
  EXPECT_TRUE(sets_.prune(3, {}).empty());
  EXPECT_TRUE(fs::exists(state() / "backups/notes.txt"));
}

TEST_F(SetsTest, PurgeRemovesWhatHoldsTheKey) {
  const std::string first = create();
  Generations all = generations();
  Edits edits;
  edits["identities/portal/key.pem"] = new_file("key B\n", 0600);
  all.switch_to(all.stage(1, edits, cause()));
  const std::string second = create();
  const auto holds_a = [](const std::string&, ByteView bytes) { return text_of(bytes) == "key A\n"; };
  EXPECT_EQ(sets_.purge(holds_a), std::vector<std::string>{first});
  EXPECT_EQ(sets_.ids(), std::vector<std::string>{second});
  put_text(file(first), "damaged");
  Fault fault;
  EXPECT_EQ(code_of([&] { sets_.purge(holds_a); }, &fault), "backup-damaged");
  EXPECT_TRUE(fault.needs_person);
  EXPECT_EQ(fault.subject, first);
}

TEST_F(SetsTest, AKilledWritersLeftoverIsSweptAndNeverListed) {
  put_text(state() / "backups/.20261121T101500Z-000001.zip.0123456789abcdef.tmp", "half");
  EXPECT_TRUE(sets_.ids().empty());
  create();
  EXPECT_EQ(std::distance(fs::directory_iterator(state() / "backups"), fs::directory_iterator()), 1);
}

TEST_F(SetsTest, AFullDiskLeavesNoSet) {
  create();
  const std::string target = state() / "backups";
  fs::remove_all(target);
  fs::create_directory(target);
  if (::mount("none", target.c_str(), "tmpfs", 0, "size=4k,nr_inodes=4") != 0) {
    GTEST_SKIP() << "mounting needs root";
  }
  std::string noise;  // does not deflate into one page
  for (const std::uint8_t byte : random_secret(20'000)) {
    noise += static_cast<char>(byte);
  }
  Generations all = generations();
  Edits edits;
  edits["trust/engine/ca-bundle.crt"] = new_file(noise, 0644);
  all.switch_to(all.stage(1, edits, cause()));
  EXPECT_EQ(code_of([&] { create(); }), "no-space");
  EXPECT_TRUE(fs::is_empty(target));
  EXPECT_EQ(in_force(), "generations/000002");
  ::umount2(target.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace chancery::backup
