// The audit: shown, verified, its key changed, and what the serving programs report of sign-ins.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "appliance/audit/verification.h"
#include "appliance/manager/audit_peers.h"
#include "appliance/manager/verbs.h"
#include "appliance/manager/witness.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using audit::Finding;
using audit::Severity;
using audit::Trail;
using nlohmann::json;

constexpr std::int64_t usual_limit = 50;
constexpr std::int64_t largest_limit = 100'000;
constexpr std::size_t most_events = 128;
constexpr std::size_t longest_text = 256;
constexpr std::int64_t largest_count = 1'000'000'000;

std::optional<Instant> time_in(const Call& call, const std::string& name) {
  const std::string text = call.text_or(name, "");
  return text.empty() ? std::nullopt : std::optional(from_rfc3339(text));
}

json head_json(const std::optional<audit::SignedHead>& head) {
  if (!head) return nullptr;
  return {{"number", head->head.number}, {"hash", to_hex(head->head.hash)}, {"time", to_rfc3339(head->head.time)}};
}

const char* to_text(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      break;
  }
  return "info";
}

json findings_json(const std::vector<Finding>& findings) {
  json all = json::array();
  for (const Finding& finding : findings) {
    all.push_back({{"code", finding.code},
                   {"severity", to_text(finding.severity)},
                   {"record", finding.number == 0 ? json(nullptr) : json(finding.number)},
                   {"message", finding.message}});
  }
  return all;
}

json peers_json(const std::vector<audit::PeerHeads>& peers) {
  json all = json::array();
  for (const audit::PeerHeads& peer : peers) {
    std::int64_t newest = 0;
    for (const audit::SignedHead& head : peer.heads) newest = std::max(newest, head.head.number);
    all.push_back({{"name", peer.peer},
                   {"asked", peer.problem.empty()},
                   {"heads", peer.heads.size()},
                   {"newest", newest},
                   {"problem", peer.problem.empty() ? json(nullptr) : json(peer.problem)}});
  }
  return all;
}

std::string bounded(const json& event, const char* name) {
  const auto found = event.find(name);
  if (found == event.end() || !found->is_string()) return "";
  return found->get_ref<const std::string&>().substr(0, longest_text);
}

std::int64_t number_in(const json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string time_of(std::int64_t seconds, Instant now) {
  const Instant told{std::chrono::seconds(seconds)};
  // A program's clock is this machine's: what is far off is not believed.
  const bool is_sane = told <= now && now - told <= std::chrono::hours(24);
  return to_rfc3339(is_sane ? told : now);
}

audit::Record sign_in_record(const json& event, const std::string& program, const std::string& who, Instant now) {
  audit::Record record;
  record.kind = "sign-in";
  record.verb = "sign-in";
  const std::string user = bounded(event, "user");
  record.who = user.empty() ? "somebody" : user;
  record.outcome = bounded(event, "outcome") == "done" ? "done" : "refused";
  if (record.outcome == "refused") record.code = bounded(event, "code");
  const json arguments{{"program", program},
                       {"reported_by", who},
                       {"address", bounded(event, "address")},
                       {"by", bounded(event, "by")},
                       {"count", std::clamp<std::int64_t>(number_in(event, "count"), 1, largest_count)},
                       {"first", time_of(number_in(event, "first"), now)},
                       {"last", time_of(number_in(event, "last"), now)}};
  record.arguments = arguments.dump(-1, ' ', false, json::error_handler_t::replace);
  return record;
}

}  // namespace

json audit_show(Bench& bench, Call& call) {
  const std::int64_t limit = call.number("limit").value_or(usual_limit);
  if (limit < 1 || limit > largest_limit) {
    throw bad_argument("limit", "is not between 1 and " + std::to_string(largest_limit),
                       "give for example --limit 100");
  }
  const audit::Filter filter{.after = call.number("after").value_or(0),
                             .since = time_in(call, "since"),
                             .until = time_in(call, "until"),
                             .kind = call.text_or("kind", ""),
                             .verb = call.text_or("verb", ""),
                             .outcome = call.text_or("outcome", ""),
                             .who = call.text_or("who", ""),
                             .limit = static_cast<std::size_t>(limit)};
  if (!Trail::exists(bench.state)) return {{"head", nullptr}, {"records", json::array()}};
  json records = json::array();
  for (const audit::Record& record : bench.trail().newest(filter)) records.push_back(audit::to_json(record));
  return {{"head", head_json(bench.trail().head())}, {"records", std::move(records)}};
}

json audit_verify(Bench& bench, Call&) {
  // First the peers, then the log: what is written in between is newer than what they hold.
  const std::vector<audit::PeerHeads> peers = heads_that_peers_hold(bench);
  audit::Verdict verdict;
  try {
    if (Trail::exists(bench.state)) {
      verdict = audit::verify(bench.trail(), peers);
    } else {
      verdict.findings.push_back({.code = "no-audit",
                                  .message = "there is no audit: it was removed whole, or this appliance "
                                             "was made by a version that kept none and nothing was "
                                             "changed since"});
    }
  } catch (const Failure& failure) {
    // A database that cannot even be opened has been tampered with like any other.
    if (failure.code() != "storage-damaged") throw;
    verdict.findings.push_back({.code = "unreadable", .message = failure.what()});
  }
  return {{"verdict", verdict.is_broken() ? "broken"
                      : verdict.warns()   ? "warn"
                                          : "intact"},
          {"records", verdict.records},
          {"first", verdict.first},
          {"last", verdict.last},
          {"head", verdict.head ? json(verdict.head->number) : json(nullptr)},
          {"confirmed", verdict.confirmed == 0 ? json(nullptr)
                                               : json({{"record", verdict.confirmed}, {"by", verdict.confirmed_by}})},
          {"findings", findings_json(verdict.findings)},
          {"peers", peers_json(peers)}};
}

json audit_rotate_key(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", audit rotate-key");
  if (call.flag("dry_run")) {
    return {{"outcome", "planned"}, {"plan", {{"files", {{{"path", Trail::key_path}, {"change", "change"}}}}}}};
  }
  bench.trail().rotate_key();
  return {{"outcome", "done"}, {"keys", bench.trail().keys().size()}};
}

json audit_report(Bench& bench, Call& call) {
  static constexpr std::array programs{"console", "portal", "engine"};
  const std::string program = call.text("program");
  if (std::find(programs.begin(), programs.end(), program) == programs.end()) {
    throw bad_argument("program", "has no sign-ins to report", "console, portal and engine do");
  }
  const json events = call.array("events");
  if (events.size() > most_events) {
    throw bad_argument("events", "are more than " + std::to_string(most_events), "report them in several requests");
  }
  std::size_t taken = 0;
  for (const json& event : events) {
    if (!event.is_object()) continue;
    record_event(bench, sign_in_record(event, program, call.who(), bench.now()));
    ++taken;
  }
  return {{"taken", taken}};
}

}  // namespace chancery::manager
