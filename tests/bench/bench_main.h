// main() of the C++ benches: what `run` throws becomes words and exit 1.
#pragma once

#include <iostream>
#include <string>
#include <vector>

#include "keystore/fault.h"

namespace chancery::bench {

inline int guarded(int count, char** words, int (*run)(const std::vector<std::string>& words)) {
  try {
    return run({words + 1, words + count});
  } catch (const Failure& failure) {
    std::cerr << failure.what() << "; " << failure.hint() << "\n";
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
  }
  return 1;
}

}  // namespace chancery::bench
