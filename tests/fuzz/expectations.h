// What fuzz targets ask of the code under test: an abort tells the fuzzer that it found something.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "keystore/bytes/secret.h"
#include "keystore/fault.h"

namespace chancery::fuzz {

inline void must(bool holds) {
  if (!holds) std::abort();
}

inline void must_be_printable(std::string_view text) {
  for (const char unit : text) must(static_cast<unsigned char>(unit) >= 0x20 && unit != 0x7f);
}

// A Failure is the right answer to bad input, if it tells the way out and, where there are any, is one of those promised.
template <typename Work>
void allowing_failures(std::initializer_list<std::string_view> promised, Work work) {
  try {
    work();
  } catch (const Failure& failure) {
    must(!failure.code().empty() && !failure.hint().empty());
    must(promised.size() == 0 || std::find(promised.begin(), promised.end(), failure.code()) != promised.end());
  }
}

// The password of all seeds.
inline const SecretBytes& password() {
  static const SecretBytes fuzz = secret_copy(std::string_view("fuzz"));
  return fuzz;
}

}  // namespace chancery::fuzz
