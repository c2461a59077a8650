// Alerts by an injected clock: what is told, when, once, over which channel; quiet hours and digests by the wall's time.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "appliance/storage/database.h"
#include "portal/alerts/courier.h"
#include "portal/alerts/wall_clock.h"
#include "portal/alerts/wording.h"
#include "tests/keystore/workshop.h"

namespace chancery::portal::alerts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::hours day{24};
const std::vector<std::int64_t> steps{30, 14, 7, 1};
const std::string leaf(64, 'a');
const std::string other_leaf(64, 'b');

CertificateEnd ending(const std::string& sha256, Instant not_after, const std::string& where = "one.test (engine)") {
  return {.where = where, .subject = "CN=one.test", .issuer = "CN=CA", .sha256 = sha256, .not_after = not_after};
}

// A channel that writes down what it is given, or has a bad day.
class Recorder final : public Channel {
 public:
  explicit Recorder(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::string destination() const override { return "a test"; }
  void deliver(const Delivery& delivery) override {
    ++attempts;
    if (is_down) throw Failure({.code = "timeout", .subject = name_, .cause = "no progress", .hint = "wait"});
    std::string text;
    for (const News& one : delivery.news) {
      const char* const event = one.event == News::Event::raised ? "raised "
                                : one.event == News::Event::step ? "step "
                                                                 : "resolved ";
      text += (text.empty() ? "" : ", ") + std::string(event) + to_text(one.finding.kind);
      if (one.event != News::Event::resolved && one.finding.step != 0) text += " " + std::to_string(one.finding.step);
    }
    if (delivery.purpose == Delivery::Purpose::digest) {
      text = "digest " + std::to_string(delivery.open.size()) + " " + std::to_string(delivery.certificates.size());
    }
    said.push_back(text);
  }
  std::vector<std::string> take() { return std::exchange(said, {}); }

  bool is_down = false;
  int attempts = 0;
  std::vector<std::string> said;

 private:
  std::string name_;
};

class AlertsTest : public testing::Test {
 protected:
  AlertsTest() {
    set_time_zone("UTC");
    open();
  }
  ~AlertsTest() override { set_time_zone("UTC"); }

  // As a portal that is started (again).
  void open(CourierOptions options = {}) {
    couriers.clear();
    book.reset();
    book = std::make_unique<Book>(std::make_unique<storage::Database>(
                                      storage::Database::open(Folder::open(shop.path()), "alerts.db", Book::schema())),
                                  std::vector<std::string>{"mail", "webhook"});
    for (Recorder* channel : {&mail, &webhook}) {
      CourierOptions own = options;
      if (channel == &webhook) own.digest.reset();
      couriers.push_back(std::make_unique<Courier>(*book, *channel, own, [this] { return now; }));
    }
  }
  void look(const Findings& findings) {
    book->observe(findings, now);
    deliver();
  }
  void deliver() {
    for (const auto& courier : couriers) courier->look();
  }
  Findings certificate(Instant not_after, const std::string& sha256 = leaf) const {
    Findings findings{{"installed one.test", {}}};
    if (auto finding = certificate_finding(ending(sha256, not_after), steps, now)) {
      findings["installed one.test"].push_back(*finding);
    }
    return findings;
  }
  Findings drift(bool is_there) const {
    Findings findings{{"health one.test", {}}};
    if (is_there)
      findings["health one.test"] = health_findings(
          "one.test",
          {.at = now, .findings = {{"drift", "edited: x", "undo", now}}, .certificates = {}, .members = {}});
    return findings;
  }
  Findings failing() const {
    return {{"health one.test", health_findings("one.test", {.at = now,
                                                             .findings = {{"endpoint engine", "shakes no hands",
                                                                           "restart", now - std::chrono::seconds(10)}},
                                                             .certificates = {},
                                                             .members = {}})}};
  }

  Workshop shop;
  Instant now = from_rfc3339("2026-06-15T12:00:00Z");
  Recorder mail{"mail"};
  Recorder webhook{"webhook"};
  std::unique_ptr<Book> book;
  std::vector<std::unique_ptr<Courier>> couriers;
};

TEST_F(AlertsTest, ACertificateIsToldOnceForEachStepAndOnceMoreWhenItHasEnded) {
  const Instant end = now + 40 * day;
  std::vector<std::string> told;
  for (; now < end + 3 * day; now += std::chrono::hours(6)) {
    look(certificate(end));
    for (const std::string& one : mail.take()) told.push_back(std::to_string(days_left(end, now)) + " " + one);
  }
  EXPECT_THAT(told,
              ElementsAre("30 raised certificate-ends 30", "14 step certificate-ends 14", "7 step certificate-ends 7",
                          "1 step certificate-ends 1", "-1 step certificate-ends -1"));
  EXPECT_EQ(5U, webhook.said.size());
}

TEST_F(AlertsTest, ACertificateFirstSeenLateIsOneMessageAndOneThatIsReplacedIsResolved) {
  look(certificate(now + 5 * day));
  EXPECT_THAT(mail.take(), ElementsAre("raised certificate-ends 7"));
  look(certificate(now + 300 * day, other_leaf));
  EXPECT_THAT(mail.take(), ElementsAre("resolved certificate-ends"));
  EXPECT_THAT(book->open(), IsEmpty());
  look(certificate(now + 300 * day, other_leaf));
  EXPECT_THAT(mail.take(), IsEmpty());
}

TEST_F(AlertsTest, ARestartRepeatsNothingAndForgetsNothing) {
  look(drift(true));
  EXPECT_THAT(mail.take(), ElementsAre("raised drift"));
  open();
  deliver();
  look({});  // nothing is known yet of anybody
  look(drift(true));
  EXPECT_THAT(mail.take(), IsEmpty());
  open();
  look(drift(false));
  EXPECT_THAT(mail.take(), ElementsAre("resolved drift"));
  look(drift(true));
  EXPECT_THAT(mail.take(), ElementsAre("raised drift"));
}

TEST_F(AlertsTest, WhatWasMailedByAnEarlierVersionIsNotToldAgain) {
  couriers.clear();
  book.reset();
  std::filesystem::remove(shop.path("alerts.db"));
  storage::Schema former = Book::schema();
  former.migrations.erase(former.migrations.begin() + 1, former.migrations.end());
  {
    auto store = storage::Database::open(Folder::open(shop.path()), "alerts.db", former);
    for (const std::int64_t days : {30, 14}) {
      store.run("INSERT INTO sent (sha256, days, at) VALUES (?,?,?)", {leaf, days, std::int64_t{1'700'000'000 + days}});
    }
  }
  open();
  const Instant end = now + 10 * day;
  look(certificate(end));
  EXPECT_THAT(mail.take(), IsEmpty());
  EXPECT_THAT(webhook.take(), ElementsAre("raised certificate-ends 14"));
  now = end - 6 * day;
  look(certificate(end));
  EXPECT_THAT(mail.take(), ElementsAre("step certificate-ends 7"));
}

TEST_F(AlertsTest, AChannelThatFailsIsTriedAgainLaterAndLaterAndTheOtherOneIsNotConcerned) {
  mail.is_down = true;
  look(drift(true));
  EXPECT_THAT(webhook.take(), ElementsAre("raised drift"));
  ASSERT_TRUE(couriers.front()->problem());
  EXPECT_EQ("timeout", couriers.front()->problem()->code);
  for (int second = 0; second < 3600; ++second, now += std::chrono::seconds(1)) deliver();
  // 30, 60, 120 … seconds, each a fifth more or less.
  EXPECT_GE(mail.attempts, 6);
  EXPECT_LE(mail.attempts, 8);
  mail.is_down = false;
  couriers.front()->hurry();
  deliver();
  EXPECT_THAT(mail.take(), ElementsAre("raised drift"));
  EXPECT_FALSE(couriers.front()->problem());
  EXPECT_THAT(webhook.take(), IsEmpty());
}

TEST_F(AlertsTest, WhatEndsBeforeAChannelToldOfItIsNeverToldThere) {
  mail.is_down = true;
  look(drift(true));
  EXPECT_THAT(webhook.take(), ElementsAre("raised drift"));
  webhook.is_down = true;
  look(drift(false));
  mail.is_down = false;
  now += day;
  deliver();  // it still stands in the book, for the webhook
  EXPECT_THAT(mail.take(), IsEmpty());
  webhook.is_down = false;
  now += day;
  deliver();
  EXPECT_THAT(webhook.take(), ElementsAre("resolved drift"));
  EXPECT_THAT(mail.take(), IsEmpty());
}

TEST_F(AlertsTest, AScopeThatCannotBeLookedAtKeepsItsConditions) {
  Findings findings = certificate(now + 5 * day);
  findings["installed two.test"] = findings["installed one.test"];
  findings["installed two.test"].front().subject = "two.test (engine)";
  look(findings);
  EXPECT_THAT(mail.take(), ElementsAre("raised certificate-ends 7"));
  EXPECT_EQ("one.test (engine), two.test (engine)", book->open().at(0).finding.subject);
  look({{"installed one.test", {}}});  // replaced there, and two.test is silent
  EXPECT_EQ(1U, book->open().size());
  look({{"installed one.test", {}}, {"installed two.test", {}}});
  EXPECT_THAT(mail.take(), ElementsAre("resolved certificate-ends"));
}

TEST_F(AlertsTest, NoMemberMakesTheCertificateOfAnotherLookBetterThanItIs) {
  Findings findings = certificate(now + day);
  findings["installed aaa.test"].push_back(*certificate_finding(ending(leaf, now + 29 * day, "aaa.test"), steps, now));
  look(findings);
  EXPECT_THAT(mail.take(), ElementsAre("raised certificate-ends 1"));
  const Finding told = book->open().at(0).finding;
  EXPECT_TRUE(told.urgent);
  EXPECT_THAT(told.words, HasSubstr("ends in 1 day,"));
  EXPECT_THAT(told.subject, HasSubstr("one.test"));
}

TEST_F(AlertsTest, QuietHoursHoldBackWhatIsNotUrgentAndItComesAsOneMessage) {
  open({.quiet = QuietHours{.from = 22 * 60, .to = 6 * 60 + 30}});
  now = from_rfc3339("2026-06-15T21:59:59Z");
  look(drift(true));
  EXPECT_THAT(mail.take(), ElementsAre("raised drift"));
  now += std::chrono::seconds(1);
  look(drift(false));
  Findings more = certificate(now + 20 * day);
  more["silence two.test"].push_back(*missing_finding("two.test", now - day, std::chrono::minutes(15), now));
  look(more);
  EXPECT_THAT(mail.take(), IsEmpty());
  now = from_rfc3339("2026-06-16T00:00:00Z");
  look(certificate(now + 2 * day, other_leaf));  // ends within three days; the other one is gone before it was told
  EXPECT_THAT(mail.take(), ElementsAre("raised certificate-ends 7"));
  now = from_rfc3339("2026-06-16T06:29:59Z");
  look(failing());
  EXPECT_THAT(mail.take(), ElementsAre("raised endpoint-failed"));
  now += std::chrono::seconds(1);
  deliver();
  EXPECT_THAT(mail.take(), ElementsAre("raised member-missing, resolved drift"));
}

TEST_F(AlertsTest, AnEndpointMustFailTwiceAndAProgramMayTakeAMinuteToStart) {
  const auto count = [this](const std::string& check, std::chrono::seconds stands) {
    return health_findings(
               "one.test",
               {.at = now, .findings = {{check, "m", "h", now - stands}}, .certificates = {}, .members = {}})
        .size();
  };
  EXPECT_EQ(0U, count("endpoint engine", std::chrono::seconds(0)));
  EXPECT_EQ(1U, count("endpoint engine", std::chrono::seconds(8)));
  EXPECT_EQ(0U, count("program console", std::chrono::seconds(8)));
  EXPECT_EQ(1U, count("program console", std::chrono::seconds(60)));
  EXPECT_EQ(1U, count("drift", std::chrono::seconds(0)));
  EXPECT_FALSE(unreachable_finding("one.test", "timeout", now, now + std::chrono::seconds(29)));
  EXPECT_TRUE(unreachable_finding("one.test", "timeout", now, now + std::chrono::seconds(30)));
  EXPECT_FALSE(missing_finding("one.test", now, std::chrono::minutes(15), now + std::chrono::minutes(15)));
  EXPECT_TRUE(missing_finding("one.test", now, std::chrono::minutes(15), now + std::chrono::minutes(16)));
}

TEST(WallClockTest, QuietHoursOverMidnightAndOverBothChangesOfDaylightSaving) {
  const std::optional<QuietHours> night = QuietHours{.from = 22 * 60, .to = 6 * 60 + 30};
  const auto quiet = [](const std::optional<QuietHours>& hours, const char* when) {
    return is_quiet(hours, wall_time(from_rfc3339(when)));
  };
  set_time_zone("Europe/Berlin");
  // Winter: an hour before UTC; summer: two.
  EXPECT_FALSE(quiet(night, "2026-01-15T20:59:59Z"));
  EXPECT_TRUE(quiet(night, "2026-01-15T21:00:00Z"));
  EXPECT_TRUE(quiet(night, "2026-01-15T23:30:00Z"));
  EXPECT_TRUE(quiet(night, "2026-01-16T05:29:59Z"));
  EXPECT_FALSE(quiet(night, "2026-01-16T05:30:00Z"));
  EXPECT_TRUE(quiet(night, "2026-07-15T20:00:00Z"));
  EXPECT_FALSE(quiet(night, "2026-07-16T04:30:00Z"));
  // 2026-03-29, 02:00 becomes 03:00 (01:00Z): the hours end at 06:30 of that morning's new time.
  EXPECT_TRUE(quiet(night, "2026-03-29T00:59:59Z"));
  EXPECT_TRUE(quiet(night, "2026-03-29T04:29:59Z"));
  EXPECT_FALSE(quiet(night, "2026-03-29T04:30:00Z"));
  // An hour that there is not is passed over; one that there is twice is meant twice (2026-10-25, 03:00 becomes 02:00).
  const std::optional<QuietHours> third_hour = QuietHours{.from = 2 * 60, .to = 3 * 60};
  EXPECT_FALSE(quiet(third_hour, "2026-03-29T00:59:59Z"));
  EXPECT_FALSE(quiet(third_hour, "2026-03-29T01:00:00Z"));
  EXPECT_FALSE(quiet(third_hour, "2026-10-24T23:59:59Z"));
  EXPECT_TRUE(quiet(third_hour, "2026-10-25T00:00:00Z"));
  EXPECT_TRUE(quiet(third_hour, "2026-10-25T01:59:59Z"));
  EXPECT_FALSE(quiet(third_hour, "2026-10-25T02:00:00Z"));
  EXPECT_FALSE(is_quiet({}, wall_time(from_rfc3339("2026-10-25T02:00:00Z"))));
  set_time_zone("UTC");
}

TEST_F(AlertsTest, ADigestADayAlsoWhereItsTimeIsMissingAndNoneWithNothingToTell) {
  std::vector<CertificateEnd> certificates;
  open({.digest = DigestTime{.weekday = {}, .minute = 2 * 60 + 30}, .certificates = [&] { return certificates; }});
  set_time_zone("Europe/Berlin");
  now = from_rfc3339("2026-03-27T12:00:00Z");
  certificates = {ending(leaf, now + 29 * day), ending(other_leaf, now + 90 * day)};
  deliver();  // newly set, and past its time: the first one is tomorrow's
  std::vector<std::string> when;
  for (; now < from_rfc3339("2026-03-31T12:00:00Z"); now += std::chrono::minutes(10)) {
    deliver();
    for (const std::string& one : mail.take()) when.push_back(to_rfc3339(now) + " " + one);
  }
  EXPECT_THAT(when, ElementsAre("2026-03-28T01:30:00Z digest 0 1", "2026-03-29T01:00:00Z digest 0 1",
                                "2026-03-30T00:30:00Z digest 0 1", "2026-03-31T00:30:00Z digest 0 1"));
  EXPECT_THAT(webhook.take(), IsEmpty());
  certificates.clear();
  for (int hour = 0; hour < 48; ++hour, now += std::chrono::hours(1)) deliver();
  EXPECT_THAT(mail.take(), IsEmpty());
}

TEST_F(AlertsTest, ADigestAWeekThatFailsIsTriedAgainAndARestartRepeatsNone) {
  const CourierOptions mondays{.digest = DigestTime{.weekday = 1, .minute = 7 * 60}};
  open(mondays);
  now = from_rfc3339("2026-06-15T06:00:00Z");  // a Monday
  look(drift(true));
  EXPECT_THAT(mail.take(), ElementsAre("raised drift"));
  now = from_rfc3339("2026-06-15T07:00:00Z");
  mail.is_down = true;
  deliver();
  mail.is_down = false;
  deliver();
  EXPECT_THAT(mail.take(), IsEmpty());
  now += std::chrono::minutes(1);
  deliver();
  EXPECT_THAT(mail.take(), ElementsAre("digest 1 0"));
  open(mondays);
  for (int hour = 0; hour < 6 * 24; ++hour, now += std::chrono::hours(1)) deliver();
  EXPECT_THAT(mail.take(), IsEmpty());
  now = from_rfc3339("2026-06-22T09:00:00Z");
  deliver();
  EXPECT_THAT(mail.take(), ElementsAre("digest 1 0"));
}

TEST_F(AlertsTest, TheWordsOfMailAndWebhook) {
  Finding finding = *certificate_finding(ending(leaf, now + 9 * day), steps, now);
  Delivery delivery;
  delivery.news = {
      {News::Event::raised, finding, {}},
      {News::Event::resolved, *missing_finding("two.test", now - day, std::chrono::minutes(15), now), now}};
  const Letter letter = letter_of(delivery, "portal.test", now);
  EXPECT_EQ("Chancery portal.test: a certificate ends in 9 days, and 1 more", letter.subject);
  EXPECT_THAT(letter.body, HasSubstr("one.test (engine): certificate ends in 9 days, at 2026-06-24T12:00:00Z\n"));
  EXPECT_THAT(letter.body, HasSubstr("two.test: RESOLVED at 2026-06-15T12:00:00Z\n"));
  const auto document = nlohmann::json::parse(document_of(delivery, "portal.test", "1234", now));
  EXPECT_EQ("chancery-alerts-1", document.at("format"));
  EXPECT_EQ("1234", document.at("id"));
  EXPECT_EQ(false, document.at("test"));
  const auto& first = document.at("alerts").at(0);
  EXPECT_EQ("raised", first.at("event"));
  EXPECT_EQ("certificate-ends", first.at("kind"));
  EXPECT_EQ("certificate-ends " + leaf, first.at("key"));
  EXPECT_EQ(14, first.at("step_days"));
  EXPECT_EQ(false, first.at("urgent"));
  EXPECT_THAT(first.at("message").get<std::string>(), HasSubstr("; sha256  " + leaf));
  EXPECT_EQ("resolved", document.at("alerts").at(1).at("event"));
  EXPECT_EQ("2026-06-15T12:00:00Z", document.at("alerts").at(1).at("ended"));
  EXPECT_FALSE(document.at("alerts").at(1).contains("step_days"));
}

TEST(HealthTest, WhatAMemberTellsIsBoundedAndMadeSafeToPrint) {
  health::Report report{.at = from_rfc3339("2026-06-15T12:00:00Z"), .findings = {}, .certificates = {}, .members = {}};
  report.findings.push_back({"drift", "evil\x1b[2J" + std::string(5000, 'x'), "h", report.at});
  const health::Report back = health::parse(health::to_json(report));
  EXPECT_EQ(std::string::npos, back.findings.at(0).message.find('\x1b'));
  EXPECT_LT(back.findings.at(0).message.size(), 1100U);
  nlohmann::json much = health::to_json(report);
  for (int count = 0; count < 64; ++count) much["findings"].push_back(much["findings"][0]);
  EXPECT_EQ("health-invalid", code_of([&] { static_cast<void>(health::parse(much)); }));
  for (const char* wrong : {"{}", "[]", "null", R"({"at":"x","findings":[],"certificates":[]})",
                            R"({"at":"2026-06-15T12:00:00Z","findings":{},"certificates":[]})",
                            R"({"at":"2026-06-15T12:00:00Z","findings":[1],"certificates":[]})"}) {
    EXPECT_EQ("health-invalid", code_of([&] { static_cast<void>(health::parse(nlohmann::json::parse(wrong))); }))
        << wrong;
  }
}

}  // namespace
}  // namespace chancery::portal::alerts
