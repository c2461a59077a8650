#include "appliance/cli/given_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/session.h"
#include "keystore/files/folder.h"
#include "keystore/x509/material.h"

namespace chancery::cli {

using Json = nlohmann::json;
using preflight::SourceFile;

namespace {

constexpr std::size_t kMostFiles = 256;

bool is_kind(const std::string& path, mode_t kind) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

bool is_of_use(const SourceFile& file) {
  const Material found = read_material(view_of(file.bytes), {.source = file.name});
  if (!found.certificates.empty() || !found.keys.empty()) return true;
  // What is locked or broken is shown to the administrator; what is something else altogether is not.
  return std::any_of(found.notes.begin(), found.notes.end(), [](const MaterialNote& note) {
    return note.code == "key-encrypted" || note.code == "damaged-block" || note.code == "trailing-bytes";
  });
}

std::vector<SourceFile> read_folder(const std::string& path) {
  std::vector<SourceFile> files;
  std::size_t count = 0;
  const std::string prefix = path.ends_with('/') ? path : path + "/";
  for (const std::string& name : Folder::open(path).list()) {
    const std::string full = prefix + name;
    if (name.starts_with('.') || !is_kind(full, S_IFREG)) continue;
    if (++count > kMostFiles) {
      throw Failure({.code = "too-large",
                     .subject = path,
                     .cause = "this folder holds more than " + std::to_string(kMostFiles) + " files",
                     .hint = "name the files themselves, or a folder that holds only what belongs together"});
    }
    SourceFile file = read_source(full);
    if (is_of_use(file)) files.push_back(std::move(file));
  }
  if (!files.empty()) return files;
  throw Failure({.code = "empty-input",
                 .subject = path,
                 .cause = "there is no certificate and no key in this folder",
                 .hint = "check the path with: ls -l " + path});
}

}  // namespace

std::vector<SourceFile> read_given(const std::string& path) {
  if (path != "-" && is_kind(path, S_IFDIR)) return read_folder(path);
  std::vector<SourceFile> one;
  one.push_back(read_source(path));
  return one;
}

std::vector<std::string> key_paths(const std::vector<const SourceFile*>& files) {
  std::vector<std::string> paths;
  for (const SourceFile* file : files) {
    if (!is_kind(file->name, S_IFREG)) continue;  // stdin and pipes have no permissions worth a word
    const Material found = read_material(view_of(file->bytes), {.source = file->name});
    const bool is_locked = std::any_of(found.notes.begin(), found.notes.end(),
                                       [](const MaterialNote& note) { return note.code == "key-encrypted"; });
    if (is_locked || !found.keys.empty()) paths.push_back(file->name);
  }
  return paths;
}

void add_key_permissions(Json& report, const std::vector<std::string>& paths, const std::string& reader) {
  preflight::Report found;
  preflight::judge_key_permissions(paths, reader, found);
  if (found.findings.empty() || !report.is_object()) return;
  Json& findings = report["findings"];
  // Worst first, as everywhere.
  const auto milder = std::find_if(findings.begin(), findings.end(),
                                   [](const Json& each) { return text_at(each, "severity") == "info"; });
  const Json added = preflight::to_json(found)["findings"];
  findings.insert(milder, added.begin(), added.end());
  if (text_at(report, "verdict") == "accept") report["verdict"] = "warn";
}

}  // namespace chancery::cli
