#include "appliance/manager/rebuild.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "appliance/audit/trail.h"
#include "appliance/authority/authority.h"
#include "appliance/authority/rebuild.h"
#include "appliance/authority/register.h"
#include "appliance/authority/register_place.h"
#include "appliance/manager/state_draft.h"
#include "appliance/settings/appliance.h"
#include "backup/generations/generation.h"
#include "keystore/files/descriptor.h"

namespace chancery::manager {
namespace {

using backup::WholeEntry;

constexpr backup::GenerationNumber generation_step = 1000;

Failure unknown(const char* kind, const std::string& name) {
  return Failure({.code = "unknown-user",
                  .subject = name,
                  .cause = std::string("the backup has files of this ") + kind + ", which does not exist here",
                  .hint = "install the packages first (systemd-sysusers makes the users), then repeat the command"});
}

// Users and groups by name, each looked up once.
class Owners {
 public:
  std::optional<uid_t> user(const std::string& name) {
    if (name.empty()) return std::nullopt;
    const auto known = users_.find(name);
    if (known != users_.end()) return known->second;
    const passwd* found = ::getpwnam(name.c_str());
    if (found == nullptr) throw unknown("user", name);
    return users_[name] = found->pw_uid;
  }
  std::optional<gid_t> group(const std::string& name) {
    if (name.empty()) return std::nullopt;
    const auto known = groups_.find(name);
    if (known != groups_.end()) return known->second;
    const ::group* found = ::getgrnam(name.c_str());
    if (found == nullptr) throw unknown("group", name);
    return groups_[name] = found->gr_gid;
  }

 private:
  std::map<std::string, uid_t> users_;
  std::map<std::string, gid_t> groups_;
};

// The file, from its beginning as often as it is read.
class BackupFile {
 public:
  explicit BackupFile(std::string path) : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_.is_open()) throw system_failure(errno, "open", path_);
  }
  void read(backup::WholeBackupVisitor& visitor, const SecretBytes& passphrase) const {
    if (::lseek(file_.get(), 0, SEEK_SET) < 0) throw system_failure(errno, "read", path_);
    backup::SealedReader in(
        [this](std::uint8_t* to, std::size_t most) {
          const ssize_t count = files::retried([&] { return ::read(file_.get(), to, most); });
          if (count < 0) throw system_failure(errno, "read", path_);
          return static_cast<std::size_t>(count);
        },
        passphrase);
    backup::read_whole_backup(in, visitor);
  }

 private:
  std::string path_;
  files::Descriptor file_;
};

// First reading: is all of it right, and do all owners exist here?
class Checking : public backup::WholeBackupVisitor {
 public:
  explicit Checking(Owners& owners) : owners_(owners) {}
  void description(const std::string& text) override {
    told = whole_backup_from(text);
    if (told.separate_users && ::geteuid() != 0) {
      throw Failure({.code = "permission-denied",
                     .subject = told.name,
                     .cause = "its files belong to several users, and only root can give them to those",
                     .hint = "run the command as root (sudo chancery …)"});
    }
  }
  void begin(const WholeEntry& entry) override {
    static_cast<void>(owners_.user(entry.owner));
    static_cast<void>(owners_.group(entry.group));
    told.files += entry.kind == WholeEntry::Kind::file ? 1 : 0;
  }
  void bytes(ByteView part) override { told.bytes += part.size(); }
  void end_of_file() override {}

  WholeBackup told;

 private:
  Owners& owners_;
};

// Second reading: written below one folder.
class Unpacking : public backup::WholeBackupVisitor {
 public:
  Unpacking(const Folder& target, Owners& owners) : target_(target), owners_(owners) {}

  void description(const std::string&) override {}
  void begin(const WholeEntry& entry) override {
    const FileAttributes attributes{
        .mode = entry.mode, .owner = owners_.user(entry.owner), .group = owners_.group(entry.group)};
    switch (entry.kind) {
      case WholeEntry::Kind::folder:
        return target_.make_folder(entry.path, attributes);
      case WholeEntry::Kind::link:
        return target_.link_atomically(entry.path, entry.target);
      case WholeEntry::Kind::file:
        break;
    }
    path_ = target_.path() + "/" + entry.path;
    target_.create_file(entry.path, {}, attributes);
    file_ = files::Descriptor(
        ::openat(target_.descriptor(), entry.path.c_str(), O_WRONLY | O_NOFOLLOW | O_APPEND | O_CLOEXEC));
    if (!file_.is_open()) throw system_failure(errno, "open", path_);
  }
  void bytes(ByteView part) override { files::write_all(file_.get(), part, path_); }
  void end_of_file() override { file_.close(path_); }

 private:
  const Folder& target_;
  Owners& owners_;
  std::string path_;
  files::Descriptor file_{-1};
};

// Generations made since the backup have used the numbers after it.
void skip_generations(const Folder& state, const FileAttributes& attributes) {
  const Bytes present = state.read("generations/last", 64);
  backup::GenerationNumber last = 0;
  for (const char digit : text_of(present)) {
    if (digit < '0' || digit > '9') break;
    last = last * 10 + static_cast<backup::GenerationNumber>(digit - '0');
  }
  last = (last / generation_step + 1) * generation_step;
  state.write_atomically("generations/last", view_of(std::to_string(last) + "\n"), attributes);
}

FileAttributes attributes_of(const Folder& folder, const std::string& name) {
  const auto status = folder.status(name);
  if (!status) return {.mode = 0644};
  return {.mode = status->mode, .owner = status->owner, .group = status->group};
}

int skip_numbers(const Folder& state, Role role, const Clock& clock) {
  skip_generations(state, attributes_of(state, "generations/last"));
  // A register on a server went on without this appliance: its numbers and tokens are those of now.
  if (role == Role::secondary || authority::RegisterPlace::of(state.path()).is_server()) return 0;
  const Folder authority = state.open_folder("authority");
  static_cast<void>(authority::Authority::open(authority, clock).revocation_list());
  const auto store = authority::open_register(authority, attributes_of(authority, "authority.db"));
  return authority::after_rebuild(*store, clock()).tokens_revoked;
}

std::int64_t tell_audit(const Folder& state, const WholeBackup& told, const std::string& who, Instant now) {
  audit::Record record{.time = now, .kind = "rebuild", .who = who, .verb = "init-from-backup"};
  record.arguments =
      nlohmann::json{
          {"backup_of", to_rfc3339(told.created)}, {"made_by", told.made_by}, {"last_record", told.audit_number}}
          .dump();
  record.to = record.from = told.generation;
  record.outcome = "done";
  audit::Trail trail = audit::Trail::open(state, told.name);
  // What was going on when the backup was taken ended with the machine; its record is lost with the rest.
  for (const audit::Intent& intent : trail.intents()) trail.forget(intent.change);
  const std::int64_t number = trail.append_rebuild(std::move(record));
  trail.publish();
  return number;
}

}  // namespace

Rebuilt plan_rebuild(const RebuildOptions& options, const SecretBytes& passphrase) {
  Rebuilt plan;
  plan.state = StateDraft::expect_none(options.state);
  Owners owners;
  Checking checking(owners);
  BackupFile(options.backup).read(checking, passphrase);
  plan.backup = std::move(checking.told);
  return plan;
}

Rebuilt rebuild_appliance(const RebuildOptions& options, const SecretBytes& passphrase, const std::string& who,
                          const Clock& clock) {
  Rebuilt rebuilt;
  rebuilt.state = StateDraft::expect_none(options.state);
  const BackupFile file(options.backup);
  Owners owners;
  Checking checking(owners);
  file.read(checking, passphrase);
  rebuilt.backup = std::move(checking.told);
  StateDraft draft(options.state, rebuilt.backup.separate_users ? 0755 : 0700);
  {
    const Folder target = Folder::open(draft.path());
    Unpacking unpacking(target, owners);
    file.read(unpacking, passphrase);
    rebuilt.tokens_revoked = skip_numbers(target, role_from_name(rebuilt.backup.role), clock);
    rebuilt.audit_number = tell_audit(target, rebuilt.backup, who, clock());
    if (::syncfs(target.descriptor()) != 0) throw system_failure(errno, "sync", draft.path());
  }
  draft.land();
  return rebuilt;
}

}  // namespace chancery::manager
