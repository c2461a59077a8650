#include "appliance/serving/program.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/control/message.h"
#include "appliance/http/web_server.h"
#include "appliance/membership/membership.h"
#include "appliance/membership/revocation_list.h"
#include "appliance/serving/changeover.h"
#include "appliance/serving/client_revocations.h"
#include "appliance/serving/handover.h"
#include "appliance/serving/host_rule.h"
#include "appliance/serving/own_settings.h"
#include "appliance/settings/guarded.h"
#include "appliance/sign_in/sign_in_log.h"
#include "appliance/tls/tcp.h"
#include "keystore/fault.h"
#include "keystore/files/lock.h"
#include "keystore/x509/material.h"

namespace chancery::serving {
namespace {

constexpr char collector_protocol[] = "chancery-collector/1";
constexpr char retired_path[] = "trust/federation/retired.pem";
constexpr auto grace = std::chrono::seconds(5);
constexpr auto background_pause = std::chrono::seconds(5);
constexpr unsigned most_loops = 4;

void log_line(const std::string& line) { spdlog::info("{}", line); }

Folder open_guarded(const std::string& path) {
  Folder state = Folder::open(path);
  expect_guarded(state);
  return state;
}

FileLock take_run_lock(const Folder& run, const std::string& name) {
  const std::string path = run.path() + "/lock";
  auto lock = FileLock::try_take(path, "chancery-" + name + " (pid " + std::to_string(::getpid()) + ")");
  if (lock) return std::move(*lock);
  throw Failure({.code = "already-running",
                 .subject = "chancery-" + name,
                 .cause = "this program runs already for this state: " + FileLock::holder(path),
                 .hint = "stop it first, or give another --state"});
}

Folder make_run_folder(const Folder& state, const Appliance& appliance, const std::string& name) {
  const mode_t mode = appliance.separate_users ? 0750 : 0700;
  state.make_folder("run", {.mode = 0755, .owner = {}, .group = {}});
  state.make_folder("run/" + name, {.mode = mode, .owner = {}, .group = {}});
  return state.open_folder("run/" + name);
}

struct Background {
  std::string name;
  std::function<void()> body;
};

}  // namespace

struct HostedProgram::State {
  State(const std::string& path, std::string program_name, std::optional<std::string> log_level)
      : name(std::move(program_name)),
        appliance(Appliance::load(path)),
        folder(open_guarded(appliance.state)),
        run(make_run_folder(folder, appliance, name)),
        lock(take_run_lock(run, name)),
        settings(folder, name, std::move(log_level)),
        changeover(folder, name),
        clients(name, appliance.state, system_now) {}

  const std::string name;
  const Appliance appliance;
  const Folder folder;
  const Folder run;
  const FileLock lock;
  OwnSettings settings;
  Changeover changeover;
  SignInLog clients;  // by certificate
  http::Routes routes;
  std::map<std::string, Channel> channels;
  std::vector<Background> background;
  std::vector<std::thread> threads;
  std::map<std::string, Command> commands;
  std::string federation;                       // of the generation in force; under the mutex
  std::vector<RevocationList> revocations;      // of the same
  std::vector<Certificate> retired;             // of the same: roots and issuing CAs that count no more
  std::map<std::string, Condition> conditions;  // under the mutex
  mutable std::mutex mutex;
  mutable std::condition_variable stopped;
  std::atomic<bool> stopping = false;
  std::optional<ClientRevocations> client_revocations;
  // In the order they are made; what takes from another one is destroyed first.
  std::unique_ptr<HandoverSender> sender;
  std::unique_ptr<http::WebServer> web;
  std::unique_ptr<tls::Listener> listener;
  std::unique_ptr<HandoverReceiver> receiver;
  std::unique_ptr<control::Server> control;

  void make_listener();
  void admit_members();
  void check_clients(ClientRevocations::Report report);
  control::Message answer(const control::Message& request, const control::Caller& caller);
  nlohmann::json status() const;
  void take_settings();
  void set_condition(const std::string& subject, std::optional<Condition> condition);
  void keep_running(const Background& task);
};

void HostedProgram::State::make_listener() {
  http::WebServerOptions options;
  options.resume = [this](tls::Arrival arrival) { listener->resume(std::move(arrival)); };
  options.drain = [this](tls::Connection connection) { listener->drain(std::move(connection)); };
  options.log = log_line;
  web = std::make_unique<http::WebServer>(routes, std::move(options));

  tls::ListenerHandlers handlers;
  handlers.http = [this](tls::Arrival arrival) { web->take(std::move(arrival)); };
  for (const auto& [alpn, channel] : channels) handlers.channels[alpn] = channel;
  handlers.plain_channel = collector_protocol;
  handlers.client = [this](const tls::ListenerHandlers::Client& client) {
    if (client.refusal.empty()) {
      clients.succeeded(client.name, client.address, "certificate");
    } else {
      clients.failed(client.address, client.name, client.refusal);
    }
  };
  handlers.log = log_line;
  if (name == "portal" && appliance.role == Role::single) {
    sender = std::make_unique<HandoverSender>(folder);
    handlers.diversion = {.alpn = collector_protocol, .endpoint = "portal", .give = [this](int descriptor) {
                            return sender->give(descriptor);
                          }};
  }
  // Those that collectors come to by the thousand shake hands on every core.
  const bool is_crowded = name == "portal" || name == "engine";
  const unsigned loops = is_crowded ? std::clamp(std::thread::hardware_concurrency(), 1U, most_loops) : 1;
  listener = std::make_unique<tls::Listener>(changeover.live(), std::move(handlers), tls::ListenerLimits{}, loops);
  if (name == "engine" && appliance.role == Role::single) {
    receiver = std::make_unique<HandoverReceiver>(
        folder, [this](tls::Descriptor connected) { listener->take(std::move(connected), "engine"); });
  }
}

// The authority signs other client certificates too: what makes a member is the URI that only its join gives.
void HostedProgram::State::admit_members() {
  changeover.add([this](const backup::Generation& generation) {
    std::string id;
    std::vector<RevocationList> lists;
    std::vector<Certificate> former;
    try {
      const auto membership = read_membership(generation);
      if (generation.has(RevocationList::path)) lists = revocation_lists(generation.read(RevocationList::path));
      if (generation.has(retired_path)) {
        former = read_material(generation.read(retired_path), {.source = retired_path}).certificates;
      }
      if (membership) id = membership->federation;
    } catch (const Failure& failure) {
      spdlog::warn("no member is admitted: {}", failure.what());
    }
    return [this, id, lists, former] {
      const std::lock_guard guard(mutex);
      federation = id;
      revocations = lists;
      retired = former;
    };
  });
  routes.set_member_rule([this](const tls::Connection& connection) {
    const auto chain = connection.peer_chain();
    const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
    const std::lock_guard guard(mutex);
    if (!member || federation.empty() || member->federation != federation) return false;
    // Asked for every request: a connection or a ticket from before the revocation, or from before the retirement of the
    // root, is worth no more than a new one.
    const Certificate& leaf = chain.front();
    const auto is_revoked = [&](const RevocationList& list) { return list.lists(leaf); };
    const auto is_its_issuer = [&](const Certificate& former) {
      return former.subject_der() == leaf.issuer_der() && former.subject_key_id() == leaf.authority_key_id();
    };
    return std::ranges::none_of(revocations, is_revoked) && std::ranges::none_of(retired, is_its_issuer);
  });
}

// The CRLs of profiles (A6), in the handshake and for each request after it.
void HostedProgram::State::check_clients(ClientRevocations::Report report) {
  ClientRevocations& rule = client_revocations.emplace(run, name, system_now, std::move(report));
  changeover.add([&rule](const backup::Generation& generation) { return rule.prepare(generation); });
  changeover.live().set_client_rule([&rule](const std::string& endpoint, const std::vector<Certificate>& chain) {
    return rule.refusal(endpoint, chain);
  });
  routes.set_client_rule([&rule](const std::string& endpoint, const tls::Connection& connection) {
    if (!rule.concerns(endpoint)) return std::string();
    return rule.refusal(endpoint, connection.peer_chain()).value_or("");
  });
}

nlohmann::json HostedProgram::State::status() const {
  const auto snapshot = changeover.live().get();
  nlohmann::json endpoints = nlohmann::json::array();
  for (const auto& [endpoint, socket] : changeover.sockets()) {
    const auto found = snapshot->endpoints.find(endpoint);
    if (found == snapshot->endpoints.end()) continue;
    endpoints.push_back({{"endpoint", endpoint},
                         {"identity", found->second.endpoint.identity},
                         {"host", socket.host},
                         {"port", socket.port},
                         {"sha256", found->second.chain.front().fingerprint()}});
  }
  nlohmann::json at_present = nlohmann::json::array();
  {
    const std::lock_guard guard(mutex);
    for (const auto& [subject, condition] : conditions) {
      at_present.push_back({{"name", subject}, {"message", condition.message}, {"hint", condition.hint}});
    }
  }
  return {{"ok", true},
          {"program", name},
          {"pid", ::getpid()},
          {"version", CHANCERY_VERSION},
          {"generation", snapshot->generation},
          {"endpoints", std::move(endpoints)},
          {"settings_sha256", settings.sha256()},
          {"settings_waiting", settings.waiting()},
          {"conditions", std::move(at_present)}};
}

control::Message HostedProgram::State::answer(const control::Message& request, const control::Caller& caller) {
  const nlohmann::json question = nlohmann::json::parse(request.json, nullptr, false);
  const std::string verb = question.is_object() ? question.value("verb", "") : "";
  if (verb == "status") {
    return {.json = status().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), .attachments = {}};
  }
  if (caller.uid != 0 && caller.uid != ::geteuid()) {
    throw Failure({.code = "forbidden",
                   .subject = "chancery-" + name,
                   .cause = "user " + std::to_string(caller.uid) + " may only ask for the status",
                   .hint = "let the certificate manager ask, or root"});
  }
  if (const auto command = commands.find(verb); command != commands.end()) {
    return {.json = command->second(request.json), .attachments = {}};
  }
  const auto number =
      question.is_object() && question.contains("generation") && question["generation"].is_number_unsigned()
          ? question["generation"].get<backup::GenerationNumber>()
          : 0;
  if (verb == "prepare" && number > 0) {
    changeover.prepare(number);
  } else if (verb == "activate" && number > 0) {
    changeover.activate(number);
    spdlog::info("generation {} is in force", number);
    take_settings();
  } else if (verb == "abandon") {
    changeover.abandon();
  } else {
    throw Failure({.code = "bad-request",
                   .subject = "chancery-" + name,
                   .cause = "this verb is not known, or lacks its generation",
                   .hint = "ask one of status, prepare, activate, abandon (docs/state.md)"});
  }
  return {.json = R"({"ok":true})", .attachments = {}};
}

// A background task that fails is logged and started again: one bad answer must not end a program's heartbeat.
void HostedProgram::State::keep_running(const Background& task) {
  while (!stopping) {
    try {
      task.body();
      return;
    } catch (const std::exception& problem) {
      spdlog::error("{}: {}", task.name, problem.what());
    }
    std::unique_lock wait(mutex);
    stopped.wait_for(wait, background_pause, [&] { return stopping.load(); });
  }
}

// What was in force stays where the file cannot be read, and somebody is told.
void HostedProgram::State::take_settings() {
  try {
    if (settings.take()) spdlog::info("settings were read again");
    set_condition("settings", std::nullopt);
  } catch (const Failure& failure) {
    set_condition("settings", Condition{.message = failure.what(), .hint = failure.hint()});
  }
}

HostedProgram::HostedProgram(const std::string& state_path, const std::string& name,
                             std::optional<std::string> log_level)
    : state_(std::make_unique<State>(state_path, name, std::move(log_level))) {
  state_->admit_members();
  state_->check_clients([this](const std::string& subject, std::optional<Condition> condition) {
    set_condition(subject, std::move(condition));
  });
  run_in_background("client certificates", [this] {
    do {
      state_->client_revocations->look();
      state_->clients.report();
    } while (pause(std::chrono::seconds(1)));
    state_->clients.report_all();
  });
  state_->routes.set_host_rule([state = state_.get()](const std::string& host, const tls::Connection& connection) {
    return answers_host(host, tls::local_address(connection.descriptor()).address(), state->appliance.all_names(),
                        *state->changeover.live().get());
  });
}

HostedProgram::~HostedProgram() { stop(); }

void HostedProgram::start() {
  State& state = *state_;
  state.changeover.begin();
  state.make_listener();
  state.control =
      std::make_unique<control::Server>(state.run.path() + "/control.sock", 0660,
                                        [&state](const control::Message& request, const control::Caller& caller) {
                                          return state.answer(request, caller);
                                        });
  state.changeover.serve_with(state.listener.get());
  for (const Background& task : state.background) {
    state.threads.emplace_back([&state, &task] { state.keep_running(task); });
  }
  spdlog::info("chancery-{} {} serves generation {}", state.name, CHANCERY_VERSION, generation().number());
}

void HostedProgram::stop() {
  State& state = *state_;
  {
    std::lock_guard guard(state.mutex);
    state.stopping = true;
  }
  state.stopped.notify_all();
  state.control.reset();
  state.changeover.serve_with(nullptr);
  state.receiver.reset();
  if (state.web) state.web->stop(grace);
  state.listener.reset();
  for (std::thread& thread : state.threads) thread.join();
  state.threads.clear();
}

const Appliance& HostedProgram::appliance() const { return state_->appliance; }
const Folder& HostedProgram::state() const { return state_->folder; }
http::Routes& HostedProgram::routes() { return state_->routes; }
std::shared_ptr<const tls::ServingSnapshot> HostedProgram::serving() const { return state_->changeover.live().get(); }
backup::Generation HostedProgram::generation() const { return state_->changeover.generation(); }
void HostedProgram::on_generation(Prepare prepare) { state_->changeover.add(std::move(prepare)); }

void HostedProgram::on_settings(Reread reread) { state_->settings.add(std::move(reread)); }

void HostedProgram::on_channel(const std::string& alpn, Channel channel) {
  state_->channels[alpn] = std::move(channel);
}

void HostedProgram::run_in_background(const std::string& name, std::function<void()> body) {
  state_->background.push_back({name, std::move(body)});
}

void HostedProgram::on_command(const std::string& verb, Command command) {
  state_->commands[verb] = std::move(command);
}

void HostedProgram::set_condition(const std::string& name, std::optional<Condition> condition) {
  state_->set_condition(name, std::move(condition));
}

void HostedProgram::State::set_condition(const std::string& subject, std::optional<Condition> condition) {
  {
    const std::lock_guard guard(mutex);
    const auto found = conditions.find(subject);
    const bool is_there = found != conditions.end();
    if (!condition && !is_there) return;
    if (condition && is_there && found->second == *condition) return;
    if (condition) {
      conditions[subject] = *condition;
    } else {
      conditions.erase(found);
    }
  }
  if (condition) {
    spdlog::warn("{}: {} (hint: {})", subject, condition->message, condition->hint);
  } else {
    spdlog::info("{}: in order again", subject);
  }
}

bool HostedProgram::stopping() const { return state_->stopping; }

bool HostedProgram::pause(std::chrono::milliseconds span) const {
  std::unique_lock lock(state_->mutex);
  return !state_->stopped.wait_for(lock, span, [this] { return state_->stopping.load(); });
}

}  // namespace chancery::serving
