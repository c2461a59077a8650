// A STATE that is being made: built aside, then put in its place complete, or removed without a trace.
//
//   StateDraft draft("/var/lib/chancery");
//   … fill draft.path() …
//   draft.land();
//
// Where STATE does not exist the draft is its sibling (STATE.init-XXXX) and lands by one rename. Where it exists (a
// mount point, a folder made by systemd) the draft is STATE/.init-XXXX and its parts are moved up, `current` last;
// until then the marker .init-incomplete says that whatever lies there may be removed by the next attempt. A STATE that
// holds an appliance is Failure("already-initialised"). Drafts of processes that died are removed. One thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "keystore/files/folder.h"
#include "keystore/files/lock.h"

namespace chancery::manager {

class StateDraft {
 public:
  // `mode` is that of STATE itself.
  StateDraft(const std::string& state_path, mode_t mode);
  StateDraft(const StateDraft&) = delete;
  StateDraft& operator=(const StateDraft&) = delete;
  ~StateDraft();

  const std::string& path() const noexcept { return path_; }    // where to build
  const std::string& state() const noexcept { return state_; }  // where it will be, absolute
  void land();

  // Where STATE is or would be, absolute; "already-initialised" where one is. Writes nothing.
  [[nodiscard]] static std::string expect_none(const std::string& state_path);

 private:
  void land_inside(const Folder& state);

  std::string state_;
  std::string parent_;  // of the draft
  std::string name_;    // of the draft in parent_
  std::string path_;
  mode_t mode_;
  bool is_inside_ = false;
  bool has_landed_ = false;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace chancery::manager
