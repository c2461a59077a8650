#include "appliance/nifi/whole_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "keystore/fault.h"
#include "keystore/files/folder.h"

namespace chancery::nifi {
namespace {

namespace fs = std::filesystem;

struct Place {
  std::string parent;
  std::string name;
};

// Where the folder itself lies: links are followed, as people expect of a path.
Place place_of(const std::string& path) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  if (!error && !whole.has_filename()) whole = whole.parent_path();
  if (error || !whole.has_filename() || whole == whole.root_path()) {
    throw Failure({.code = "bad-name",
                   .subject = path,
                   .cause = "no folder can be made there",
                   .hint = "name a folder that is not there yet, or an empty one"});
  }
  return {.parent = whole.parent_path().string(), .name = whole.filename().string()};
}

Failure occupied(const std::string& path, const std::string& cause) {
  return Failure({.code = "already-exists",
                  .subject = path,
                  .cause = cause,
                  .hint = "name a folder that is not there yet, or an empty one: nothing is ever overwritten"});
}

// What the folder is to have; Failure("already-exists") where there is no room for it.
FileAttributes room_at(const Folder& parent, const Place& place, const std::string& path) {
  const auto status = parent.status(place.name);
  if (!status) return {.mode = 0700};
  if (status->kind != FileStatus::Kind::folder) throw occupied(path, "something else than a folder is there");
  if (!parent.open_folder(place.name).list().empty()) throw occupied(path, "this folder has files in it");
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

class Turn {
 public:
  explicit Turn(const Folder& folder) : descriptor_(folder.descriptor()) {
    while (::flock(descriptor_, LOCK_EX) != 0) {
      if (errno != EINTR) throw system_failure(errno, "lock", folder.path());
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { ::flock(descriptor_, LOCK_UN); }

 private:
  int descriptor_;
};

}  // namespace

void expect_free(const std::string& path) {
  const Place place = place_of(path);
  const Folder parent = Folder::open(place.parent);
  (void)room_at(parent, place, path);
  if (::faccessat(parent.descriptor(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    throw system_failure(errno, "make a folder in", place.parent);
  }
}

void put_folder(const std::string& path, const std::vector<NewFile>& files) {
  const Place place = place_of(path);
  const Folder parent = Folder::open(place.parent);
  const Turn turn(parent);
  const FileAttributes attributes = room_at(parent, place, path);
  const std::string unfinished = "." + place.name.substr(0, 200) + ".unfinished";
  parent.remove_tree(unfinished);
  try {
    parent.make_folder(unfinished, attributes);
    const Folder folder = parent.open_folder(unfinished);
    for (const NewFile& file : files) {
      folder.create_file(file.name, view_of(file.bytes),
                         {.mode = 0600, .owner = attributes.owner, .group = attributes.group});
      folder.sync_file(file.name);
    }
    folder.sync();
    // Takes the place of nothing or of an empty folder; refused by the kernel where anything came into it meanwhile.
    parent.rename(unfinished, place.name);
  } catch (const Failure&) {
    parent.remove_tree(unfinished);
    throw;
  }
}

}  // namespace chancery::nifi
