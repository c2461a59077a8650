#include "portal/rehearsal.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/http/client.h"
#include "appliance/membership/membership.h"
#include "appliance/rehearsal/question.h"
#include "appliance/rehearsal/trusted_peers.h"
#include "appliance/trust/portal_store.h"
#include "appliance/wire/rehearsal_messages.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

using nlohmann::json;
using rehearsal::About;
using rehearsal::Question;
using rehearsal::Report;

constexpr std::size_t asked_at_once = 16;
constexpr std::chrono::days taken_for_gone{90};

Report silent_engine(const EngineView& view, const std::string& why) {
  Report report = Report::unanswered(view.name, "the engine could not be asked: " + why);
  report.silent.front().last_seen = view.last_seen.time_since_epoch().count();
  report.silent.front().counts = system_now() - view.last_seen < taken_for_gone;
  return report;
}

Report ask_engine(const EngineView& view, const tls::ClientContext& context, const Question& question) {
  try {
    const http::Reply reply =
        http::request({.host = view.host, .port = view.port, .name = view.internal_name}, context,
                      {.method = "POST", .path = rehearsal::member_path, .body = to_json(question), .headers = {}},
                      question.deadline, rehearsal::report_limit);
    if (reply.status == 200) return rehearsal::parse_report(reply.body);
    return silent_engine(view, "it answered with status " + std::to_string(reply.status));
  } catch (const Failure& failure) {
    return silent_engine(view, failure.what());
  }
}

rehearsal::Silent judged(const Question& question, const std::string& id, const Applied& applied) {
  rehearsal::Silent silent{.entry = {.who = id,
                                     .kind = "collector",
                                     .reason = "",
                                     .name = applied.facts.host,
                                     .calls = applied.facts.portal_name,
                                     .detail = "it came by the portal's endpoint " + applied.endpoint},
                           .predicted = rehearsal::Prediction::would_trust,
                           .last_seen = applied.seen.time_since_epoch().count(),
                           .counts = system_now() - applied.seen < taken_for_gone};
  if (std::ranges::find(question.endpoints, applied.endpoint) == question.endpoints.end()) return silent;
  // Among those that it would go to it counts the portal that it asks: us.
  const int elsewhere = applied.facts.others - (applied.facts.portal_name.empty() ? 0 : 1);
  if (applied.facts.others == wire::others_unknown) {
    silent.predicted = rehearsal::Prediction::unknown;
    silent.entry.detail += "; whether it knows another server is not known";
  } else if (elsewhere > 0) {
    silent.entry.detail += ", and would go to a server of its list";
  } else {
    silent.predicted = rehearsal::Prediction::would_break;
    silent.entry.reason = wire::endpoint_closed;
    silent.entry.detail +=
        ", where nobody would listen any more: it stays with its engine, and finds no other after it";
  }
  return silent;
}

// Engines cannot know by which of the portal's endpoints their collectors asked; it has seen them come.
void tell_who_came(const Question& question, const std::map<std::string, Applied>& applicants, Report& report) {
  std::set<std::string> named;
  for (rehearsal::Silent& silent : report.silent) {
    const auto found = applicants.find(silent.entry.who);
    if (silent.entry.kind != "collector" || silent.predicted != rehearsal::Prediction::unknown) continue;
    if (found == applicants.end() || found->second.endpoint.empty()) continue;
    silent = judged(question, found->first, found->second);
    named.insert(found->first);
  }
  for (const auto& [id, applied] : applicants) {
    const bool is_concerned = std::ranges::find(question.endpoints, applied.endpoint) != question.endpoints.end();
    if (!is_concerned || !named.insert(id).second) continue;
    report.silent.push_back(judged(question, id, applied));
    ++report.asked;
  }
}

class Desk {
 public:
  Desk(serving::Program& program, const Engines& engines, const Applicants& applicants, const PortalSettings& settings)
      : program_(program),
        engines_(engines),
        applicants_(applicants),
        directory_(settings.directory),
        mail_(settings.mail) {}

  void set(std::shared_ptr<const tls::ClientContext> to_servers) {
    const std::lock_guard lock(mutex_);
    to_servers_ = std::move(to_servers);
  }

  void set(const PortalSettings& settings) {
    const std::lock_guard lock(mutex_);
    directory_ = settings.directory;
    mail_ = settings.mail;
  }

  Report answer(const Question& question) const {
    if (question.live) return {};
    switch (question.about) {
      case About::portal: {
        Report report = ask_engines(question);
        if (question.closes) {
          auto applicants = applicants_.all();
          std::erase_if(applicants, [this](const auto& each) { return engines_.is_blocked(each.first); });
          tell_who_came(question, applicants, report);
        }
        return report;
      }
      case About::retirement: {
        Report report = ask_engines(question);
        report.add(about_own_trust(question));
        return report;
      }
      case About::own_trust:
        return about_own_trust(question);
      case About::engine:
        break;
    }
    return {};  // the engine asks, and says which it is
  }

  // The engine that asks is known by its member certificate.
  Report judge_engine(const MemberName& member, const Question& question) const {
    const auto context = engines_.context();
    if (!context) return {};
    for (const EngineView& view : engines_.list()) {
      if (view.name != member.name) continue;
      const std::string& own = program_.appliance().name;
      Report report = rehearsal::judge_chain(own, *context, question.present, question.chain, view.internal_name);
      if (!report.would_break.empty()) return report;
      Report demands = rehearsal::judge_demands(own, *context, question, view.internal_name);
      return demands.asked > 0 ? demands : report;
    }
    return {};  // it has not reported yet, so nothing asks it
  }

 private:
  Report ask_engines(const Question& question) const {
    const auto context = engines_.context();
    if (!context) return {};
    const std::vector<EngineView> views = engines_.list();
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      Report mine;
      for (std::size_t at = next++; at < views.size(); at = next++) mine.add(ask_engine(views[at], *context, question));
      return mine;
    };
    std::vector<std::future<Report>> workers;
    for (std::size_t i = 0; i < std::min(asked_at_once, views.size()); ++i) {
      workers.push_back(std::async(std::launch::async, work));
    }
    Report report;
    for (auto& worker : workers) report.add(worker.get());
    return report;
  }

  Report about_own_trust(const Question& question) const {
    const std::string& own = program_.appliance().name;
    std::vector<rehearsal::TrustedPeer> engines;
    for (const EngineView& view : engines_.list()) {
      if (!view.reachable) continue;
      engines.push_back({.what = "the engine " + view.name,
                         .address = {view.host, view.port, ""},
                         .name = view.internal_name,
                         .alpn = member_protocol});
    }
    Report report;
    if (const auto context = engines_.context()) {
      report = rehearsal::judge_peers(own, engines, *context, question.without, question.deadline);
    }
    std::shared_ptr<const tls::ClientContext> to_servers;
    {
      const std::lock_guard lock(mutex_);
      to_servers = to_servers_;
    }
    const std::vector<rehearsal::TrustedPeer> servers = other_servers();
    if (to_servers && !servers.empty()) {
      report.add(rehearsal::judge_peers(own, servers, *to_servers, question.without, question.deadline));
    }
    return report;
  }

  std::vector<rehearsal::TrustedPeer> other_servers() const {
    const std::lock_guard lock(mutex_);
    std::vector<rehearsal::TrustedPeer> all;
    if (directory_) {
      const ProbeAddress& at = directory_->server;
      all.push_back({.what = "the directory " + at.host,
                     .address = {at.host, at.port, directory_->starttls ? "ldap" : ""},
                     .name = at.host,
                     .alpn = ""});
    }
    if (mail_) {
      const ProbeAddress& at = mail_->server;
      all.push_back({.what = "the mail server " + at.host,
                     .address = {at.host, at.port, mail_->starttls ? "smtp" : ""},
                     .name = at.host,
                     .alpn = ""});
    }
    return all;
  }

  serving::Program& program_;
  const Engines& engines_;
  const Applicants& applicants_;
  mutable std::mutex mutex_;  // guards what is below
  std::optional<DirectorySettings> directory_;
  std::optional<MailSettings> mail_;
  std::shared_ptr<const tls::ClientContext> to_servers_;
};

}  // namespace

void add_rehearsal(serving::Program& program, const Engines& engines, const Applicants& applicants,
                   const PortalSettings& settings) {
  const auto desk = std::make_shared<Desk>(program, engines, applicants, settings);
  program.on_generation([desk](const backup::Generation& generation) -> std::function<void()> {
    tls::ClientOptions options;
    options.trust_pem = trust::portal_trust_pem(generation);
    options.verify_chain = !options.trust_pem.empty();
    return [desk, next = std::make_shared<const tls::ClientContext>(std::move(options))] { desk->set(next); };
  });
  program.on_settings([desk, &program] { desk->set(PortalSettings::load(program.state().path())); });
  program.on_command("rehearse", [desk](const std::string& request) {
    const json asked = json::parse(request, nullptr, /*allow_exceptions=*/false);
    const Report report = desk->answer(rehearsal::parse_question(asked.value("question", json()).dump()));
    return json({{"ok", true}, {"report", to_document(report)}}).dump(-1, ' ', false, json::error_handler_t::replace);
  });
  program.routes().add_for_members(
      "POST", rehearsal::member_path,
      [desk](const http::Call& call) {
        const auto chain = call.connection.peer_chain();
        const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
        if (!member) return http::Answer::problem(403, "forbidden", "members of the federation ask, nobody else", "");
        return http::Answer::json(to_json(desk->judge_engine(*member, rehearsal::parse_question(call.body))));
      },
      rehearsal::question_limit);
}

}  // namespace chancery::portal
