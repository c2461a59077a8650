#include "appliance/rehearsal/report.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "keystore/fault.h"
#include "keystore/x509/instant.h"

namespace chancery::rehearsal {

namespace {

using nlohmann::json;

constexpr std::size_t most_entries = 200'000;
constexpr std::size_t text_limit = 512;
constexpr std::array<const char*, 3> predictions{"would-trust", "would-break", "unknown"};

Failure invalid(const std::string& cause) {
  return Failure({.code = "report-invalid",
                  .subject = "rehearsal",
                  .cause = cause,
                  .hint = "both appliances must be of the same major version"});
}

json to_document(const Entry& entry) {
  json document{{"who", entry.who}, {"kind", entry.kind}, {"reason", entry.reason}};
  if (!entry.name.empty()) document["name"] = entry.name;
  if (!entry.calls.empty()) document["calls"] = entry.calls;
  if (!entry.detail.empty()) document["detail"] = entry.detail;
  return document;
}

std::string text_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (!found->is_string()) throw invalid(std::string("\"") + key + "\" is no text");
  return found->get_ref<const std::string&>().substr(0, text_limit);
}

Entry entry_of(const json& object) {
  if (!object.is_object()) throw invalid("an entry is no object");
  return {.who = text_in(object, "who"),
          .kind = text_in(object, "kind"),
          .reason = text_in(object, "reason"),
          .name = text_in(object, "name"),
          .calls = text_in(object, "calls"),
          .detail = text_in(object, "detail")};
}

Prediction prediction_of(const std::string& text) {
  const auto* const found = std::ranges::find(predictions, text);
  return found == predictions.end() ? Prediction::unknown : static_cast<Prediction>(found - predictions.begin());
}

std::size_t count_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) throw invalid(std::string("\"") + key + "\" is no count");
  return found->get<std::size_t>();
}

const json& list_in(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > most_entries) {
    throw invalid(std::string("\"") + key + "\" is no list, or too long");
  }
  return *found;
}

}  // namespace

const char* to_text(Prediction prediction) { return predictions.at(static_cast<std::size_t>(prediction)); }

Report Report::unanswered(std::string who, std::string detail) {
  Report report;
  report.asked = 1;
  report.silent.push_back({.entry = {.who = std::move(who),
                                     .kind = "appliance",
                                     .reason = "",
                                     .name = "",
                                     .calls = "",
                                     .detail = std::move(detail)},
                           .predicted = Prediction::unknown});
  return report;
}

void Report::add(Report other) {
  asked += other.asked;
  would_trust += other.would_trust;
  std::ranges::move(other.would_break, std::back_inserter(would_break));
  std::ranges::move(other.silent, std::back_inserter(silent));
}

bool is_counted(const Entry& entry) { return entry.kind != "appliance"; }

std::size_t Report::breakage() const {
  const auto is_lost = [](const Silent& each) {
    return each.counts && each.predicted == Prediction::would_break && is_counted(each.entry);
  };
  return static_cast<std::size_t>(std::ranges::count_if(would_break, is_counted) +
                                  std::ranges::count_if(silent, is_lost));
}

bool Report::breaks_anybody() const {
  return !would_break.empty() ||
         std::ranges::any_of(silent, [](const Silent& each) { return each.predicted == Prediction::would_break; });
}

json to_document(const Report& report) {
  std::map<std::string, std::size_t> reasons;
  json broken = json::array();
  for (const Entry& entry : report.would_break) {
    ++reasons[entry.reason];
    broken.push_back(to_document(entry));
  }
  json silent = json::array();
  for (const Silent& each : report.silent) {
    json entry = to_document(each.entry);
    entry["predicted"] = to_text(each.predicted);
    entry["last_seen"] =
        each.last_seen == 0 ? json(nullptr) : json(to_rfc3339(Instant(std::chrono::seconds(each.last_seen))));
    entry["counts"] = each.counts;
    silent.push_back(std::move(entry));
  }
  return {{"asked", report.asked},
          {"would_trust", report.would_trust},
          {"would_break", std::move(broken)},
          {"silent", std::move(silent)},
          {"reasons", reasons}};
}

std::string to_json(const Report& report) {
  return to_document(report).dump(-1, ' ', false, json::error_handler_t::replace);
}

Report report_of(const json& document) {
  if (!document.is_object()) throw invalid("it is no JSON object");
  Report report;
  report.asked = count_in(document, "asked");
  report.would_trust = count_in(document, "would_trust");
  for (const json& each : list_in(document, "would_break")) report.would_break.push_back(entry_of(each));
  for (const json& each : list_in(document, "silent")) {
    Silent one{.entry = entry_of(each), .predicted = prediction_of(text_in(each, "predicted"))};
    const auto seen = each.find("last_seen");
    if (seen != each.end() && seen->is_string()) {
      one.last_seen = from_rfc3339(seen->get<std::string>()).time_since_epoch().count();
    }
    const auto counts = each.find("counts");
    one.counts = counts == each.end() || !counts->is_boolean() || counts->get<bool>();
    report.silent.push_back(std::move(one));
  }
  return report;
}

Report parse_report(const std::string& text) {
  return report_of(json::parse(text, nullptr, /*allow_exceptions=*/false));
}

}  // namespace chancery::rehearsal
