// The book of alerts: which conditions stand, since when, and what was told of them over which channel. Kept in
// databases/alerts.db, so that a restart repeats nothing.
//
//   book.observe(findings, now);                       // each look
//   const auto news = book.news("mail", only_urgent);  // what this channel has not told yet
//   …deliver…
//   book.told("mail", news, now);
//
// A condition is told once over each channel, again with each further step (a certificate's days), and once more when it
// is resolved, over those channels that have told of it. One that ends before a channel told of it is never told there.
// A condition is found in one or more scopes; it is resolved when none that found it finds it any more, and a scope that
// was not looked at counts as unchanged. Failures: those of storage/store.h. Thread safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/storage/store.h"
#include "portal/alerts/finding.h"

namespace chancery::portal::alerts {

struct News {
  enum class Event { raised, step, resolved } event = Event::raised;
  Finding finding;
  Instant ended{};  // of `resolved`
};

struct OpenCondition {
  struct Told {
    std::string channel;
    Instant at{};
  };
  Finding finding;
  std::vector<Told> told;
};

class Book {
 public:
  // `channels`: those that are set; what others have told once does not keep a condition in the book.
  Book(std::unique_ptr<storage::Store> store, std::vector<std::string> channels);
  void set_channels(std::vector<std::string> channels);
  [[nodiscard]] static storage::Schema schema();

  void observe(const Findings& findings, Instant now);
  // At most 200, the urgent ones first; the rest comes with the next call.
  [[nodiscard]] std::vector<News> news(const std::string& channel, bool only_urgent) const;
  void told(const std::string& channel, const std::vector<News>& news, Instant now);
  [[nodiscard]] std::vector<OpenCondition> open() const;  // the oldest first

  [[nodiscard]] std::string digest_day() const;  // of the last digest, "2026-11-21"; "" before the first
  void set_digest_day(const std::string& day);

 private:
  void strike();  // what has ended and needs not be told of any more

  std::unique_ptr<storage::Store> store_;
  std::vector<std::string> channels_;
};

}  // namespace chancery::portal::alerts
