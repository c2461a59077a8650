// A folder that goes away with the test, and the Failure that a call throws.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "keystore/fault.h"

namespace chancery::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "chancery-control-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

template <typename Call>
Failure failure_of(Call call) {
  try {
    call();
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.hint().empty()) << failure.what();
    return failure;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Failure({.code = "none", .subject = "", .cause = "nothing was thrown", .hint = "-"});
}

}  // namespace chancery::test
