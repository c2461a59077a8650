#include "appliance/settings/own_folder.h"

#include <filesystem>

namespace chancery {

std::string own_folder() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "/usr/bin" : self.parent_path().string();
}

}  // namespace chancery
