#include "appliance/stores/edited_store.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/managed_store.h"
#include "backup/sets/store_sets.h"
#include "keystore/bytes/ahead.h"
#include "keystore/fault.h"
#include "keystore/files/store_file.h"
#include "keystore/java/sealed_store.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"
#include "keystore/x509/printable.h"

namespace chancery::stores {
namespace {

using nlohmann::json;

const std::string& who() {
  static const std::string user = [] {
    const passwd* entry = ::getpwuid(::getuid());
    return (entry == nullptr ? "user" : std::string(entry->pw_name)) + " (uid " + std::to_string(::getuid()) + ")";
  }();
  return user;
}

bool is_there(const std::string& path) {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) {
    if (errno == ENOENT) return false;
    throw system_failure(errno, "open", path);
  }
  if (S_ISREG(now.st_mode)) return true;
  throw Failure({.code = "not-a-file",
                 .subject = path,
                 .cause = S_ISDIR(now.st_mode) ? "is a folder" : "is not an ordinary file",
                 .hint = "give the path of a keystore"});
}

bool holds_keys(const java::Keystore& store) {
  return std::any_of(store.entries.begin(), store.entries.end(), [](const java::Entry& entry) { return entry.key; });
}

}  // namespace

struct EditedStore::State {
  EditOptions options;
  std::optional<StoreFile> file;  // neither managed nor dry_run
  std::string path;
  std::shared_ptr<const SecretBytes> read = std::make_shared<const SecretBytes>();  // where there is no `file`
  bool exists = false;
  bool managed = false;

  std::shared_ptr<const void> owner() const { return file ? file->owner() : read; }
  ByteView bytes() const { return file ? file->bytes() : view_of(*read); }

  bool keeps_previous() const { return options.backup && exists && file; }

  // `last_look` is called when all of the set is written, but before it has its name, and may throw.
  std::string keep_previous(const std::function<void()>& last_look) const {
    return backup::StoreSets::for_writing(options.state)
        .create({.path = path, .bytes = bytes(), .attributes = *file->attributes(), .sums = backup::sums_of(bytes())},
                {.reason = options.doing, .who = who(), .when = system_now()}, last_look);
  }

  json outcome(const char* word) const;
  json replace(FileContents contents, const std::function<void()>& accept, const FileAttributes& fresh, Keeping& kept);

  json change_of_the_appliance(SecretBytes bytes, const Passwords& passwords) const {
    const auto copied = [](const SecretBytes* secret) {
      return secret == nullptr ? std::optional<SecretBytes>() : std::optional(*secret);
    };
    return manager::put_managed_store(options.state, {.path = path,
                                                      .expected_sha256 = sha256_hex(view_of(*read)),
                                                      .bytes = std::move(bytes),
                                                      .password = copied(passwords.password),
                                                      .former_password = copied(passwords.former),
                                                      .reason = options.doing,
                                                      .dry_run = options.dry_run});
  }
};

// A set of the file as it was, begun while the new one is made: large ones on another processor. It gets its name only
// once the new file is written, reads back and is accepted, and is safe against power loss before that gets its own.
class EditedStore::Keeping {
 public:
  explicit Keeping(const State& state) {
    if (!state.keeps_previous()) return;
    kept_ = ahead(state.bytes().size(), [&state, accepted = accepted_.get_future().share()] {
      return state.keep_previous([&accepted] { accepted.get(); });
    });
  }

  // The id of the set; "" where none is kept.
  std::string finish() {
    accepted_.set_value();
    return kept_.valid() ? kept_.get() : "";
  }

 private:
  std::future<std::string> kept_;
  std::promise<void> accepted_;  // goes first: where it was not kept, no set gets a name
};

json EditedStore::State::outcome(const char* word) const {
  return {{"outcome", word}, {"path", printable(view_of(path))}};
}

json EditedStore::State::replace(FileContents contents, const std::function<void()>& accept,
                                 const FileAttributes& fresh, Keeping& kept) {
  std::string set;
  file->replace(
      std::move(contents),
      [&] {
        accept();
        set = kept.finish();
      },
      fresh);
  exists = true;
  json done = outcome("done");
  if (!set.empty()) done["backup_set"] = set;
  return done;
}

EditedStore::EditedStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
EditedStore::EditedStore(EditedStore&&) noexcept = default;
EditedStore& EditedStore::operator=(EditedStore&&) noexcept = default;
EditedStore::~EditedStore() = default;

EditedStore EditedStore::open(EditOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  const EditOptions& wanted = state->options;
  state->path = wanted.path;
  state->managed = manager::is_managed_store(wanted.state, wanted.path);
  if (state->managed || wanted.dry_run) {
    state->exists = is_there(wanted.path);
    if (state->exists) {
      state->read = std::make_shared<const SecretBytes>(read_secret_file(wanted.path, java::keystore_limit));
    }
    return EditedStore(std::move(state));
  }
  state->file = StoreFile::open(
      wanted.path, {.holder = "chancery " + wanted.doing + " (" + who() + ", pid " + std::to_string(::getpid()) + ")",
                    .limit = java::keystore_limit,
                    .part_hard_links = wanted.part_hard_links,
                    .hold_off_writers = wanted.asks_nobody});
  state->path = state->file->path();
  state->exists = state->file->exists();
  return EditedStore(std::move(state));
}

bool EditedStore::exists() const noexcept { return state_->exists; }
bool EditedStore::is_managed() const noexcept { return state_->managed; }
ByteView EditedStore::bytes() const { return state_->bytes(); }
std::shared_ptr<const void> EditedStore::owner() const { return state_->owner(); }
const std::string& EditedStore::path() const noexcept { return state_->path; }

json EditedStore::put(const java::Keystore& store, const Passwords& passwords, std::optional<FileAttributes> fresh) {
  const java::OpenOptions as_written{
      .source = state_->path, .password = passwords.password, .accept_absent_integrity = passwords.password == nullptr};
  const FileAttributes usual{.mode = holds_keys(store) ? 0600 : 0644 & ~caller_umask()};
  if (!state_->file) {
    java::SealedStore sealed = java::seal_in_pieces(store, passwords.password);
    java::expect_sealed(sealed, store, as_written);
    if (!state_->managed) return state_->outcome("planned");
    return state_->change_of_the_appliance(java::joined(std::move(sealed)), passwords);
  }
  Keeping kept(*state_);
  const auto sealed = std::make_shared<const java::SealedStore>(java::seal_in_pieces(store, passwords.password));
  // Of the bytes in memory, while they are written; what reads back is compared with them.
  std::future<void> checked = ahead(sealed->frame.size(), [&] { java::expect_sealed(*sealed, store, as_written); });
  return state_->replace(
      {.pieces = sealed->pieces, .owner = sealed}, [&] { checked.get(); }, fresh.value_or(usual), kept);
}

json EditedStore::put_bytes(SecretBytes bytes, const std::function<void(ByteView)>& accept, const FileAttributes& fresh,
                            const Passwords& passwords) {
  State& state = *state_;
  if (!state.file) {
    if (accept) accept(view_of(bytes));
    if (state.managed) return state.change_of_the_appliance(std::move(bytes), passwords);
    return state.outcome("planned");
  }
  Keeping kept(state);
  FileContents contents = FileContents::of(std::move(bytes));
  const ByteView whole = contents.pieces.front();
  return state.replace(
      std::move(contents),
      [&] {
        if (accept) accept(whole);
      },
      fresh, kept);
}

}  // namespace chancery::stores
