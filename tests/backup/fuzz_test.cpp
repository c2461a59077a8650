// Manifest, journal, backup set and envelope against mutations of good ones: whatever comes in, the
// answer is a value or a Failure of the promised code; never a crash, another exception, or a forged value believed.
#include <cstdio>
#include <cstdlib>
#include <set>

#include "backup/generations/manifest.h"
#include "backup/journal/journal.h"
#include "backup/sets/archive.h"
#include "backup/sets/backup_sets.h"
#include "backup/sets/envelope.h"
#include "tests/backup/fixture.h"
#include "tests/backup/fuzz/targets.h"
#include "tests/fuzz/bombard.h"

namespace chancery::backup {
namespace {

class FuzzTest : public BackupTest {
 protected:
  template <typename Parse>
  void run(const std::string& name, const std::string& good, const std::set<std::string>& codes, Parse parse) {
    ASSERT_EQ(code_of([&] { parse(good); }), "");
    fuzz::bombard(name,
                  [&](ByteView bytes) {
                    const std::string bad(text_of(bytes));
                    const std::string code = code_of([&] { parse(bad); });
                    if (!codes.contains(code) && bad != good) {
                      std::fprintf(stderr, "code \"%s\"\n", code.c_str());
                      std::abort();
                    }
                  },
                  {bytes_of(good)});
  }
};

TEST_F(FuzzTest, Manifest) {
  begin();
  const std::string good = file_text(generation(1) / "manifest.json");
  const SecretBytes key = mac_key();
  run("sealed_manifest", good, {"manifest-invalid"},
      [&](const std::string& text) { (void)read_manifest(text, 1, view_of(key)); });
  fuzz::bombard("manifest", fuzz::manifest, {bytes_of(good)});
}

TEST_F(FuzzTest, Journal) {
  const Folder folder = Folder::open("/dev/shm");
  const std::string name = "chancery-fuzz-" + std::to_string(::getpid());
  folder.make_folder(name, {.mode = 0700});
  const Folder inside = folder.open_folder(name);
  const Journal journal(inside);
  journal.write({.from = 1,
                 .to = 2,
                 .step = "Prepared",
                 .cause = cause(),
                 .identities = {"portal"},
                 .programs = {},
                 .consumers = {"nginx"},
                 .foreign = {{"/a", "", "", "b"}},
                 .backup_set = "x"});
  const std::string path = inside.path() + "/change.json";
  run("journal", file_text(path), {"", "journal-invalid"}, [&](const std::string& text) {
    put_text(path, text);
    (void)journal.read();
  });
  folder.remove_tree(name);
}

TEST_F(FuzzTest, Archive) {
  const SecretBytes key = mac_key();
  const std::string pem(6000, 'p');
  const SecretBytes zip = write_archive({{"manifest.json", view_of(pem).first(100), 0600},
                                         {"identities/portal/key.pem", view_of(pem), 0600},
                                         {"b", {}, 0644}},
                                        cause().when, view_of(key));
  const std::string good(text_of(view_of(zip)));
  run("sealed_archive", good, {"backup-damaged"},
      [&](const std::string& bytes) { (void)read_archive(view_of(bytes), view_of(key)); });
  fuzz::bombard("backup_archive", fuzz::backup_archive, {bytes_of(good)});
}

TEST_F(FuzzTest, Envelope) {
  const SecretBytes right = secret_copy(std::string_view("right"));
  const SecretBytes sealed = close_envelope(view_of(std::string(70'000, 'x')), right);
  fuzz::bombard("backup_envelope", fuzz::backup_envelope, {Bytes(sealed.begin(), sealed.end()), bytes_of("CHANBAK1")});
}

TEST_F(FuzzTest, SealedManifestOfASet) {
  // The manifest of a set, mutated and sealed again: what is behind both seals must still hold on its own.
  begin();
  const Folder folder = Folder::open(state());
  BackupSets sets(folder, mac_key());
  const SecretBytes key = mac_key();
  const std::string id = sets.create(generations().current(), {"portal"}, cause());
  auto members = read_archive(view_of(file_text(state() / "backups" / (id + ".zip"))), view_of(key));
  const std::string good(text_of(view_of(members.at("manifest.json").bytes)));
  const auto rebuilt = [&](const std::string& manifest) {
    std::vector<ArchiveEntry> entries;
    for (const auto& [path, member] : members) {
      entries.push_back({path, path == "manifest.json" ? view_of(manifest) : view_of(member.bytes), member.mode});
    }
    return write_archive(entries, cause().when, view_of(key));
  };
  run("manifest_of_a_set", good, {"backup-damaged", "already-exists"}, [&](const std::string& manifest) {
    const SecretBytes zip = rebuilt(manifest);
    try {
      sets.import_set(view_of(zip), nullptr);
    } catch (const Failure& failure) {
      if (failure.code() == "already-exists" && manifest == good) {
        return;  // the good one is here already: it was read to its end
      }
      throw;
    }
  });
  EXPECT_EQ(sets.ids(), std::vector<std::string>{id});
}

}  // namespace
}  // namespace chancery::backup
