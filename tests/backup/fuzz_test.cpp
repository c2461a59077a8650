// Manifest, journal, backup set and envelope against deterministic mutations of good ones: whatever comes in, the
// answer is a value or a Failure of the promised code; never a crash, another exception, or a forged value believed.
#include <chrono>
#include <random>

#include "backup/generations/manifest.h"
#include "backup/journal/journal.h"
#include "backup/sets/archive.h"
#include "backup/sets/backup_sets.h"
#include "backup/sets/envelope.h"
#include "tests/backup/fixture.h"

namespace chancery::backup {
namespace {

class FuzzTest : public BackupTest {
 protected:
  std::string mutate(const std::string& good) {
    std::string bad = good;
    const auto below = [&](std::size_t count) {
      return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
    };
    for (std::size_t changes = 1 + below(4); changes-- > 0 && !bad.empty();) {
      const std::size_t at = below(bad.size());
      switch (below(7)) {
        case 0:
          bad[at] = static_cast<char>(bad[at] ^ (1 << below(8)));
          break;
        case 1:
          bad[at] = static_cast<char>(below(256));
          break;
        case 2:
          bad.resize(at);
          break;
        case 3:
          bad.erase(at, 1 + below(16));
          break;
        case 4:
          bad.insert(at, bad.substr(below(bad.size()), 1 + below(64)));
          break;
        case 5:
          for (std::size_t i = at; i < std::min(bad.size(), at + 4); ++i) {
            bad[i] = static_cast<char>(0xff);
          }
          break;
        default:
          bad.insert(at, kTokens[below(std::size(kTokens))]);
      }
    }
    return bad;
  }

  // `parse` for half a second, or as often as needed for a stable minimum on a slow machine.
  template <typename Parse>
  void run(const std::string& good, const std::set<std::string>& codes, Parse parse) {
    ASSERT_EQ(code_of([&] { parse(good); }), "");
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    for (int rounds = 0; rounds < 200 || std::chrono::steady_clock::now() < end; ++rounds) {
      const std::string bad = mutate(good);
      const std::string code = code_of([&] { parse(bad); });
      ASSERT_TRUE(codes.contains(code) || bad == good) << "code \"" << code << "\" in round " << rounds;
    }
  }

  static constexpr const char* kTokens[] = {"[[[[[[[[[[[[", "{\"a\":",          "-1",  "1e999", "18446744073709551616",
                                            "null",         "\"\\ud800\"",      "../", "\"\"",  "PK\x05\x06",
                                            "PK\x01\x02",   "\xff\xff\xff\xff", ","};
  std::mt19937 random_{20261121};
};

TEST_F(FuzzTest, Manifest) {
  begin();
  const std::string good = file_text(generation(1) / "manifest.json");
  const SecretBytes key = mac_key();
  run(good, {"manifest-invalid"}, [&](const std::string& text) { (void)read_manifest(text, 1, view_of(key)); });
  // Readers without the key may meet anything that parses, but no other failure.
  run(good, {"", "manifest-invalid"}, [&](const std::string& text) { (void)read_manifest(text, 1, {}); });
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
  run(file_text(path), {"", "journal-invalid"}, [&](const std::string& text) {
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
  run(good, {"backup-damaged"}, [&](const std::string& bytes) { (void)read_archive(view_of(bytes), view_of(key)); });
  run(good, {"", "backup-damaged"},
      [&](const std::string& bytes) { (void)read_archive_without_checking_its_seal(view_of(bytes)); });
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
  run(good, {"backup-damaged", "already-exists"}, [&](const std::string& manifest) {
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
