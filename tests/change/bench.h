// A secondary appliance in a temporary folder: generation 1 with the "old" identity everywhere, two programs (console,
// engine) and on request a consumer, all as servers of the test; and the sentence every test ends with: wholly(N).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "appliance/change/transaction.h"
#include "tests/change/fake_server.h"
#include "tests/change/pki.h"

namespace chancery::test {

class FakePrograms : public change::Programs {
 public:
  struct Program {
    Shared& shared;
    std::map<std::string, std::unique_ptr<FakeServer>> endpoints;
  };
  std::vector<change::ProgramStatus> status() override;
  void prepare(const std::string& program, backup::GenerationNumber generation) override;
  void activate(const std::string& program, backup::GenerationNumber generation) override;
  void abandon(const std::string& program, backup::GenerationNumber generation) noexcept override;

  std::map<std::string, Program> programs;
  const backup::Generations* generations = nullptr;
  int asked = 0;
  std::function<void(int)> on_status;  // told how often it was asked
  std::map<std::string, int> abandoned;
};

class FakeConsumers : public change::Consumers {
 public:
  void reload(const Consumer& consumer) override;
  Shared* shared = nullptr;
  const backup::Generations* generations = nullptr;
  int refuse = 0;  // how many times
  int reloads = 0;
};

class Bench : public testing::Test {
 protected:
  Bench();
  ~Bench() override;

  change::Workplace workplace(std::function<void(change::Step)> on_step = {});
  change::Plan replace_plan(const std::string& identity = "new", const std::vector<std::string>& identities = {});
  backup::Cause cause() const;
  change::Outcome run(change::Plan plan) { return change::Transaction(workplace()).run(std::move(plan), cause()); }
  void add_consumer(const std::vector<std::string>& requires_lines = {});
  void stop_programs(bool stopped = true);
  std::string state_path(const std::string& name = "") const {
    return shop.path("state" + (name.empty() ? "" : "/" + name));
  }

  // Exactly generation `number` is in force: link, no journal, nothing left over, key and leaf fit, and everything that
  // runs presents its leaf.
  void wholly(backup::GenerationNumber number);
  std::string leaf_of(backup::GenerationNumber number, const std::string& identity = "engine");
  std::string served(int port);

  Workshop shop;
  Appliance appliance;
  std::unique_ptr<Folder> state;
  std::unique_ptr<backup::Generations> generations;
  std::unique_ptr<backup::BackupSets> sets;
  FakePrograms programs;
  FakeConsumers consumers;
  std::unique_ptr<FakeServer> consumer_server;
  std::vector<std::string> consumer_requires;
};

}  // namespace chancery::test
