// A serving program's own settings file while it runs: which bytes of it count, who reads them again, and what of it
// waits for a restart. For HostedProgram.
//
//   OwnSettings settings(state, "portal", log_level);       // the level of the log, where no option gave it
//   settings.add([&] { … read, then put in force … });
//   if (settings.take()) …                                  // another file than before: everybody has read it again
//
// A Failure of take() is that of whoever could not read the file, before or while parts of it were put in force; what
// sha256() tells is then still the file before, and the next take() tries again. Thread safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"

namespace chancery::serving {

class OwnSettings {
 public:
  OwnSettings(const Folder& state, std::string program, std::optional<std::string> log_level);
  void add(std::function<void()> reread);
  bool take();
  // Of the file that counts, hex; "" where there is none.
  [[nodiscard]] std::string sha256() const;
  // Keys that stand in it with another value than the program was started with, and count when it is started again.
  [[nodiscard]] std::vector<std::string> waiting() const;

 private:
  std::map<std::string, std::string> until_restart_in(const std::optional<Bytes>& bytes) const;
  void set_log_level() const;

  const std::string path_;
  const std::string state_;
  const std::string program_;
  const bool has_own_level_;
  mutable std::mutex mutex_;  // also over reading again: one after the other
  std::string sha256_;
  std::map<std::string, std::string> at_start_;
  std::vector<std::string> waiting_;
  std::vector<std::function<void()>> readers_;
};

}  // namespace chancery::serving
