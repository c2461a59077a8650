#include "tests/change/bench.h"

#include "appliance/tls/probe.h"

namespace chancery::test {

using change::ProgramStatus;
using namespace std::chrono_literals;

std::vector<ProgramStatus> FakePrograms::status() {
  ++asked;
  if (on_status) on_status(asked);
  std::vector<ProgramStatus> all;
  for (const auto& [name, program] : programs) {
    ProgramStatus status;
    status.program = name;
    status.running = program.shared.is_running;
    status.answering = status.running && !program.shared.is_silent;
    if (status.answering) {
      status.generation = program.shared.generation;
      for (const auto& [endpoint, server] : program.endpoints) {
        status.endpoints.push_back({endpoint, server->identity(), "127.0.0.1", server->port(), ""});
      }
    }
    all.push_back(status);
  }
  return all;
}

void FakePrograms::prepare(const std::string& program, backup::GenerationNumber generation) {
  Shared& shared = programs.at(program).shared;
  if (shared.refuse_prepare > 0) {
    --shared.refuse_prepare;
    throw Failure({.code = "bad-profile", .subject = program, .cause = "refused to prepare", .hint = "test"});
  }
  for (const auto& [endpoint, server] : programs.at(program).endpoints) {
    const auto identity = change::read_identity(generations->open(generation), "identities/" + server->identity());
    if (!identity || !identity->key->belongs_to(identity->leaf)) {
      throw Failure({.code = "key-mismatch", .subject = program, .cause = "does not fit", .hint = "test"});
    }
  }
}

void FakePrograms::activate(const std::string& program, backup::GenerationNumber generation) {
  Shared& shared = programs.at(program).shared;
  ++shared.activations;
  if (shared.refuse_activate > 0) {
    --shared.refuse_activate;
    throw Failure({.code = "too-many-files", .subject = program, .cause = "refused to activate", .hint = "test"});
  }
  shared.generation = generation;
}

void FakePrograms::abandon(const std::string& program, backup::GenerationNumber) noexcept { ++abandoned[program]; }

void FakeConsumers::reload(const Consumer& consumer) {
  ++reloads;
  if (refuse > 0) {
    --refuse;
    throw Failure({.code = "reload-failed", .subject = consumer.name, .cause = "refused to reload", .hint = "test"});
  }
  if (shared != nullptr) shared->generation = generations->current_number();
}

Bench::Bench() {
  appliance.state = state_path();
  appliance.role = Role::secondary;
  appliance.name = "appliance.example.com";
  appliance.internal_name = "engine.internal";
  state = std::make_unique<Folder>(Folder::create(state_path(), {.mode = 0700, .owner = {}, .group = {}}));
  const SecretBytes mac_key(32, std::uint8_t{7});
  generations = std::make_unique<backup::Generations>(Folder::open(state_path()), mac_key);
  sets = std::make_unique<backup::BackupSets>(*state, mac_key);
  programs.generations = generations.get();
  consumers.generations = generations.get();

  const Pki& pki = Pki::instance();
  backup::Edits edits;
  for (const char* identity : {"console", "engine", "engine-collector", "member"}) {
    change::put_identity(edits, nullptr, appliance, identity, pki.identity("old"));
    change::put_default(edits, appliance, identity, pki.identity("old"));
  }
  change::put_file(edits, appliance, "trust/engine/ca-bundle.crt", view_of("# public CAs\n" + pki.root().to_pem()));
  change::put_file(edits, appliance, "trust/federation/roots.pem", view_of(pki.root().to_pem()));
  change::put_file(edits, appliance, "customer-key/customer.key", SecretBytes(32, std::uint8_t{3}));
  change::put_file(edits, appliance, "federation/federation.json", view_of("{}\n"));
  change::put_file(edits, appliance, "profiles/default.toml", view_of(to_toml(SecurityProfile{})));
  const auto add = [&](const std::string& program, const std::string& endpoint, const std::string& identity) {
    auto found = programs.programs.find(program);
    if (found == programs.programs.end()) {
      found = programs.programs.emplace(program, FakePrograms::Program{shared_memory(), {}}).first;
      found->second.shared.generation = 1;
    }
    auto server = std::make_unique<FakeServer>(state_path(), identity, found->second.shared);
    const Endpoint file{.name = endpoint, .host = "0.0.0.0", .port = server->port(), .identity = identity};
    change::put_file(edits, appliance, "endpoints/" + endpoint + ".toml", view_of(to_toml(file)));
    found->second.endpoints.emplace(endpoint, std::move(server));
  };
  add("console", "console", "console");
  add("engine", "engine", "engine");
  add("engine", "engine-api", "engine");
  add("engine", "engine-collector", "engine-collector");
  generations->switch_to(generations->stage(0, edits, {"init", "test", system_now()}));
}

Bench::~Bench() = default;

change::Workplace Bench::workplace(std::function<void(change::Step)> on_step) {
  return {.appliance = appliance,
          .state = *state,
          .generations = *generations,
          .sets = *sets,
          .programs = programs,
          .consumers = consumers,
          .on_step = std::move(on_step),
          .own_patience = 300ms,
          .consumer_patience = 300ms};
}

change::Plan Bench::replace_plan(const std::string& identity, const std::vector<std::string>& identities) {
  const preflight::Answer answer{.report = {}, .identity = Pki::instance().identity(identity)};
  return change::plan_replace(generations->current(), appliance,
                              identities.empty() ? replacement_group(appliance.role) : identities, answer, {});
}

backup::Cause Bench::cause() const { return {"replace", "test (uid 0)", system_now()}; }

void Bench::add_consumer(const std::vector<std::string>& requires_lines) {
  consumers.shared = &shared_memory();
  consumers.shared->generation = generations->current_number();
  consumer_server = std::make_unique<FakeServer>(state_path(), "engine", *consumers.shared);
  const Consumer consumer{.name = "mail",
                          .identity = "engine",
                          .reload = "true",
                          .probe = {{"127.0.0.1", consumer_server->port(), ""}},
                          .requires_lines = requires_lines};
  backup::Edits edits;
  change::put_file(edits, appliance, "consumers/mail.toml", view_of(to_toml(consumer)));
  generations->switch_to(generations->stage(generations->current_number(), edits, cause()));
  const auto number = generations->current_number();
  for (auto& [name, program] : programs.programs) program.shared.generation = number;
  consumers.shared->generation = number;
}

void Bench::stop_programs(bool stopped) {
  for (auto& [name, program] : programs.programs) program.shared.is_running = !stopped;
}

std::string Bench::leaf_of(backup::GenerationNumber number, const std::string& identity) {
  return change::read_identity(generations->open(number), "identities/" + identity)->leaf.fingerprint();
}

std::string Bench::served(int port) {
  const tls::ProbeResult seen = tls::probe({"127.0.0.1", port, ""}, "appliance.example.com", 2s);
  return seen.chain.empty() ? "nothing: " + seen.problem : seen.chain.front().fingerprint();
}

void Bench::wholly(backup::GenerationNumber number) {
  EXPECT_EQ(number, generations->current_number());
  EXPECT_FALSE(state->status("change.json")) << "a change is in doubt";
  EXPECT_EQ(number, generations->list().back()) << "a stage was left over";
  EXPECT_TRUE(generations->current().drift().empty());
  for (const char* identity : {"console", "engine", "engine-collector"}) {
    const auto read = change::read_identity(generations->current(), std::string("identities/") + identity);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->key->belongs_to(read->leaf)) << identity;
    // Every file of the folder tells the same story.
    const std::string folder = std::string("identities/") + identity + "/";
    const std::string chain = read->leaf.to_pem() + read->intermediates.at(0).to_pem();
    EXPECT_EQ(chain, text_of(generations->current().read(folder + "fullchain.pem")));
  }
  for (const auto& [name, program] : programs.programs) {
    if (!program.shared.is_running) continue;
    EXPECT_EQ(number, program.shared.generation) << name;
    for (const auto& [endpoint, server] : program.endpoints) {
      EXPECT_EQ(leaf_of(number, server->identity()), served(server->port())) << endpoint;
    }
  }
  if (consumer_server) {
    EXPECT_EQ(leaf_of(number, "engine"), served(consumer_server->port())) << "consumer";
  }
}

}  // namespace chancery::test
