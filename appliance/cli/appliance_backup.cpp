#include "appliance/cli/appliance_backup.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"
#include "appliance/manager/rebuild.h"
#include "keystore/files/folder.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

std::string who_asks() {
  const uid_t uid = ::getuid();
  const passwd* user = ::getpwuid(uid);
  return std::string(user != nullptr ? user->pw_name : "user") + " (uid " + std::to_string(uid) + ")";
}

// Written as it comes, synced at the end, removed again when nothing came of it. "-" is stdout.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path), is_stdout_(path == "-") {
    if (is_stdout_) return;
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor_ < 0) throw system_failure(errno, "create", path_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (is_stdout_) return;
    ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }

  void write(ByteView bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw system_failure(errno, "write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void keep() {
    if (is_stdout_) return;
    if (::fsync(descriptor_) != 0) throw system_failure(errno, "sync", path_);
    const std::size_t slash = path_.rfind('/');
    Folder::open(slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash)).sync();
    kept_ = true;
  }

 private:
  const std::string path_;
  const bool is_stdout_;
  int descriptor_ = STDOUT_FILENO;
  bool kept_ = false;
};

SecretBytes passphrase_of(Session& session, const std::string& prompt, bool twice) {
  if (auto given = given_secret(session.arguments(), "--passphrase")) return std::move(*given);
  if (can_prompt()) return twice ? prompted_secret_twice(prompt) : prompted_secret(prompt);
  throw usage("the passphrase of the backup is not given",
              "give the file that holds it: --passphrase-file FILE (- is stdin)");
}

Json json_of(const manager::WholeBackup& backup) {
  return {{"name", backup.name},
          {"role", backup.role},
          {"federation", backup.federation.empty() ? Json(nullptr) : Json(backup.federation)},
          {"created", to_rfc3339(backup.created)},
          {"made_by", backup.made_by},
          {"generation", backup.generation},
          {"audit_record", backup.audit_number},
          {"files", backup.files},
          {"bytes", backup.bytes},
          {"outside", backup.outside},
          {"left_out", backup.left_out}};
}

void print_details(Terminal& terminal, const manager::WholeBackup& backup, Instant now) {
  Sheet sheet;
  sheet.add("appliance", backup.name + ", a " + backup.role);
  if (!backup.federation.empty()) sheet.add("federation", backup.federation);
  sheet.add("taken", dated(to_rfc3339(backup.created), now) + " by chancery " + backup.made_by);
  sheet.add("in force", "generation " + std::to_string(backup.generation));
  sheet.add("audit", "up to record " + std::to_string(backup.audit_number));
  sheet.add("holds", std::to_string(backup.files) + " files, " + std::to_string(backup.bytes) + " bytes");
  for (const std::string& each : backup.outside) sheet.add("not in it", each);
  for (const std::string& each : backup.left_out) sheet.add("left out", each);
  sheet.print(terminal, 2);
}

void warn_of_outside(Terminal& terminal, const manager::WholeBackup& backup) {
  if (backup.outside.empty()) return;
  terminal.hint("what lies on a PostgreSQL server is not in this file: back that server up as well (pg_dump)");
}

Json plan_of(const manager::Rebuilt& plan) {
  return {{"outcome", "planned"},
          {"plan",
           {{"state", plan.state},
            {"appliance", plan.backup.name},
            {"role", plan.backup.role},
            {"taken", to_rfc3339(plan.backup.created)},
            {"in_force", "generation " + std::to_string(plan.backup.generation)},
            {"holds", std::to_string(plan.backup.files) + " files"},
            {"outside", plan.backup.outside},
            {"users", plan.backup.separate_users ? "one per program, as in the backup" : "one for everything"}}}};
}

}  // namespace

int run_backup_appliance(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string path = arguments.value("--output");
  Terminal& terminal = session.terminal();
  if (path == "-" && session.json()) {
    throw stdout_is_taken();
  }
  if (path == "-" && ::isatty(STDOUT_FILENO) != 0) {
    throw usage("a terminal is no place for a backup", "give --output a file, or send stdout to one");
  }
  const SecretBytes passphrase = passphrase_of(session, "passphrase for the backup: ", true);
  Output output(path);
  const manager::WholeBackup backup = manager::back_up_appliance(session.state(), who_asks(), passphrase, system_now,
                                                                 [&output](ByteView bytes) { output.write(bytes); });
  output.keep();
  if (session.json()) {
    Json document = json_of(backup);
    document["outcome"] = "done";
    document["output"] = path;
    terminal.document(document);
    return 0;
  }
  if (path == "-") return 0;
  if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": the whole appliance is in " << path << ", encrypted");
    print_details(terminal, backup, session.now());
  }
  warn_of_outside(terminal, backup);
  terminal.hint("to bring it back on an empty machine: chancery init --from " + path + " --passphrase-file FILE");
  terminal.hint("keep file and passphrase apart: together they are every key of this appliance");
  return 0;
}

bool is_appliance_backup(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  std::array<std::uint8_t, backup::sealed_magic_size> head{};
  const ssize_t count = ::pread(descriptor, head.data(), head.size(), 0);
  ::close(descriptor);
  return count == static_cast<ssize_t>(head.size()) && backup::is_sealed_file(head);
}

int verify_appliance_backup(Session& session, const std::string& path) {
  const SecretBytes passphrase = passphrase_of(session, "passphrase of the backup: ", false);
  const manager::WholeBackup backup = manager::examine_appliance_backup(path, passphrase);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    Json document = json_of(backup);
    document["verified"] = true;
    terminal.document(document);
    return 0;
  }
  if (terminal.quiet()) return 0;
  terminal.line(Text() << painted(Colour::green, "verified") << ": every byte of " << path << " is as it was");
  print_details(terminal, backup, session.now());
  return 0;
}

int run_rebuild(Session& session) {
  const Arguments& arguments = session.arguments();
  for (const char* other : {"--role", "--name", "--internal-name", "--san", "--listen", "--port-base",
                            "--password-file", "--administrator-password-file"}) {
    if (!arguments.has(other)) continue;
    throw usage(std::string(other) + " cannot be given with --from: all of it is in the backup",
                "leave it out; endpoints and names are changed afterwards");
  }
  const manager::RebuildOptions options{.backup = arguments.value("--from"), .state = session.state()};
  const SecretBytes passphrase = passphrase_of(session, "passphrase of the backup: ", false);
  if (arguments.has("--dry-run")) return show_outcome(session, plan_of(manager::plan_rebuild(options, passphrase)), "");
  const manager::Rebuilt rebuilt = manager::rebuild_appliance(options, passphrase, who_asks(), system_now);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    Json document = json_of(rebuilt.backup);
    document["outcome"] = "done";
    document["state"] = rebuilt.state;
    document["tokens_revoked"] = rebuilt.tokens_revoked;
    document["audit_record"] = rebuilt.audit_number;
    terminal.document(document);
    return 0;
  }
  if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": " << rebuilt.backup.name << " is here again");
    print_details(terminal, rebuilt.backup, session.now());
  }
  if (rebuilt.tokens_revoked > 0) {
    terminal.note(std::to_string(rebuilt.tokens_revoked) + " join tokens that were open are revoked: make new ones");
  }
  warn_of_outside(terminal, rebuilt.backup);
  terminal.hint("the former machine must not run again: take it off the network before this one is started");
  if (rebuilt.backup.role != "secondary") {
    terminal.hint(
        "members that were removed after the backup was taken have to be removed again: chancery federation "
        "remove NAME");
  }
  terminal.hint("once it runs, chancery audit verify says what was lost");
  return 0;
}

}  // namespace chancery::cli
