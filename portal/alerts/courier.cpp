#include "portal/alerts/courier.h"

#include <algorithm>

#include "keystore/bytes/secret.h"
#include "portal/alerts/wall_clock.h"

namespace chancery::portal::alerts {
namespace {

constexpr std::chrono::seconds first_pause{30};
constexpr std::chrono::seconds longest_pause{3600};
constexpr std::chrono::days soon{30};

// 80 to 120 of a hundred parts.
std::chrono::seconds about(std::chrono::seconds span) {
  const int percent = 80 + random_secret(1).front() % 41;
  return span * percent / 100;
}

}  // namespace

Courier::Courier(Book& book, Channel& channel, CourierOptions options, Clock clock)
    : book_(book), channel_(channel), options_(std::move(options)), clock_(std::move(clock)), pause_(first_pause) {}

void Courier::look(bool with_digest) {
  const Instant now = clock_();
  if (hurry_.exchange(false)) next_ = {};
  if (now < next_ && now >= failed_) return;
  look_for_news(now);
  if (with_digest && options_.digest) look_for_digest(now);
}

void Courier::look_for_news(Instant now) {
  const bool only_urgent = is_quiet(options_.quiet, wall_time(now));
  const std::vector<News> news = book_.news(channel_.name(), only_urgent);
  if (news.empty()) return;
  if (deliver({.purpose = Delivery::Purpose::news, .news = news, .open = {}, .certificates = {}}, now)) {
    book_.told(channel_.name(), news, now);
  }
}

void Courier::look_for_digest(Instant now) {
  const WallTime time = wall_time(now);
  const std::string last = book_.digest_day();
  if (last.empty()) {
    // Newly set: today's time may have passed already, and the first one comes when it comes next.
    book_.set_digest_day(time.minute >= options_.digest->minute ? time.day : "none");
    return;
  }
  if (!is_digest_due(*options_.digest, time, last) || now < next_) return;
  Delivery digest{.purpose = Delivery::Purpose::digest, .news = {}, .open = book_.open(), .certificates = {}};
  if (options_.certificates) digest.certificates = options_.certificates();
  std::erase_if(digest.certificates, [&](const CertificateEnd& one) { return one.not_after - now > soon; });
  std::ranges::sort(digest.certificates, {}, &CertificateEnd::not_after);
  // Nothing to tell is no mail.
  if ((digest.open.empty() && digest.certificates.empty()) || deliver(digest, now)) book_.set_digest_day(time.day);
}

bool Courier::deliver(const Delivery& delivery, Instant now) {
  try {
    channel_.deliver(delivery);
  } catch (const Failure& failure) {
    failed_ = now;
    next_ = now + about(pause_);
    pause_ = std::min(pause_ * 2, longest_pause);
    const std::lock_guard lock(mutex_);
    problem_ = failure.fault();
    return false;
  }
  pause_ = first_pause;
  const std::lock_guard lock(mutex_);
  problem_.reset();
  return true;
}

void Courier::hurry() { hurry_ = true; }

void Courier::test() {
  channel_.deliver({.purpose = Delivery::Purpose::test, .news = {}, .open = {}, .certificates = {}});
  hurry_ = true;
  const std::lock_guard lock(mutex_);
  problem_.reset();
}

std::optional<Fault> Courier::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace chancery::portal::alerts
