#include "appliance/manager/appliance_backup.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/authority/register_place.h"
#include "appliance/manager/program_users.h"
#include "appliance/manager/witness.h"
#include "appliance/settings/program_settings.h"
#include "backup/generations/plain_path.h"
#include "backup/sets/archive.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/files/descriptor.h"

namespace chancery::manager {
namespace {

using backup::WholeEntry;
using nlohmann::json;

constexpr const char* draft_prefix = ".backup-";
constexpr int database_patience_ms = 10'000;
constexpr std::size_t head_size = 16;

std::string group_name(gid_t gid) {
  const group* found = ::getgrgid(gid);
  return found == nullptr ? "" : found->gr_name;
}

backup::Source source_of(int descriptor, const std::string& path) {
  return [descriptor, path](std::uint8_t* to, std::size_t most) {
    const ssize_t count = files::retried([&] { return ::read(descriptor, to, most); });
    if (count < 0) throw system_failure(errno, "read", path);
    return static_cast<std::size_t>(count);
  };
}

files::Descriptor opened(const Folder& folder, const std::string& name) {
  const int descriptor = ::openat(folder.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) throw system_failure(errno, "open", folder.path() + "/" + name);
  return files::Descriptor(descriptor);
}

struct stat status_of(const files::Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw system_failure(errno, "look at", path);
  if (!S_ISREG(status.st_mode)) {
    throw Failure({.code = "not-a-file",
                   .subject = path,
                   .cause = "is not an ordinary file any more",
                   .hint = "something else writes into the appliance's state; look at it with `ls -l`"});
  }
  return status;
}

bool is_database(const files::Descriptor& file) {
  static constexpr std::string_view magic = "SQLite format 3";
  std::array<char, head_size> head{};
  const ssize_t count = ::pread(file.get(), head.data(), head.size(), 0);
  return count == static_cast<ssize_t>(head.size()) && std::string_view(head.data(), magic.size()) == magic;
}

bool ends_like_sqlite(const std::string& name) {
  return name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("-journal");
}

// A folder of its own for copies of databases, gone with the object.
class Draft {
 public:
  explicit Draft(const Folder& state) : state_(state), name_(draft_prefix + to_hex(view_of(random_secret(4)))) {
    for (const std::string& name : state.list()) {
      // Left by one that was killed: whoever is here holds the writer's lock.
      if (name.starts_with(draft_prefix)) state.remove_tree(name);
    }
    state_.make_folder(name_, {.mode = 0700});
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    try {
      state_.remove_tree(name_);
    } catch (const Failure&) {
      // The next backup removes it.
    }
  }
  std::string path() const { return state_.path() + "/" + name_; }
  Folder open() const { return state_.open_folder(name_); }

 private:
  const Folder& state_;
  std::string name_;
};

// As it is at one moment, with what its write-ahead log holds.
void copy_database(const std::string& from, const std::string& to) {
  try {
    SQLite::Database source(from, SQLite::OPEN_READONLY | SQLite::OPEN_NOFOLLOW, database_patience_ms);
    SQLite::Database target(to, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, database_patience_ms);
    SQLite::Backup copy(target, source);
    copy.executeStep(-1);
  } catch (const SQLite::Exception& error) {
    throw Failure({.code = "storage-failed",
                   .subject = from,
                   .cause = std::string("the database could not be copied: ") + error.what(),
                   .hint = "look whether its program runs and the disk has room, then repeat the command"});
  }
}

class Taking {
 public:
  Taking(Bench& bench, backup::WholeBackupWriter& out, WholeBackup& told)
      : bench_(bench), out_(out), told_(told), draft_(bench.state) {}

  void run() {
    for (const std::string& name : bench_.state.list()) {
      if (name.starts_with(".") || name == "lock" || name == "change.json" || name == "run") continue;
      take(bench_.state, name, name);
    }
    // Only the folders of run/: programs may not make them.
    if (bench_.state.status("run")) take_folder(bench_.state, "run", "run", /*with_files=*/false);
  }

 private:
  WholeEntry entry_of(WholeEntry::Kind kind, const std::string& path, mode_t mode, uid_t owner, gid_t group) const {
    WholeEntry entry{.kind = kind, .path = path, .mode = mode & 01777U};
    if (bench_.appliance.separate_users) {
      entry.owner = user_name(owner);
      entry.group = group_name(group);
    }
    return entry;
  }

  void take(const Folder& folder, const std::string& name, const std::string& path) {
    const auto status = folder.status(name);
    if (!status) return;  // a temporary file that is gone by now
    if (status->kind == FileStatus::Kind::folder) return take_folder(folder, name, path, true);
    if (status->kind == FileStatus::Kind::file && backup::is_plain_path(path)) return take_file(folder, name, path);
    if (status->kind == FileStatus::Kind::link && path == "current") {
      WholeEntry entry = entry_of(WholeEntry::Kind::link, path, 0777, status->owner, status->group);
      entry.target = folder.read_link(name);
      return out_.add(entry);
    }
    told_.left_out.push_back(path);
  }

  void take_folder(const Folder& folder, const std::string& name, const std::string& path, bool with_files) {
    const auto status = folder.status(name);
    if (!backup::is_plain_path(path)) return told_.left_out.push_back(path);
    out_.add(entry_of(WholeEntry::Kind::folder, path, status->mode, status->owner, status->group));
    const Folder inside = folder.open_folder(name);
    for (const std::string& each : inside.list()) {
      const auto kind = inside.status(each);
      if (with_files) {
        take(inside, each, path + "/" + each);
      } else if (kind && kind->kind == FileStatus::Kind::folder) {
        take_folder(inside, each, path + "/" + each, false);
      }
    }
  }

  void take_file(const Folder& folder, const std::string& name, const std::string& path) {
    if (ends_like_sqlite(name) && folder.status(name.substr(0, name.rfind('-')))) return;  // goes with its database
    const files::Descriptor file = opened(folder, name);
    const struct stat status = status_of(file, folder.path() + "/" + name);
    WholeEntry entry = entry_of(WholeEntry::Kind::file, path, status.st_mode, status.st_uid, status.st_gid);
    if (!is_database(file)) return put(entry, file, static_cast<std::uint64_t>(status.st_size));
    const std::string copy = draft_.path() + "/copy.db";
    copy_database(folder.path() + "/" + name, copy);
    {
      const Folder copies = draft_.open();
      const files::Descriptor copied = opened(copies, "copy.db");
      put(entry, copied, static_cast<std::uint64_t>(status_of(copied, copy).st_size));
      for (const std::string& each : copies.list()) copies.remove(each);
    }
  }

  void put(WholeEntry& entry, const files::Descriptor& file, std::uint64_t size) {
    entry.size = size;
    ++told_.files;
    told_.bytes += size;
    out_.add_file(entry, source_of(file.get(), entry.path));
  }

  Bench& bench_;
  backup::WholeBackupWriter& out_;
  WholeBackup& told_;
  Draft draft_;
};

// What lies on a server is named, and is the server's to back up.
std::vector<std::string> kept_outside(const Bench& bench) {
  std::vector<std::string> outside;
  if (bench.appliance.role != Role::secondary) {
    const auto place = authority::RegisterPlace::of(bench.appliance.state);
    if (place.is_server()) outside.push_back("register of the authority: " + place.text());
  }
  const auto programs = programs_of(bench.appliance.role);
  if (std::find(programs.begin(), programs.end(), "engine") == programs.end()) return outside;
  const EngineSettings settings = EngineSettings::load(bench.appliance.state);
  if (settings.storage.kind == StorageSetting::Kind::postgresql) {
    outside.push_back("devices of the engine: postgresql://" + settings.storage.host + ":" +
                      std::to_string(settings.storage.port) + "/" + settings.storage.database);
  }
  return outside;
}

std::string description_of(const WholeBackup& told) {
  return json{{"name", told.name},
              {"role", told.role},
              {"federation", told.federation},
              {"made_by", told.made_by},
              {"created", to_rfc3339(told.created)},
              {"generation", told.generation},
              {"audit", told.audit_number},
              {"separate_users", told.separate_users},
              {"outside", told.outside}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

// Reads and checks; keeps what is told.
class Examination : public backup::WholeBackupVisitor {
 public:
  void description(const std::string& text) override { told = whole_backup_from(text); }
  void begin(const WholeEntry& entry) override { told.files += entry.kind == WholeEntry::Kind::file ? 1 : 0; }
  void bytes(ByteView part) override { told.bytes += part.size(); }
  void end_of_file() override {}

  WholeBackup told;
};

}  // namespace

WholeBackup back_up_appliance(const std::string& state_path, const std::string& who, const SecretBytes& passphrase,
                              const Clock& clock, const backup::Sink& sink) {
  Bench bench(state_path, clock);
  const Bench::Writer writer = bench.begin_change(who + ", backup appliance");
  record_event(bench, {.kind = "export", .who = who, .verb = "backup-appliance", .outcome = "done"});
  WholeBackup told{.name = bench.appliance.name,
                   .role = to_text(bench.appliance.role),
                   .federation = bench.appliance.federation,
                   .made_by = CHANCERY_VERSION,
                   .created = bench.now(),
                   .generation = static_cast<std::int64_t>(bench.current().number()),
                   .separate_users = bench.appliance.separate_users,
                   .outside = kept_outside(bench),
                   .left_out = {}};
  if (const auto head = bench.trail().head()) told.audit_number = head->head.number;
  backup::SealedWriter sealed(sink, passphrase);
  backup::WholeBackupWriter out(sealed, description_of(told));
  Taking(bench, out, told).run();
  out.finish();
  return told;
}

WholeBackup examine_appliance_backup(const std::string& path, const SecretBytes& passphrase) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw system_failure(errno, "open", path);
  const files::Descriptor file(descriptor);
  backup::SealedReader in(source_of(file.get(), path), passphrase);
  Examination examination;
  backup::read_whole_backup(in, examination);
  return examination.told;
}

WholeBackup whole_backup_from(const std::string& description) {
  const json document = json::parse(description, nullptr, /*allow_exceptions=*/false);
  try {
    WholeBackup told{.name = document.at("name").get<std::string>(),
                     .role = document.at("role").get<std::string>(),
                     .federation = document.at("federation").get<std::string>(),
                     .made_by = document.at("made_by").get<std::string>(),
                     .created = from_rfc3339(document.at("created").get<std::string>()),
                     .generation = document.at("generation").get<std::int64_t>(),
                     .audit_number = document.at("audit").get<std::int64_t>(),
                     .separate_users = document.at("separate_users").get<bool>(),
                     .outside = document.at("outside").get<std::vector<std::string>>(),
                     .left_out = {}};
    static_cast<void>(role_from_name(told.role));
    return told;
  } catch (const json::exception&) {
    throw backup::damaged_backup("backup of an appliance", "its description cannot be read");
  } catch (const Failure&) {
    throw backup::damaged_backup("backup of an appliance", "its description cannot be read");
  }
}

}  // namespace chancery::manager
