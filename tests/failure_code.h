// What a test expects to be refused, and how.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "keystore/fault.h"

namespace chancery {

// The code of the Failure that `work` throws; "" when it throws none. Every Failure must have a cause and a hint.
template <typename Work>
std::string code_of(Work work, Fault* fault = nullptr) {
  try {
    work();
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.hint().empty());
    EXPECT_FALSE(failure.cause().empty());
    if (fault != nullptr) *fault = failure.fault();
    return failure.code();
  }
  return "";
}

}  // namespace chancery
