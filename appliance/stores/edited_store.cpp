#include "appliance/stores/edited_store.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "appliance/manager/managed_store.h"
#include "backup/sets/store_sets.h"
#include "keystore/bytes/ahead.h"
#include "keystore/fault.h"
#include "keystore/files/store_file.h"
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

// For a store that is gone before these bytes are.
std::shared_ptr<const void> borrowed(ByteView bytes) { return {std::shared_ptr<void>(), bytes.data()}; }

}  // namespace

struct EditedStore::State {
  EditOptions options;
  std::optional<StoreFile> file;  // neither managed nor dry_run
  std::string path;
  std::shared_ptr<const SecretBytes> read = std::make_shared<const SecretBytes>();  // where there is no `file`
  bool exists = false;
  bool managed = false;

  std::shared_ptr<const SecretBytes> shared_bytes() const { return file ? file->shared_bytes() : read; }
  const SecretBytes& bytes() const { return file ? file->bytes() : *read; }

  bool keeps_previous() const { return options.backup && exists && file; }

  // A set needs them. They depend on nothing but the file as it was read, so they are made while that is opened and edited.
  void begin_sums() {
    if (!keeps_previous()) return;
    sums = ahead(bytes().size(), [read = shared_bytes()] { return backup::sums_of(view_of(*read)); });
  }

  // `accept` is called before the set has its name, and may throw.
  void keep_previous(const std::function<void()>& accept) {
    backup_set = backup::StoreSets::for_writing(options.state)
                     .create({.path = path,
                              .bytes = view_of(bytes()),
                              .attributes = *file->attributes(),
                              .sums = sums.valid() ? sums.get() : backup::sums_of(view_of(bytes()))},
                             {.reason = options.doing, .who = who(), .when = system_now()}, accept);
  }
  std::future<backup::ContentSums> sums;
  std::string backup_set;

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
                    .part_hard_links = wanted.part_hard_links});
  state->path = state->file->path();
  state->exists = state->file->exists();
  state->begin_sums();
  return EditedStore(std::move(state));
}

bool EditedStore::exists() const noexcept { return state_->exists; }
bool EditedStore::is_managed() const noexcept { return state_->managed; }
const SecretBytes& EditedStore::bytes() const noexcept { return state_->bytes(); }
std::shared_ptr<const SecretBytes> EditedStore::shared_bytes() const noexcept { return state_->shared_bytes(); }
const std::string& EditedStore::path() const noexcept { return state_->path; }

json EditedStore::put(const java::Keystore& store, const Passwords& passwords) {
  const auto accept = [&](ByteView read_back) {
    expect_same_entries(java::open_keystore(read_back, {.source = state_->path,
                                                        .password = passwords.password,
                                                        .accept_absent_integrity = passwords.password == nullptr,
                                                        .rewritten_from = &store,
                                                        .owner = borrowed(read_back)}),
                        store);
  };
  const mode_t mode = holds_keys(store) ? 0600 : 0644 & ~caller_umask();
  return put_bytes(java::seal_keystore(store, passwords.password), accept, {.mode = mode}, passwords);
}

json EditedStore::put_bytes(SecretBytes bytes, const std::function<void(ByteView)>& accept, const FileAttributes& fresh,
                            const Passwords& passwords) {
  State& state = *state_;
  if (state.managed) {
    if (accept) accept(view_of(bytes));
    return state.change_of_the_appliance(std::move(bytes), passwords);
  }
  json outcome{{"outcome", state.options.dry_run ? "planned" : "done"}, {"path", printable(view_of(state.path))}};
  if (state.options.dry_run) {
    if (accept) accept(view_of(bytes));
    return outcome;
  }
  const auto accept_and_keep = [&](ByteView read_back) {
    std::future<void> accepted = ahead(read_back.size(), [&] {
      if (accept) accept(read_back);
    });
    if (!state.keeps_previous()) return accepted.get();
    state.keep_previous([&] { accepted.get(); });
  };
  state.file->replace(std::move(bytes), accept_and_keep, fresh);
  state.exists = true;
  if (!state.backup_set.empty()) outcome["backup_set"] = state.backup_set;
  return outcome;
}

void expect_same_entries(const java::Keystore& read_back, const java::Keystore& intended) {
  const auto same = [](const java::Entry& left, const java::Entry& right) {
    return left.kind == right.kind && left.key.has_value() == right.key.has_value() &&
           std::equal(left.certificates.begin(), left.certificates.end(), right.certificates.begin(),
                      right.certificates.end(),
                      [](const java::StoredCertificate& one, const java::StoredCertificate& other) {
                        return one.der == other.der && one.type == other.type;
                      });
  };
  const auto differs = [](const std::string& what) {
    return Failure({.code = "read-back-differs",
                    .subject = what,
                    .cause = "what was written does not read back as what was meant",
                    .hint = "nothing was changed; please report this together with the type of the keystore"});
  };
  if (read_back.entries.size() != intended.entries.size() || read_back.type != intended.type) throw differs("");
  // In most formats they come in the order in which they were written.
  const auto same_place = [&same](const java::Entry& left, const java::Entry& right) {
    return left.alias == right.alias && same(left, right);
  };
  if (std::ranges::equal(read_back.entries, intended.entries, same_place)) return;
  std::unordered_multimap<std::string_view, const java::Entry*> found;
  for (const java::Entry& entry : read_back.entries) found.emplace(entry.alias, &entry);
  for (const java::Entry& entry : intended.entries) {
    const auto [first, last] = found.equal_range(entry.alias);
    const auto match = std::find_if(first, last, [&](const auto& each) { return same(*each.second, entry); });
    if (match == last) throw differs(entry.alias);
    found.erase(match);
  }
}

}  // namespace chancery::stores
