#include "backup/generations/tree.h"

#include "keystore/fault.h"

namespace chancery::backup {
namespace {

constexpr int kMaximumDepth = 16;
constexpr std::size_t kMaximumEntries = 10'000;

void add_below(const Folder& folder, const std::string& prefix, int depth, Tree& tree) {
  for (const std::string& name : folder.list()) {
    const std::optional<FileStatus> status = folder.status(name);
    if (!status) {
      continue;  // removed since it was listed
    }
    if (tree.size() >= kMaximumEntries || depth > kMaximumDepth) {
      throw Failure({.code = "too-large",
                     .subject = folder.path(),
                     .cause = "it holds more than 10000 files or is more than 16 folders deep",
                     .hint = "remove from it what does not belong to the appliance's certificates"});
    }
    if (status->kind == FileStatus::Kind::folder) {
      add_below(folder.open_folder(name), prefix + name + "/", depth + 1, tree);
    } else {
      tree.emplace(prefix + name, *status);
    }
  }
}

}  // namespace

Tree list_tree(const Folder& folder) {
  Tree tree;
  add_below(folder, "", 1, tree);
  return tree;
}

}  // namespace chancery::backup
