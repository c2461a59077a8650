// Work on megabytes that another processor may do while this one goes on: a digest, or parsing what is digested.
//
//   std::future<Sha256> digest = ahead(content.size(), [&] { return sha256(content); });
//   …                                    // something else with the same bytes
//   use(digest.get());                   // throws what the work threw
//
// Small work is done when it is asked for, and all work where no thread can be had. What the work refers to must outlive
// the future, whose destructor waits for it. File calls only where no call of the other thread needs them done before it:
// what makes a change safe against power loss is an order.
#pragma once

#include <cstddef>
#include <future>
#include <system_error>
#include <utility>

namespace chancery {

inline constexpr std::size_t worth_a_thread = 1024 * 1024;  // bytes: about a millisecond of a digest

template <typename Work>
[[nodiscard]] auto ahead(std::size_t bytes, Work work) {
  if (bytes >= worth_a_thread) {
    try {
      return std::async(std::launch::async, work);
    } catch (const std::system_error&) {  // no more threads for this user
    }
  }
  return std::async(std::launch::deferred, std::move(work));
}

}  // namespace chancery
