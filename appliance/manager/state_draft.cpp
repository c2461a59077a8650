#include "appliance/manager/state_draft.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::manager {
namespace {

namespace fs = std::filesystem;

constexpr const char* marker = ".init-incomplete";
constexpr const char* inside_prefix = ".init-";
// Names that only an appliance has; the order is that of landing, `current` makes it one.
constexpr std::array parts{"secrets", "authority",   "backups",  "databases", "audit",
                           "run",     "generations", "settings", "current"};

Failure already_initialised(const std::string& state) {
  return Failure({.code = "already-initialised",
                  .subject = state,
                  .cause = "there is an appliance here",
                  .hint = "look at it with chancery status, or name another folder with --state DIR"});
}

std::string random_name(const std::string& prefix) { return prefix + to_hex(view_of(random_secret(4))); }

void refuse_what_is_there(const Folder& state) {
  if (state.status("current")) throw already_initialised(state.path());
  if (state.status(marker)) return;
  for (const char* part : {"secrets", "authority", "generations"}) {
    if (!state.status(part)) continue;
    throw Failure({.code = "already-initialised",
                   .subject = state.path() + "/" + part,
                   .cause = "there are parts of an appliance here, but nothing is in force",
                   .hint = "if `current` was lost, link it to the newest folder in generations/; to begin anew, move "
                           "everything in " +
                           state.path() + " away first"});
  }
}

// Drafts whose maker is gone: nobody holds their lock.
void remove_dead_drafts(const Folder& parent, const std::string& prefix) {
  for (const std::string& name : parent.list()) {
    const bool is_draft = name.starts_with(prefix) && name != marker && name.size() == prefix.size() + 8;
    if (!is_draft || FileLock::is_held(parent.path() + "/" + name + "/lock")) continue;
    parent.remove_tree(name);
  }
}

}  // namespace

StateDraft::StateDraft(const std::string& state_path, mode_t mode) : state_(expect_none(state_path)), mode_(mode) {
  std::error_code ignored;
  is_inside_ = fs::exists(state_, ignored);
  std::string prefix = inside_prefix;
  if (is_inside_) {
    parent_ = state_;
  } else {
    parent_ = fs::path(state_).parent_path().string();
    prefix = fs::path(state_).filename().string() + ".init-";
  }
  const Folder parent = is_inside_ ? Folder::open(parent_) : Folder::create(parent_, {.mode = 0755});
  remove_dead_drafts(parent, prefix);
  name_ = random_name(prefix);
  path_ = parent_ + "/" + name_;
  parent.make_folder(name_, {.mode = is_inside_ ? mode_t{0700} : mode_});
  auto lock = FileLock::try_take(path_ + "/lock", "chancery init");
  if (!lock) throw already_initialised(state_);
  lock_ = std::make_unique<FileLock>(std::move(*lock));
}

StateDraft::~StateDraft() {
  if (has_landed_) return;
  try {
    Folder::open(parent_).remove_tree(name_);
  } catch (const Failure&) {
    // The next attempt finds it unlocked and removes it.
  }
}

std::string StateDraft::expect_none(const std::string& state_path) {
  std::error_code ignored;
  fs::path absolute = fs::weakly_canonical(fs::absolute(state_path), ignored);
  if (absolute.empty()) absolute = fs::absolute(state_path);
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  if (fs::exists(absolute, ignored)) refuse_what_is_there(Folder::open(absolute.string()));
  return absolute.string();
}

void StateDraft::land() {
  if (is_inside_) {
    land_inside(Folder::open(state_));
  } else {
    const Folder parent = Folder::open(parent_);
    const std::string target = fs::path(state_).filename().string();
    try {
      parent.rename(name_, target);
    } catch (const Failure&) {
      if (parent.status(target + "/current")) throw already_initialised(state_);
      throw;
    }
  }
  has_landed_ = true;
}

void StateDraft::land_inside(const Folder& state) {
  // Two at once: the second finds the lock of STATE itself held, or `current` there.
  const FileLock whole = FileLock::take(state_ + "/lock", "chancery init", std::chrono::seconds(30));
  refuse_what_is_there(state);
  const bool interrupted = state.status(marker).has_value();
  state.write_atomically(marker, {}, {.mode = 0600});
  const Folder draft = Folder::open(path_);
  std::vector<std::string> order;
  for (const std::string& name : draft.list()) {
    const bool is_known = std::find(parts.begin(), parts.end(), name) != parts.end();
    if (!is_known && name != "lock") order.push_back(name);
  }
  order.insert(order.end(), parts.begin(), parts.end());
  for (const std::string& part : order) {
    if (!draft.status(part)) continue;
    const std::string from = name_ + "/" + part;
    if (part == "settings" && state.status(part)) {
      // Settings may have been laid out before the appliance is made; what init writes joins them.
      for (const std::string& file : draft.open_folder(part).list()) {
        state.rename(from + "/" + file, part + "/" + file);
      }
      continue;
    }
    const auto present = state.status(part);
    const bool is_in_the_way = present && present->kind == FileStatus::Kind::folder;
    if (is_in_the_way && (interrupted || part == "run")) state.remove_tree(part);
    state.rename(from, part);
  }
  if (::fchmod(state.descriptor(), mode_) != 0) throw system_failure(errno, "set the mode of", state_);
  state.remove(marker);
  state.remove_tree(name_);
  state.sync();
}

}  // namespace chancery::manager
