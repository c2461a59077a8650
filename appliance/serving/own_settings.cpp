#include "appliance/serving/own_settings.h"

#include <spdlog/spdlog.h>

#include "appliance/settings/catalogue.h"
#include "appliance/settings/program_settings.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery::serving {
namespace {

constexpr std::size_t limit = 1024 * 1024;

// nullopt where there is none; what else is wrong with it is said by whoever reads the settings.
std::optional<Bytes> bytes_of(const std::string& path) {
  try {
    return read_file(path, limit);
  } catch (const Failure&) {
    return std::nullopt;
  }
}

std::string digest_of(const std::optional<Bytes>& bytes) { return bytes ? sha256_hex(*bytes) : ""; }

}  // namespace

OwnSettings::OwnSettings(const Folder& state, std::string program, std::optional<std::string> log_level)
    : path_(state.path() + "/settings/" + program + ".toml"),
      state_(state.path()),
      program_(std::move(program)),
      has_own_level_(log_level.has_value()) {
  const std::optional<Bytes> bytes = bytes_of(path_);
  sha256_ = digest_of(bytes);
  at_start_ = until_restart_in(bytes);
  set_log_level();
}

// Empty for a file that cannot be read: nothing is started with one.
std::map<std::string, std::string> OwnSettings::until_restart_in(const std::optional<Bytes>& bytes) const {
  std::map<std::string, std::string> values;
  try {
    for (const SettingValue& each : read_settings(path_, bytes.value_or(Bytes()), program_, process_environment())) {
      if (needs_restart(*each.fact)) values.emplace(std::string(each.fact->key), each.text);
    }
  } catch (const Failure&) {
    values.clear();
  }
  return values;
}

void OwnSettings::set_log_level() const {
  if (has_own_level_ || settings_of(program_).empty()) return;
  spdlog::set_level(spdlog::level::from_str(log_level_of(state_, program_)));
}

void OwnSettings::add(std::function<void()> reread) {
  const std::lock_guard lock(mutex_);
  readers_.push_back(std::move(reread));
}

bool OwnSettings::take() {
  const std::lock_guard lock(mutex_);
  const std::optional<Bytes> bytes = bytes_of(path_);
  const std::string present = digest_of(bytes);
  if (present == sha256_) return false;
  set_log_level();
  for (const auto& reread : readers_) reread();
  waiting_.clear();
  for (const auto& [key, value] : until_restart_in(bytes)) {
    const auto before = at_start_.find(key);
    if (before != at_start_.end() && before->second != value) waiting_.push_back(key);
  }
  sha256_ = present;
  return true;
}

std::string OwnSettings::sha256() const {
  const std::lock_guard lock(mutex_);
  return sha256_;
}

std::vector<std::string> OwnSettings::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace chancery::serving
