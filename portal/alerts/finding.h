// What may be wrong in the federation and is worth an alert, and how it is judged. One finding is one condition while it
// lasts: its key is stable, from look to look and over restarts.
//
//   certificate_finding({.where = "single.test (endpoint portal)", .sha256 = …, .not_after = …}, steps, now)
//   health_findings("engine1.example.com", report)          drift; endpoints, programs and services that fail
//   missing_finding("engine1.example.com", last_seen, 15min, now)
//
// Each gives what is wrong, and nothing where nothing is. Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appliance/health/report.h"
#include "keystore/x509/instant.h"

namespace chancery::portal::alerts {

enum class Kind { certificate_ends, drift, endpoint_failed, member_missing };
[[nodiscard]] const char* to_text(Kind kind);  // "certificate-ends"
[[nodiscard]] Kind kind_from(const std::string& text);

struct Finding {
  std::string key;  // "certificate-ends 3fa9…", "drift engine1.example.com"
  Kind kind = Kind::drift;
  std::string subject;  // "engine1.example.com", "single.test (endpoint portal)"
  Instant since{};
  bool urgent = false;  // not held back by quiet hours
  int step = 0;         // of a certificate: the days that were reached, or `ended`; falling. Others: 0
  std::string words;    // "ends in 9 days, at …"; further lines say more of a certificate
  std::string hint;
};
inline constexpr int ended_step = -1;

// What was looked at, by scope ("installed engine1.example.com"), and what was found there. A scope that could not be
// looked at is left out: of its conditions nothing is known, and they stay as they are.
using Findings = std::map<std::string, std::vector<Finding>>;

struct CertificateEnd {
  std::string where;
  std::string subject;
  std::string issuer;
  std::string sha256;
  Instant not_after{};
};

// Whole days; -1 once it has ended.
[[nodiscard]] int days_left(Instant not_after, Instant now);
// "ends in 9 days, at 2026-…", "HAS ENDED, at 2026-…"
[[nodiscard]] std::string end_text(const CertificateEnd& certificate, Instant now);

// `steps` fall: the smallest one reached counts.
[[nodiscard]] std::optional<Finding> certificate_finding(const CertificateEnd& certificate,
                                                         const std::vector<std::int64_t>& steps, Instant now);
// An endpoint or service that fails must have stood for two looks, a program that does not run for a minute: it may just
// be starting, or in the middle of a change.
[[nodiscard]] std::vector<Finding> health_findings(const std::string& appliance, const health::Report& report);
[[nodiscard]] std::optional<Finding> missing_finding(const std::string& member, Instant last_seen,
                                                     std::chrono::seconds patience, Instant now);
// An engine that sends heartbeats and yet cannot be asked, since `since`.
[[nodiscard]] std::optional<Finding> unreachable_finding(const std::string& engine, const std::string& problem,
                                                         Instant since, Instant last_seen);

}  // namespace chancery::portal::alerts
