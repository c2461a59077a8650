// chancery-collector: runs on an endpoint, keeps one connection to its engine, and reports host facts.
//
//   chancery-collector --state DIR [--application NAME]     STATE/settings/collector.toml, STATE/customer.key
//   chancery-collector --state DIR --status                 asks the running one, prints JSON
//   chancery-collector --state DIR install-trust|move|repair|reset …          what a local administrator does; prints JSON

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "appliance/control/message.h"
#include "collector/command_line.h"
#include "collector/course.h"
#include "collector/local_verbs.h"
#include "keystore/fault.h"
#include "keystore/files/lock.h"
#include "keystore/x509/material.h"

namespace {

using namespace chancery;
using namespace std::chrono_literals;

Failure nowhere_to_go(const std::string& state) {
  return Failure(
      {.code = "bad-setting",
       .subject = state + "/settings/collector.toml",
       .cause = "neither collector.servers nor collector.portal nor collector.discovery says where to connect",
       .hint = "write for instance: collector.servers = [\"engine.example.com:443\"]"});
}

bool has_somewhere_to_go(const CollectorSettings& settings) {
  const bool searches =
      std::ranges::any_of(settings.discovery, [](const std::string& step) { return step != "static"; });
  return searches || !settings.servers.empty() || settings.portal;
}

// What can never become right by waiting is said at once.
void expect_sane(const CollectorSettings& settings) {
  try {
    static_cast<void>(collector::configured(settings));
  } catch (const Failure& failure) {
    if (failure.code() == "bad-setting") throw;
  }
}

void run(const collector::CommandLine& line) {
  const Folder state = Folder::open(line.state);
  const CollectorSettings settings = CollectorSettings::load(line.state, process_environment(), line.application);
  if (!has_somewhere_to_go(settings) && !collector::Standing::read(state).bound) throw nowhere_to_go(line.state);
  expect_sane(settings);
  state.make_folder("run", {.mode = 0755});
  state.make_folder("run/collector", {.mode = 0700});
  const std::string run_folder = state.path() + "/run/collector";
  const auto lock =
      FileLock::try_take(run_folder + "/lock", "chancery-collector (pid " + std::to_string(::getpid()) + ")");
  if (!lock) {
    throw Failure({.code = "already-running",
                   .subject = state.path(),
                   .cause = "another collector runs on this state: " + FileLock::holder(run_folder + "/lock"),
                   .hint = "stop it first, or use another --state"});
  }
  const collector::OwnIdentity identity = collector::own_identity(state);
  collector::CustomerKeyring customer_keys(state);
  const collector::Signals signals;
  collector::Status status(identity.id, settings.application);
  collector::Course course({.state = state,
                            .settings = settings,
                            .identity = identity,
                            .customer_keys = customer_keys,
                            .signals = signals,
                            .status = status});
  const control::Server control(
      run_folder + "/control.sock", 0600, [&](const control::Message& request, const control::Caller&) {
        const auto question = nlohmann::json::parse(request.json, nullptr, /*allow_exceptions=*/false);
        if (question.is_object() && question.value("verb", "") == "look") signals.wake();
        return control::Message{.json = status.to_json(), .attachments = {}};
      });
  course.run();
}

collector::Answer do_verb(const collector::CommandLine& line) {
  const Folder state = Folder::open(line.state);
  const auto given = [](const std::string& path) { return path.empty() ? Bytes{} : read_file(path, material_limit); };
  if (line.verb == "install-trust")
    return collector::install_trust(state, line.operand, given(line.operand), line.dry_run);
  if (line.verb == "repair") return collector::repair_apply(state, given(line.operand), system_now(), line.dry_run);
  if (line.verb == "reset") return collector::reset(state, line.dry_run);
  const ProbeAddress address = parse_address(line.operand);
  return collector::move_here(state, {address.host, address.port, line.name.empty() ? address.host : line.name},
                              line.ca, given(line.ca), line.dry_run);
}

void print(const collector::Answer& answer) {
  nlohmann::json document{{"outcome", answer.outcome}, {"trust", answer.trust}};
  if (answer.number != 0) document["number"] = answer.number;
  std::puts(document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int fail(const collector::CommandLine& line, const Failure& failure) {
  if (line.json) {
    std::puts(control::error_json(failure).c_str());
  } else {
    std::fprintf(stderr, "chancery-collector: failed to %s: %s\nhint: %s\n",
                 line.verb.empty() ? "run" : line.verb.c_str(), failure.what(), failure.hint().c_str());
  }
  return 1;
}

int perform(const collector::CommandLine& line) {
  if (line.wants_version) {
    std::puts("chancery-collector " CHANCERY_VERSION);
  } else if (line.wants_status) {
    std::puts(control::ask(line.state + "/run/collector/control.sock",
                           {.json = R"({"verb":"status"})", .attachments = {}}, 5s)
                  .json.c_str());
  } else if (!line.verb.empty()) {
    print(do_verb(line));
  } else {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("collector"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l collector %v", spdlog::pattern_time_type::utc);
    run(line);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  const collector::CommandLine line = collector::read_command_line(argc, argv);
  if (!line.complaint.empty()) {
    std::fprintf(stderr, "chancery-collector: %s\nhint: %s\n", line.complaint.c_str(), collector::usage);
    return 2;
  }
  try {
    return perform(line);
  } catch (const Failure& failure) {
    return fail(line, failure);
  } catch (const std::exception& error) {
    return fail(line, Failure({.code = "internal",
                               .subject = "chancery-collector",
                               .cause = error.what(),
                               .hint = "this is a fault of Chancery: report it with the line above"}));
  }
}
