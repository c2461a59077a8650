#include "portal/alerts/wording.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chancery::portal::alerts {
namespace {

using nlohmann::json;

const char* text_of(News::Event event) {
  switch (event) {
    case News::Event::raised:
      return "raised";
    case News::Event::step:
      return "step";
    case News::Event::resolved:
      break;
  }
  return "resolved";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string title_of_end(const Finding& finding) {
  switch (finding.kind) {
    case Kind::certificate_ends:
      return "a certificate was replaced";
    case Kind::drift:
      return "edits by hand are settled on " + finding.subject;
    case Kind::endpoint_failed:
      return finding.subject + " serves again";
    case Kind::member_missing:
      break;
  }
  return finding.subject + " is back";
}

std::string headline(const News& one) {
  return one.event == News::Event::resolved ? title_of_end(one.finding) : title_of(one.finding);
}

std::string paragraph(const News& one) {
  const Finding& finding = one.finding;
  if (one.event == News::Event::resolved) {
    return finding.subject + ": RESOLVED at " + to_rfc3339(one.ended) + "\n  it was: " + first_line(finding.words) +
           "\n";
  }
  const std::string what = finding.kind == Kind::certificate_ends ? "certificate " : "";
  return finding.subject + ": " + what + finding.words + "\n  hint    " + finding.hint + "\n";
}

Letter news_letter(const Delivery& delivery) {
  const auto first = std::ranges::min_element(delivery.news, [](const News& a, const News& b) {
    const auto rank = [](const News& one) {
      const int order = one.event == News::Event::resolved ? 2 : (one.finding.urgent ? 0 : 1);
      return std::pair(order, one.finding.step);
    };
    return rank(a) < rank(b);
  });
  Letter letter{.subject = headline(*first), .body = {}};
  if (delivery.news.size() > 1) letter.subject += ", and " + std::to_string(delivery.news.size() - 1) + " more";
  for (const News& one : delivery.news) letter.body += paragraph(one) + "\n";
  letter.body += "`chancery alert list` on the primary shows what stands.\n";
  return letter;
}

Letter digest_letter(const Delivery& delivery, Instant now) {
  const auto is_other = [](const OpenCondition& one) { return one.finding.kind != Kind::certificate_ends; };
  const auto others = std::ranges::count_if(delivery.open, is_other);
  Letter letter{.subject = "digest: " + std::to_string(others) + " open, " +
                           std::to_string(delivery.certificates.size()) + " certificates end within 30 days",
                .body = {}};
  if (others > 0) letter.body += "OPEN\n\n";
  for (const OpenCondition& one : delivery.open) {
    if (!is_other(one)) continue;
    letter.body += one.finding.subject + ": " + to_text(one.finding.kind) + " since " + to_rfc3339(one.finding.since) +
                   "\n  " + one.finding.words + "\n  hint    " + one.finding.hint + "\n\n";
  }
  if (!delivery.certificates.empty()) letter.body += "CERTIFICATES\n\n";
  for (const CertificateEnd& one : delivery.certificates) {
    letter.body +=
        one.where + ": " + end_text(one, now) + "\n  subject " + one.subject + "\n  sha256  " + one.sha256 + "\n\n";
  }
  return letter;
}

json entry_of(const Finding& finding) {
  json entry{{"key", finding.key},         {"kind", to_text(finding.kind)},
             {"subject", finding.subject}, {"since", to_rfc3339(finding.since)},
             {"urgent", finding.urgent},   {"message", one_line(finding)},
             {"hint", finding.hint}};
  if (const auto step = step_in_days(finding)) entry["step_days"] = *step;
  return entry;
}

}  // namespace

std::string title_of(const Finding& finding) {
  switch (finding.kind) {
    case Kind::certificate_ends:
      return finding.step < 0 ? "a certificate has ended"
                              : "a certificate " + finding.words.substr(0, finding.words.find(", at "));
    case Kind::drift:
      return finding.subject + " was edited by hand";
    case Kind::endpoint_failed:
      return finding.subject + " does not serve as it should";
    case Kind::member_missing:
      break;
  }
  return finding.subject + " is missing";
}

std::string one_line(const Finding& finding) {
  std::string line;
  for (std::size_t at = 0; at < finding.words.size();) {
    const std::size_t end = std::min(finding.words.find('\n', at), finding.words.size());
    const std::size_t begin = std::min(finding.words.find_first_not_of(' ', at), end);
    if (!line.empty()) line += "; ";
    line += finding.words.substr(begin, end - begin);
    at = end + 1;
  }
  return line;
}

std::optional<int> step_in_days(const Finding& finding) {
  if (finding.kind != Kind::certificate_ends) return std::nullopt;
  return std::max(finding.step, 0);
}

Letter letter_of(const Delivery& delivery, const std::string& appliance, Instant now) {
  Letter letter;
  switch (delivery.purpose) {
    case Delivery::Purpose::news:
      letter = news_letter(delivery);
      break;
    case Delivery::Purpose::digest:
      letter = digest_letter(delivery, now);
      break;
    case Delivery::Purpose::test:
      letter = {.subject = "a test",
                .body = "Somebody asked for this mail with `chancery alert test`. Alerts will arrive as it did.\n"};
      break;
  }
  letter.subject = "Chancery " + appliance + ": " + letter.subject;
  return letter;
}

std::string document_of(const Delivery& delivery, const std::string& appliance, const std::string& id, Instant now) {
  json alerts = json::array();
  for (const News& one : delivery.news) {
    json entry = entry_of(one.finding);
    entry["event"] = text_of(one.event);
    if (one.event == News::Event::resolved) entry["ended"] = to_rfc3339(one.ended);
    alerts.push_back(std::move(entry));
  }
  return json({{"format", "chancery-alerts-1"},
               {"id", id},
               {"appliance", appliance},
               {"at", to_rfc3339(now)},
               {"test", delivery.purpose == Delivery::Purpose::test},
               {"alerts", std::move(alerts)}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace chancery::portal::alerts
