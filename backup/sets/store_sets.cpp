#include "backup/sets/store_sets.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "backup/sets/archive.h"
#include "backup/sets/envelope.h"
#include "backup/sets/set_file.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/files/lock.h"
#include "keystore/files/pieces.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/printable.h"

namespace chancery::backup {
namespace {

constexpr const char* kFormat = "chancery-keystore-set-1";
constexpr const char* kFileMember = "keystore";
constexpr const char* kPathMember = "path";
constexpr std::string_view kSuffix = ".zip";
constexpr std::string_view kMiddle = "-store-";
constexpr std::size_t kTimeSize = 16;  // 20261121T101500Z
constexpr std::size_t kDigits = 8;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kKeptOfEach = 20;
constexpr std::chrono::seconds kPatience{10};

std::string ending_for(const std::string& path) {
  return std::string(kMiddle) + sha256_hex(view_of(path)).substr(0, kDigits);
}

std::optional<Instant> time_in(const std::string& id) {
  if (id.size() != kTimeSize + kMiddle.size() + kDigits || id.compare(kTimeSize, kMiddle.size(), kMiddle) != 0) {
    return std::nullopt;
  }
  const std::string_view digits = std::string_view(id).substr(kTimeSize + kMiddle.size());
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t size) { return id.substr(at, size); };
  try {
    const Instant time = from_rfc3339(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(9, 2) + ":" +
                                      part(11, 2) + ":" + part(13, 2) + "Z");
    return to_compact(time) == part(0, kTimeSize) ? std::optional(time) : std::nullopt;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

// The user's own place; "" when there is none.
std::string own_place() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  if (state_home != nullptr && *state_home == '/') {
    return std::string(state_home) + "/chancery";
  }
  if (::geteuid() == 0) {
    return "/var/lib/chancery-keystores";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    const passwd* user = ::getpwuid(::geteuid());
    home = user == nullptr ? nullptr : user->pw_dir;
  }
  return home == nullptr || *home != '/' ? "" : std::string(home) + "/.local/state/chancery";
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// mkdir -p, and safe against power loss when it returns: a set in a folder that is lost was never made.
Folder made_folder(const std::string& path) {
  std::vector<std::string> changed;
  for (std::string at = path; ::access(at.c_str(), F_OK) != 0 && at != "/"; at = parent_of(at)) {
    changed.push_back(parent_of(at));
  }
  Folder folder = Folder::create(path, {.mode = 0700});
  for (const std::string& each : changed) Folder::open(each).sync();
  return folder;
}

Failure impossible(const std::string& place, const std::string& cause) {
  return Failure(
      {.code = "backup-impossible",
       .subject = place,
       .cause = "no backup set of the present file can be made: " + cause,
       .hint = "set XDG_STATE_HOME to a folder of yours that can be written, or do without one by --no-backup"});
}

Failure unknown_backup(const std::string& id) {
  return Failure({.code = "unknown-backup",
                  .subject = printable(view_of(id.substr(0, 64))),
                  .cause = "there is no backup set of this name",
                  .hint = "`chancery backup list` shows those that there are"});
}

}  // namespace

// The manifest comes first, and it is too short to be deflated.
bool looks_like_store_set(ByteView zip) {
  constexpr std::size_t manifest_begins_within = 4096;
  return text_of(zip.first(std::min(zip.size(), manifest_begins_within))).find(kFormat) != std::string_view::npos;
}

bool is_store_set_id(const std::string& id) { return time_in(id).has_value(); }

StoreSets StoreSets::for_writing(const std::string& state) {
  const std::string appliance_key = state + "/secrets/generation.key";
  if (::access(appliance_key.c_str(), R_OK) == 0 && ::access((state + "/backups").c_str(), W_OK) == 0) {
    return {state + "/backups/keystores", appliance_key, false};
  }
  const std::string place = own_place();
  if (place.empty()) {
    throw impossible("", "this user has no home folder");
  }
  return {place + "/sets", place + "/set.key", true};
}

std::vector<StoreSets> StoreSets::for_reading(const std::string& state) {
  std::vector<StoreSets> places;
  const auto add = [&](StoreSets place) {
    if (::access(place.folder_.c_str(), R_OK | X_OK) == 0 && ::access(place.key_.c_str(), R_OK) == 0) {
      places.push_back(std::move(place));
    }
  };
  add({state + "/backups/keystores", state + "/secrets/generation.key", false});
  if (const std::string own = own_place(); !own.empty()) {
    add({own + "/sets", own + "/set.key", true});
  }
  return places;
}

SecretBytes StoreSets::key() const {
  SecretBytes key = read_secret_file(key_, 4096);
  if (key.size() < kKeySize) {
    throw damaged_backup(key_, "the key that seals the sets is too short");
  }
  return key;
}

std::string StoreSets::create(const StoreView& store, const Cause& cause, const std::function<void()>& last_look) {
  std::string last_step = folder_;
  bool is_refused = false;
  const auto look = [&] {
    is_refused = true;
    if (last_look) last_look();
    is_refused = false;
  };
  try {
    const Folder folder = made_folder(folder_);
    const FileLock lock = FileLock::take(folder_ + "/lock", "backup of " + printable(view_of(store.path)), kPatience);
    if (makes_key_ && ::access(key_.c_str(), F_OK) != 0) {
      const std::size_t slash = key_.rfind('/');
      last_step = key_;
      Folder::open(key_.substr(0, slash))
          .write_atomically(key_.substr(slash + 1), view_of(random_secret(kKeySize)), {.mode = 0600});
    }
    const std::string ending = ending_for(store.path);
    SetHeader header{.format = kFormat,
                     .id = "",
                     .created = cause.when,
                     .generation = 0,
                     .components = {"keystore:" + printable(view_of(store.path))},
                     .cause = cause};
    // Always later than the ones there are: of two within one second, or after the clock went back, the newest by name is
    // the newest.
    std::vector<std::string> present = ids();
    std::erase_if(present, [&](const std::string& id) { return !id.ends_with(ending); });
    Instant named = cause.when;
    if (!present.empty()) named = std::max(named, *time_in(present.front()) + std::chrono::seconds(1));
    header.id = to_compact(named) + ending;
    const FileViews files{{kFileMember, {.bytes = store.bytes, .attributes = store.attributes, .sums = store.sums}},
                          {kPathMember, {.bytes = view_of(store.path), .attributes = {}}}};
    const StoredArchive zip = write_set_in_pieces(header, files, view_of(key()));
    last_step = folder_;
    write_atomically(folder, header.id + std::string(kSuffix), zip.pieces, {.mode = 0600}, look);
    // Not synced: one that a power failure brings back goes next time.
    for (std::size_t at = kKeptOfEach - 1; at < present.size(); ++at) {
      static_cast<void>(::unlink((folder_ + "/" + present[at] + std::string(kSuffix)).c_str()));
    }
    return header.id;
  } catch (const Failure& failure) {
    if (is_refused || failure.code() == "busy") {
      throw;
    }
    throw impossible(failure.subject().empty() ? last_step : failure.subject(), failure.cause());
  }
}

std::vector<std::string> StoreSets::ids() const {
  std::vector<std::string> ids;
  for (const std::string& name : Folder::open(folder_).list()) {
    const std::string id = name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : "";
    if (is_store_set_id(id)) {
      ids.push_back(id);
    }
  }
  std::ranges::sort(ids, std::ranges::greater());
  return ids;
}

StoreSet StoreSets::open(const std::string& id) const {
  if (!is_store_set_id(id)) {
    throw unknown_backup(id);
  }
  const Folder folder = Folder::open(folder_);
  const std::string name = id + std::string(kSuffix);
  if (!folder.status(name)) {
    throw unknown_backup(id);
  }
  try {
    SetFile read = read_set_file(view_of(folder.read_secret(name, kMaximumArchive)), kFormat, view_of(key()));
    const auto file = read.files.find(kFileMember);
    const auto path = read.files.find(kPathMember);
    if (file == read.files.end() || path == read.files.end() || read.header.id != id) {
      throw damaged_backup(id, "it is not the set of this name");
    }
    return {.summary = {.id = id,
                        .created = read.header.created,
                        .generation = 0,
                        .components = read.header.components,
                        .cause = read.header.cause,
                        .verified = true,
                        .problem = ""},
            .copy = {.path = std::string(text_of(view_of(path->second.bytes))), .file = std::move(file->second)}};
  } catch (const Failure& failure) {
    Fault fault = failure.fault();
    fault.subject = id;
    throw Failure(std::move(fault));
  }
}

void StoreSets::remove(const std::string& id) const {
  if (!is_store_set_id(id)) throw unknown_backup(id);
  Folder::open(folder_).remove(id + std::string(kSuffix));
}

SecretBytes StoreSets::export_set(const std::string& id, const SecretBytes* passphrase) const {
  static_cast<void>(open(id));
  SecretBytes zip = Folder::open(folder_).read_secret(id + std::string(kSuffix), kMaximumArchive);
  return passphrase == nullptr ? std::move(zip) : close_envelope(view_of(zip), *passphrase);
}

BackupSummary StoreSets::examine_import(ByteView zip) const {
  const SetHeader header = read_set_file(zip, kFormat, view_of(key())).header;
  if (!is_store_set_id(header.id)) throw damaged_backup(header.id, "it is not the set of a keystore");
  if (::access((folder_ + "/" + header.id + std::string(kSuffix)).c_str(), F_OK) == 0) {
    throw Failure({.code = "already-exists",
                   .subject = header.id,
                   .cause = "a backup set of this name is here already",
                   .hint = "`chancery backup verify` tells whether it is whole; remove it first to import it again"});
  }
  return {.id = header.id,
          .created = header.created,
          .generation = 0,
          .components = header.components,
          .cause = header.cause,
          .verified = true,
          .problem = ""};
}

std::string StoreSets::import_set(ByteView zip) const {
  std::string id = examine_import(zip).id;
  made_folder(folder_).write_atomically(id + std::string(kSuffix), zip, {.mode = 0600});
  return id;
}

std::vector<std::string> StoreSets::beyond(std::size_t count) const {
  std::map<std::string, std::size_t> kept;  // by the ending that all sets of one file have
  std::vector<std::string> out;
  for (const std::string& id : ids()) {
    if (++kept[id.substr(kTimeSize)] > count) out.push_back(id);
  }
  return out;
}

BackupSummary StoreSets::summary(const std::string& id) const {
  try {
    return open(id).summary;
  } catch (const Failure& failure) {
    const std::optional<Instant> time = time_in(id);
    if (!time || failure.code() == "unknown-backup") {
      throw;
    }
    return {.id = id,
            .created = *time,
            .generation = 0,
            .components = {},
            .cause = {},
            .verified = false,
            .problem = failure.cause()};
  }
}

std::vector<BackupSummary> store_set_summaries(const std::string& state) {
  std::vector<BackupSummary> all;
  for (const StoreSets& place : StoreSets::for_reading(state)) {
    for (const std::string& id : place.ids()) {
      all.push_back(place.summary(id));
    }
  }
  std::ranges::sort(all, std::ranges::greater(), &BackupSummary::id);
  return all;
}

namespace {

StoreSets place_of(const std::string& state, const std::string& id) {
  for (StoreSets& place : StoreSets::for_reading(state)) {
    const std::vector<std::string> ids = place.ids();
    if (std::ranges::find(ids, id) != ids.end()) {
      return std::move(place);
    }
  }
  throw unknown_backup(id);
}

}  // namespace

BackupSummary store_set_summary(const std::string& state, const std::string& id) {
  return place_of(state, id).summary(id);
}

SecretBytes export_store_set(const std::string& state, const std::string& id, const SecretBytes* passphrase) {
  return place_of(state, id).export_set(id, passphrase);
}

StoreSet open_store_set(const std::string& state, const std::string& id) { return place_of(state, id).open(id); }

}  // namespace chancery::backup
