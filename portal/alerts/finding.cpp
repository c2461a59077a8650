#include "portal/alerts/finding.h"

#include <algorithm>
#include <array>

#include "keystore/fault.h"

namespace chancery::portal::alerts {
namespace {

constexpr std::array names{"certificate-ends", "drift", "endpoint-failed", "member-missing"};
constexpr int urgent_days = 3;
constexpr std::chrono::seconds proven_failing{5};
constexpr std::chrono::seconds proven_stopped{60};
constexpr std::chrono::seconds proven_unreachable{30};
constexpr std::int64_t day = 24 * 60 * 60;
constexpr const char* renewal_hint =
    "ask for a new one with `chancery cert csr`, put it in force with `chancery cert replace`; `chancery cert list` "
    "there shows them all";

std::string span_text(std::chrono::seconds span) {
  const std::int64_t seconds = span.count();
  const auto in = [seconds](std::int64_t unit, const char* name) {
    return std::to_string(seconds / unit) + " " + name;
  };
  if (seconds >= 2 * day) return in(day, "days");
  if (seconds >= 7200) return in(3600, "hours");
  return seconds >= 120 ? in(60, "minutes") : in(1, "seconds");
}

}  // namespace

const char* to_text(Kind kind) { return names.at(static_cast<std::size_t>(kind)); }

Kind kind_from(const std::string& text) {
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (names.at(at) == text) return static_cast<Kind>(at);
  }
  throw Failure({.code = "storage-damaged",
                 .subject = "databases/alerts.db",
                 .cause = "a kind of alert is not known: " + text.substr(0, 40),
                 .hint = "it was written by a newer version; bring the appliance to one version of Chancery"});
}

int days_left(Instant not_after, Instant now) {
  const std::int64_t left = (not_after - now).count();
  return left < 0 ? ended_step : static_cast<int>(std::min<std::int64_t>(left / day, 1'000'000));
}

std::string end_text(const CertificateEnd& certificate, Instant now) {
  const int left = days_left(certificate.not_after, now);
  const std::string when = left < 0 ? "HAS ENDED" : "ends in " + std::to_string(left) + (left == 1 ? " day" : " days");
  return when + ", at " + to_rfc3339(certificate.not_after);
}

std::optional<Finding> certificate_finding(const CertificateEnd& certificate, const std::vector<std::int64_t>& steps,
                                           Instant now) {
  const int left = days_left(certificate.not_after, now);
  std::optional<int> reached;
  for (const std::int64_t days : steps) {
    if (left <= days) reached = static_cast<int>(days);
  }
  if (left < 0) reached = ended_step;
  if (!reached) return std::nullopt;
  return Finding{.key = std::string(to_text(Kind::certificate_ends)) + " " + certificate.sha256,
                 .kind = Kind::certificate_ends,
                 .subject = certificate.where,
                 .since = now,
                 .urgent = left <= urgent_days,
                 .step = *reached,
                 .words = end_text(certificate, now) + "\n  subject " + certificate.subject + "\n  issuer  " +
                          certificate.issuer + "\n  sha256  " + certificate.sha256,
                 .hint = renewal_hint};
}

std::vector<Finding> health_findings(const std::string& appliance, const health::Report& report) {
  std::vector<Finding> all;
  for (const health::Finding& one : report.findings) {
    const bool is_drift = one.check == "drift";
    const auto stands = report.at - one.since;
    if (!is_drift && stands < (one.check.starts_with("program ") ? proven_stopped : proven_failing)) continue;
    const Kind kind = is_drift ? Kind::drift : Kind::endpoint_failed;
    const std::string key = std::string(to_text(kind)) + " " + appliance;
    all.push_back({.key = is_drift ? key : key + " " + one.check,
                   .kind = kind,
                   .subject = is_drift ? appliance : appliance + " (" + one.check + ")",
                   .since = one.since,
                   .urgent = kind == Kind::endpoint_failed,
                   .words = one.message,
                   .hint = "on " + appliance + ": " + one.hint});
  }
  return all;
}

std::optional<Finding> missing_finding(const std::string& member, Instant last_seen, std::chrono::seconds patience,
                                       Instant now) {
  if (now - last_seen <= patience) return std::nullopt;
  return Finding{
      .key = std::string(to_text(Kind::member_missing)) + " " + member,
      .kind = Kind::member_missing,
      .subject = member,
      .since = last_seen,
      .words = "was last heard of at " + to_rfc3339(last_seen) + ", more than " + span_text(patience) + " ago",
      .hint =
          "look at its engine (chancery status there) and at the network between; a member that is "
          "gone for good is taken out by chancery federation remove " +
          member};
}

std::optional<Finding> unreachable_finding(const std::string& engine, const std::string& problem, Instant since,
                                           Instant last_seen) {
  if (last_seen - since < proven_unreachable) return std::nullopt;
  return Finding{.key = std::string(to_text(Kind::endpoint_failed)) + " " + engine + " asked",
                 .kind = Kind::endpoint_failed,
                 .subject = engine + " (as the portal asks it)",
                 .since = since,
                 .urgent = true,
                 .words = "it sends heartbeats, and cannot be asked: " + problem,
                 .hint = "chancery probe its Web API from here; chancery doctor there"};
}

}  // namespace chancery::portal::alerts
