#include "appliance/manager/collector_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/control/message.h"
#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/report.h"
#include "appliance/settings/setting_file.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/files/lock.h"
#include "keystore/x509/printable.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using rehearsal::Report;

constexpr std::chrono::seconds answer_margin{2};
constexpr std::size_t settings_limit = 1024 * 1024;
constexpr std::int64_t longest_span = 60;
constexpr std::size_t named = 5;

Report ask(const Appliance& appliance, const rehearsal::Question& question) {
  const control::Message reply =
      control::ask(appliance.state + "/run/engine/control.sock",
                   {.json = R"({"verb":"rehearse","question":)" + to_json(question) + "}", .attachments = {}},
                   question.deadline + answer_margin);
  return rehearsal::report_of(json::parse(reply.json, nullptr, /*allow_exceptions=*/false).value("report", json()));
}

struct Count {
  std::size_t asked = 0;
  std::vector<std::string> lost;
};

void count(Count& counted, const rehearsal::Entry& entry, const std::string& why) {
  const std::string name = entry.name.empty() ? entry.who : entry.name;
  counted.lost.push_back(printable(view_of(name)) + ": " + printable(view_of(why)));
}

Count counted(const Report& report, const std::set<std::string>& spared) {
  Count result{.asked = report.asked, .lost = {}};
  for (const rehearsal::Entry& entry : report.would_break) {
    if (spared.contains(entry.who)) {
      --result.asked;
    } else {
      count(result, entry, entry.reason);
    }
  }
  for (const rehearsal::Silent& each : report.silent) {
    if (spared.contains(each.entry.who)) {
      --result.asked;
    } else {
      count(result, each.entry, each.entry.detail);
    }
  }
  return result;
}

std::string listed(const std::vector<std::string>& lost) {
  std::string text;
  for (std::size_t at = 0; at < lost.size() && at < named; ++at) text += (at == 0 ? "" : "; ") + lost[at];
  if (lost.size() > named) text += "; and " + std::to_string(lost.size() - named) + " more";
  return text;
}

}  // namespace

CollectorWatch usual_watch(const std::string& state_path) {
  CollectorWatch watch{.span = std::chrono::seconds(10), .share = 5};
  const std::string path = state_path + "/settings/manager.toml";
  Bytes text;
  try {
    text = read_file(path, settings_limit);
  } catch (const Failure& failure) {
    if (failure.code() != "not-found") throw;
    return watch;
  }
  SettingFile file = SettingFile::parse(path, text);
  watch.span =
      std::chrono::seconds(file.number({"watch", "manager.watch"}, 0, longest_span).value_or(watch.span.count()));
  watch.share = static_cast<int>(file.number({"watch-share", "manager.watch-share"}, 0, 100).value_or(watch.share));
  file.finish();
  return watch;
}

std::string watch_collectors(const Appliance& appliance, const CollectorWatch& watch,
                             const std::vector<std::string>& identities) {
  rehearsal::Question question{.about = rehearsal::About::engine, .live = true, .deadline = watch.span};
  std::ranges::copy_if(identities, std::back_inserter(question.identities),
                       [](const std::string& identity) { return identity.starts_with("engine"); });
  const bool runs = FileLock::is_held(appliance.state + "/run/engine/lock");
  if (question.identities.empty() || watch.span.count() == 0 || !runs) return "";
  const Count result = counted(ask(appliance, question), watch.spared);
  if (result.lost.size() * 100 > static_cast<std::size_t>(watch.share) * result.asked) {
    throw Failure(
        {.code = "collectors-lost",
         .subject = std::to_string(result.lost.size()) + " of " + std::to_string(result.asked) + " collectors",
         .cause = "they do not come back: " + listed(result.lost),
         .hint = "ask them first (chancery rehearse); or leave them behind: --watch-share, or --watch 0s"});
  }
  if (result.asked == 0) return "";
  return std::to_string(result.asked - result.lost.size()) + " of " + std::to_string(result.asked) +
         " collectors by a new connection";
}

}  // namespace chancery::manager
