#include "appliance/manager/rehearsal.h"

#include <algorithm>
#include <array>
#include <future>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/control/message.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/rehearsal_parts.h"
#include "appliance/manager/rehearsal_stores.h"
#include "keystore/files/lock.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using rehearsal::About;
using rehearsal::Question;
using rehearsal::Report;

constexpr std::chrono::seconds answer_margin{2};

Report unheard(const std::string& program, const std::string& why) {
  return Report::unanswered("chancery-" + program, "it was not asked, nor were those connected to it: " + why);
}

Report ask(const Bench& bench, const std::string& program, const Question& question) {
  const std::string run = bench.appliance.state + "/run/" + program;
  if (!FileLock::is_held(run + "/lock")) return {};
  try {
    const control::Message reply =
        control::ask(run + "/control.sock",
                     {.json = R"({"verb":"rehearse","question":)" + to_json(question) + "}", .attachments = {}},
                     question.deadline + answer_margin);
    return rehearsal::report_of(json::parse(reply.json, nullptr, /*allow_exceptions=*/false).value("report", json()));
  } catch (const Failure& failure) {
    return unheard(program, failure.what());
  }
}

bool has_program(const Bench& bench, const std::string& program) {
  const std::vector<std::string> programs = programs_of(bench.appliance.role);
  return std::ranges::find(programs, program) != programs.end();
}

std::vector<std::string> those_of(const std::vector<std::string>& identities, std::string_view program) {
  std::vector<std::string> found;
  std::ranges::copy_if(identities, std::back_inserter(found),
                       [&](const std::string& identity) { return identity.starts_with(program); });
  return found;
}

// A collector may be asked about its engine and about its portal, which on a single appliance change together. Worse news
// of the same one first: said by himself, then expected of him.
void count_once(Report& report) {
  std::set<std::string> seen;
  const auto is_double = [&](const rehearsal::Entry& entry) {
    return !seen.insert(entry.kind + " " + entry.who + (entry.kind == "collector" ? "" : " " + entry.calls)).second;
  };
  std::size_t dropped = std::erase_if(report.would_break, is_double);
  std::stable_partition(report.silent.begin(), report.silent.end(), [](const rehearsal::Silent& each) {
    return each.predicted == rehearsal::Prediction::would_break;
  });
  dropped += std::erase_if(report.silent, [&](const rehearsal::Silent& each) { return is_double(each.entry); });
  report.asked -= std::min(report.asked, dropped);
}

}  // namespace

Rehearsed ask_all(const Bench& bench, const std::vector<Inquiry>& inquiries) {
  std::vector<std::future<Report>> asked;
  for (const Inquiry& inquiry : inquiries) {
    asked.push_back(
        std::async(std::launch::async, [&bench, &inquiry] { return ask(bench, inquiry.program, inquiry.question); }));
  }
  Rehearsed rehearsed;
  for (auto& each : asked) rehearsed.report.add(each.get());
  count_once(rehearsed.report);
  return rehearsed;
}

// Roots are for predictions, and only programs predict.
bool runs_any(const Bench& bench) {
  return std::ranges::any_of(std::array{"engine", "portal"}, [&](const char* program) {
    return FileLock::is_held(bench.appliance.state + "/run/" + program + "/lock");
  });
}

std::vector<Certificate> roots_of(const CertificatePool& anchors, const std::vector<Certificate>& chain) {
  std::vector<Certificate> found;
  for (const Certificate& each : chain) {
    for (const Certificate& root : anchors.with_subject(each.issuer_der())) {
      const bool is_new = std::ranges::find(found, root) == found.end();
      if (is_new && each.is_signed_by(root) && found.size() < 8) found.push_back(root);
    }
  }
  return found;
}

RehearsalOptions rehearsal_options(const Call& call) {
  RehearsalOptions options{.skip = call.flag("no_rehearsal")};
  const std::int64_t accepted = call.number("accept_breakage").value_or(0);
  const std::int64_t seconds = call.number("deadline_seconds").value_or(3);
  if (accepted < 0) throw bad_argument("accept_breakage", "is less than none", "say how many may break");
  if (seconds < 1 || seconds > 60) throw bad_argument("deadline_seconds", "is out of range", "use 1 to 60 seconds");
  options.accepted = static_cast<std::size_t>(accepted);
  options.deadline = std::chrono::seconds(seconds);
  return options;
}

RehearsalOptions advisory_options(const Call& call) {
  RehearsalOptions options = rehearsal_options(call);
  if (!call.number("accept_breakage")) options.accepted = std::numeric_limits<std::size_t>::max();
  return options;
}

Rehearsed rehearse(Bench& bench, const std::vector<Candidate>& candidates, std::chrono::milliseconds deadline) {
  std::vector<Inquiry> inquiries;
  Report stores;
  for (const Candidate& candidate : candidates) {
    const std::vector<Certificate> present = chain_in_force(bench, candidate.identities.front());
    Question question{.chain = candidate.chain, .present = present, .roots = candidate.roots, .deadline = deadline};
    for (const auto& [about, program] : {std::pair(About::engine, "engine"), std::pair(About::portal, "portal")}) {
      question.about = about;
      question.identities = those_of(candidate.identities, program);
      if (!question.identities.empty()) inquiries.push_back({program, question});
    }
    stores.add(judge_stores(bench, present, candidate.chain));
  }
  Rehearsed rehearsed = ask_all(bench, inquiries);
  // One for each store, whatever the number of chains.
  rehearsed.report.add(std::move(stores));
  return rehearsed;
}

Rehearsed rehearse_removal(Bench& bench, const std::vector<std::string>& programs,
                           const std::vector<std::string>& fingerprints, std::chrono::milliseconds deadline) {
  std::vector<Inquiry> inquiries;
  for (const std::string& program : programs) {
    if (!has_program(bench, program)) continue;
    inquiries.push_back({program, {.about = About::own_trust, .without = fingerprints, .deadline = deadline}});
  }
  return ask_all(bench, inquiries);
}

Rehearsed rehearse_retirement(Bench& bench, const std::vector<std::string>& roots, std::chrono::milliseconds deadline) {
  const char* program = has_program(bench, "portal") ? "portal" : "engine";
  return ask_all(bench, {{program, {.about = About::retirement, .without = roots, .deadline = deadline}}});
}

std::optional<Rehearsed> rehearse(Bench& bench, change::Plan& plan, const RehearsalOptions& options,
                                  const backup::Edits* served) {
  if (options.skip || plan.is_empty() || plan.report.verdict() == preflight::Verdict::refuse) return std::nullopt;
  std::optional<Rehearsed> rehearsed = rehearse_edits(bench, plan.edits, plan.report.chain, options.deadline, served);
  if (rehearsed) weigh(plan.report, *rehearsed, options.accepted);
  return rehearsed;
}

void set_watch(Bench& bench, const Call& call, const std::optional<Rehearsed>& rehearsed) {
  CollectorWatch& watch = bench.watch;
  const auto span = call.number("watch_seconds");
  const auto share = call.number("watch_share");
  if (span && (*span < 0 || *span > 60)) throw bad_argument("watch_seconds", "is out of range", "use 0 to 60 seconds");
  if (share && (*share < 0 || *share > 100)) throw bad_argument("watch_share", "is no share", "use 0 to 100 percent");
  watch = usual_watch(bench.appliance.state);
  if (call.flag("no_rehearsal")) watch.span = std::chrono::seconds(0);
  if (span) watch.span = std::chrono::seconds(*span);
  if (share) watch.share = static_cast<int>(*share);
  if (!rehearsed) return;
  for (const rehearsal::Entry& entry : rehearsed->report.would_break) watch.spared.insert(entry.who);
  for (const rehearsal::Silent& each : rehearsed->report.silent) watch.spared.insert(each.entry.who);
}

json finish_rehearsed(Bench& bench, change::Plan plan, const Call& call, const RehearsalOptions& options,
                      const backup::Edits* served) {
  const std::optional<Rehearsed> rehearsed = rehearse(bench, plan, options, served);
  set_watch(bench, call, rehearsed);
  json reply = finish(bench, std::move(plan), call);
  put_rehearsal(reply, rehearsed);
  return reply;
}

}  // namespace chancery::manager
