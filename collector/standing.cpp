#include "collector/standing.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/files/descriptor.h"

namespace chancery::collector {

namespace {

using nlohmann::json;

constexpr const char* file_name = "trust.json";
constexpr const char* shipped_name = "shipped.json";
constexpr const char* installed_settings = "shipped/collector.toml";
constexpr const char* installed_root = "shipped/root.pem";
constexpr const char* format = "chancery-collector-trust-1";
constexpr std::size_t file_limit = 16 * 1024 * 1024;

// On the folder itself: a lock file would belong to whoever came first, root perhaps.
class FolderLock {
 public:
  explicit FolderLock(const Folder& folder) : folder_(folder.path()), own_(Folder::open(folder.path())) {
    while (::flock(own_.descriptor(), LOCK_EX) != 0) {
      if (errno != EINTR) throw system_failure(errno, "lock", folder_);
    }
  }

 private:
  std::string folder_;
  Folder own_;  // its descriptor is this lock's alone
};

json to_json_or_null(const std::optional<Situation>& situation) { return situation ? to_json(*situation) : json(); }

std::optional<Situation> from_json_or_null(const json& document) {
  return document.is_null() ? std::nullopt : std::optional(situation_from(document));
}

std::string to_text(const Standing& standing) {
  return json{{"format", format},
              {"bound", to_json_or_null(standing.bound)},
              {"candidate", to_json_or_null(standing.candidate)},
              {"resets", standing.resets},
              {"repair_number", standing.repair_number},
              {"repair_key", to_base64(standing.repair_key)}}
             .dump(2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace

FileAttributes state_attributes(const Folder& state, mode_t mode) {
  struct stat status {};
  FileAttributes attributes{.mode = mode, .owner = {}, .group = {}};
  if (::geteuid() != 0 || ::fstat(state.descriptor(), &status) != 0 || status.st_uid == 0) return attributes;
  attributes.owner = status.st_uid;
  attributes.group = status.st_gid;
  return attributes;
}

Standing Standing::read(const Folder& state) {
  Standing standing;
  if (!state.status(file_name)) return standing;
  const Bytes bytes = state.read(file_name, file_limit);
  try {
    const json file = json::parse(text_of(bytes));
    if (file.at("format") != format) throw std::invalid_argument("another format");
    standing.bound = from_json_or_null(file.at("bound"));
    standing.candidate = from_json_or_null(file.at("candidate"));
    standing.resets = file.at("resets").get<std::uint64_t>();
    standing.repair_number = file.at("repair_number").get<std::uint64_t>();
    standing.repair_key = from_base64(file.at("repair_key").get<std::string>());
  } catch (const std::exception& error) {
    throw Failure({.code = "state-damaged",
                   .subject = state.path() + "/" + file_name,
                   .cause = std::string("what trust is in force cannot be read: ") + error.what(),
                   .hint = "remove the file: the collector then goes by its settings, as it was installed"});
  }
  return standing;
}

Standing Standing::change(const Folder& state, const std::function<void(Standing& now)>& edit) {
  const FolderLock lock(state);
  Standing standing = read(state);
  const std::string before = to_text(standing);
  edit(standing);
  const std::string after = to_text(standing);
  if (after != before) state.write_atomically(file_name, view_of(after), state_attributes(state, 0600));
  return standing;
}

void Standing::keep_shipped(const Folder& state, const Situation& settings) {
  if (state.status(shipped_name) || state.status(installed_settings)) return;
  Situation situation = settings;
  situation.source = "shipped";
  situation.settings.clear();
  const std::string text = to_json(situation).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  state.write_atomically(shipped_name, view_of(text), state_attributes(state, 0400));
}

std::optional<Situation> Standing::shipped(const Folder& state) {
  if (state.status(installed_settings)) {
    const Bytes toml = state.read(installed_settings, file_limit);
    CollectorSettings settings = CollectorSettings::parse(state.path() + "/" + installed_settings, toml);
    if (!settings.root_ca.empty() && state.status(installed_root)) {
      settings.root_ca = state.path() + "/" + installed_root;
    }
    Situation situation = configured(settings);
    situation.source = "shipped";
    situation.settings.clear();
    return situation;
  }
  if (!state.status(shipped_name)) return std::nullopt;
  const Bytes bytes = state.read(shipped_name, file_limit);
  try {
    return situation_from(json::parse(text_of(bytes)));
  } catch (const std::exception& error) {
    throw Failure({.code = "state-damaged",
                   .subject = state.path() + "/" + shipped_name,
                   .cause = std::string("what this collector was shipped with cannot be read: ") + error.what(),
                   .hint = "install it anew, or name its server and root in settings/collector.toml"});
  }
}

std::string Standing::anchors_file() const {
  return resets == 0 ? "anchors.json" : "anchors-" + std::to_string(resets) + ".json";
}

std::vector<Attempt> attempts(const Standing& standing, const std::optional<Situation>& settings) {
  std::vector<Attempt> all;
  const auto& bound = standing.bound;
  const auto& candidate = standing.candidate;
  const auto is_of_now = [&](const Situation& each) {
    return !settings || each.settings.empty() || each.settings == settings->settings;
  };
  const bool is_edited = bound && !is_of_now(*bound);
  const bool is_heard = candidate && is_of_now(*candidate);
  if (is_heard) {
    all.push_back({*candidate, true});
  } else if (is_edited) {
    all.push_back({*settings, true});
  }
  if (bound && bound->source == "settings" && settings && !is_edited) {
    all.push_back({*settings, false});
  } else if (bound) {
    all.push_back({*bound, false});
  } else if (settings) {
    // Nothing has ever worked: the first that does is bound.
    all.push_back({*settings, true});
  }
  return all;
}

void adopt(const Folder& state, const std::optional<Situation>& settings) {
  Standing::change(state, [&](Standing& now) {
    const std::optional<Situation> before = now.bound && !now.bound->settings.empty() ? now.bound : settings;
    for (std::optional<Situation>* each : {&now.bound, &now.candidate}) {
      if (!*each || !(*each)->settings.empty()) continue;
      Situation& fresh = **each;
      if (fresh.servers.empty() && !fresh.portal && before && fresh.source != "shipped") {
        fresh.servers = before->servers;
        fresh.portal = before->portal;
        fresh.verify_name = before->verify_name;
        fresh.verify_found_name = before->verify_found_name;
      }
      if (settings) fresh.settings = settings->settings;
    }
  });
}

bool bind(const Folder& state, const Situation& proven) {
  bool is_bound = false;
  Standing::change(state, [&](Standing& now) {
    const std::string digest = digest_of(proven);
    const bool is_another = now.candidate && now.candidate->settings == proven.settings &&
                            digest_of(*now.candidate) != digest && proven.source != "settings";
    if (is_another) return;
    is_bound = true;
    // A candidate of before an edit of the settings is none any more; one of after it stays to be tried.
    const bool stays =
        now.candidate && now.candidate->settings == proven.settings && digest_of(*now.candidate) != digest;
    if (!stays) now.candidate = std::nullopt;
    if (now.bound && digest_of(*now.bound) == digest && now.bound->settings == proven.settings &&
        now.bound->source == proven.source) {
      return;
    }
    now.bound = proven;
  });
  return is_bound;
}

}  // namespace chancery::collector
