// Brings over one channel what the book says that it has not told yet, and the digest where it has one.
//
//   Courier courier(book, channel, {.quiet = settings.quiet}, clock);
//   courier.look();                       // each second
//   if (const auto problem = courier.problem()) …
//
// In quiet hours only what is urgent is delivered; the rest waits in the book and comes as one message when they end. The
// digest comes at its time, quiet or not: it was asked for then. A delivery that fails is tried again after 30 s, 1 min,
// 2 min … up to an hour, a fifth more or less, so that many portals do not come at once; other channels have couriers of
// their own and are not concerned. Thread safety: look() by one thread, the rest from any.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "appliance/settings/alert_settings.h"
#include "keystore/fault.h"
#include "portal/alerts/channel.h"

namespace chancery::portal::alerts {

struct CourierOptions {
  std::optional<QuietHours> quiet = {};
  std::optional<DigestTime> digest = {};
  // All that are known; asked for a digest.
  std::function<std::vector<CertificateEnd>()> certificates = {};
};

class Courier {
 public:
  // Book and channel are borrowed.
  Courier(Book& book, Channel& channel, CourierOptions options, Clock clock);

  // Never throws what the channel throws. `with_digest`: not before everything is known that belongs in it.
  void look(bool with_digest = true);
  void hurry();  // trust has changed: what failed is tried again at the next look
  void test();   // a test message, now; Failure. One that is taken ends the problem and the pause
  [[nodiscard]] std::optional<Fault> problem() const;  // why the last delivery failed
  Channel& channel() const { return channel_; }

 private:
  bool deliver(const Delivery& delivery, Instant now);
  void look_for_news(Instant now);
  void look_for_digest(Instant now);

  Book& book_;
  Channel& channel_;
  CourierOptions options_;
  Clock clock_;
  std::atomic<bool> hurry_ = false;
  Instant next_{};    // no delivery before; of look()'s thread
  Instant failed_{};  // a clock that was set back must not make it wait for long
  std::chrono::seconds pause_;
  mutable std::mutex mutex_;  // guards the problem
  std::optional<Fault> problem_;
};

}  // namespace chancery::portal::alerts
