// A temporary folder in which a test lets other people's tools (openssl, keytool, certtool) make its fixtures.
//
//   Workshop shop;
//   shop.run("openssl ecparam -genkey -name prime256v1 -out ec.key");
//   shop.read("ec.key");
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "keystore/bytes/bytes.h"
#include "keystore/fault.h"
#include "tests/failure_code.h"

namespace chancery {

class Workshop {
 public:
  Workshop() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chancery-keystore-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
  }
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  std::string path(const std::string& name = "") const { return name.empty() ? folder_ : folder_ + "/" + name; }

  // A shell command in the folder; its output is shown only when it fails.
  void run(const std::string& command) const {
    const std::string line = "cd " + folder_ + " && { " + command + " ; } >command.log 2>&1 </dev/null";
    if (std::system(line.c_str()) != 0) {
      throw std::runtime_error(command + "\n" + std::string(text_of(read("command.log"))));
    }
  }
  Bytes read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    if (!in) throw std::runtime_error("no file " + name);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  std::string text(const std::string& name) const { return std::string(text_of(read(name))); }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }

 private:
  std::string folder_;
};

// Seconds of processor time of this process: machines are shared, so time on the wall proves nothing.
inline double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace chancery
