// A state in a temporary folder, with one generation like an appliance's and a picture of everything in it, so that
// every negative test can say "nothing moved".
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "backup/generations/generations.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "tests/failure_code.h"

namespace chancery::backup {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "chancery-backup-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("mkdtemp failed");
    }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline std::string file_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void put_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}
inline mode_t mode_of(const fs::path& path) {
  struct ::stat now {};
  return ::lstat(path.c_str(), &now) == 0 ? now.st_mode & 07777 : 0;
}

// Path -> kind, mode and contents of everything below a folder.
using Picture = std::map<std::string, std::string>;
inline Picture picture(const fs::path& root) {
  Picture all;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = entry.path().lexically_relative(root);
    const std::string mode = std::to_string(mode_of(entry.path()));
    if (entry.is_symlink()) {
      all[path] = "link " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      all[path] = "folder " + mode;
    } else if (!entry.is_regular_file()) {
      all[path] = "other " + mode;  // reading a FIFO would wait for ever
    } else {
      all[path] = "file " + mode + " " + sha256_hex(view_of(file_text(entry.path())));
    }
  }
  return all;
}

inline NewFile new_file(const std::string& text, mode_t mode) {
  return {.bytes = secret_copy(text), .attributes = {.mode = mode}};
}

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() { ::umask(0); }  // modes must not depend on it

  const fs::path& state() const { return folder_.path(); }
  fs::path generation(GenerationNumber number) const { return state() / "generations" / folder_name(number); }
  Generations generations() const { return Generations(Folder::open(state()), mac_key()); }
  static SecretBytes mac_key() { return SecretBytes(32, 0x5a); }
  static Cause cause(const std::string& reason = "test") {
    return {.reason = reason, .who = "tester", .when = from_rfc3339("2026-11-21T10:15:00Z")};
  }

  static Edits first_files() {
    Edits edits;
    edits["identities/portal/certificate.pem"] = new_file("certificate A\n", 0644);
    edits["identities/portal/key.pem"] = new_file("key A\n", 0600);
    edits["identities/portal/intermediate.crt"] = new_file("", 0644);
    edits["identities/console/key.pem"] = new_file("key C\n", 0640);
    edits["trust/engine/ca-bundle.crt"] = new_file(std::string(200'000, 'r'), 0644);
    edits["endpoints/portal.toml"] = new_file("port = 443\n", 0644);
    return edits;
  }

  // Generation 1, in force.
  GenerationNumber begin() const {
    Generations all = generations();
    const GenerationNumber number = all.stage(0, first_files(), cause("init"));
    all.switch_to(number);
    return number;
  }

  std::string in_force() const { return fs::read_symlink(state() / "current").string(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace chancery::backup
