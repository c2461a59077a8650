// What a member has been ordered to do, and what it answered: STATE/secrets/orders/, 0700, one file an order. Makes an
// order that comes again harmless: it is answered as before, or goes on where a crash ended it.
//
//   OrderBook book(bench.state, "order 3f2a… of primary.example.com");   // one order at a time
//   if (auto answer = book.enter(order)) return *answer;
//   … do it …
//   book.close(order, answer);
//
// Kept are the newest 64 orders by number; the highest number among them is what a new one must exceed. No file content
// of an order is kept. Thread safety: the lock in it is a kernel lock; an object belongs to one thread.
#pragma once

#include <optional>
#include <string>

#include "appliance/federation/order.h"
#include "keystore/files/folder.h"
#include "keystore/files/lock.h"

namespace chancery::manager {

class OrderBook {
 public:
  // Waits up to two minutes for the order that is being carried out: Failure("busy").
  OrderBook(const Folder& state, const std::string& holder);

  // The answer given before. nullopt: it is to be carried out now, for the first time or once more after a crash.
  // Failure("order-replayed"): unknown, and its number is not above all others; or known with another content.
  [[nodiscard]] std::optional<std::string> enter(const federation::Order& order);
  void close(const federation::Order& order, const std::string& answer);

 private:
  void tidy();
  Folder folder_;
  FileLock lock_;
};

}  // namespace chancery::manager
