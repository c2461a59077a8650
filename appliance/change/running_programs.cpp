// Programs as they are found by their run locks and asked over their control sockets.

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/change/programs.h"
#include "appliance/control/message.h"
#include "keystore/files/lock.h"

namespace chancery::change {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds status_patience{5'000};
constexpr milliseconds prepare_patience{20'000};
constexpr milliseconds activate_patience{5'000};

// Fields of another version's reply are looked at with care: what is missing or of another kind counts as absent.
std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t number_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

class RunningPrograms final : public Programs {
 public:
  explicit RunningPrograms(const Appliance& appliance)
      : run_(appliance.state + "/run/"), names_(programs_of(appliance.role)) {}

  std::vector<ProgramStatus> status() override {
    std::vector<std::future<ProgramStatus>> asked;
    for (const std::string& name : names_) {
      asked.push_back(std::async(std::launch::async, [this, name] { return status_of(name); }));
    }
    std::vector<ProgramStatus> all;
    for (auto& answer : asked) all.push_back(answer.get());
    return all;
  }

  void prepare(const std::string& program, backup::GenerationNumber generation) override {
    ask("prepare", program, generation, prepare_patience);
  }
  void activate(const std::string& program, backup::GenerationNumber generation) override {
    ask("activate", program, generation, activate_patience);
  }
  void activate_all(const std::vector<std::string>& programs, backup::GenerationNumber generation) override {
    std::vector<std::future<void>> asked;
    for (const std::string& program : programs) {
      asked.push_back(std::async(std::launch::async, [this, &program, generation] { activate(program, generation); }));
    }
    for (const auto& answer : asked) answer.wait();
    for (auto& answer : asked) answer.get();
  }
  void abandon(const std::string& program, backup::GenerationNumber generation) noexcept override {
    try {
      ask("abandon", program, generation, activate_patience);
    } catch (const std::exception&) {
      // What a program keeps aside harms nobody; the next prepare replaces it.
    }
  }

 private:
  ProgramStatus status_of(const std::string& name) const {
    ProgramStatus status;
    status.program = name;
    const auto deadline = std::chrono::steady_clock::now() + status_patience;
    // A program that starts or ends holds its lock for a moment without answering.
    for (;;) {
      status.running = FileLock::is_held(run_ + name + "/lock");
      if (!status.running) return status;
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return status;
      try {
        const control::Message reply =
            control::ask(socket_of(name), {.json = R"({"verb":"status"})", .attachments = {}}, left);
        fill(status, json::parse(reply.json, nullptr, false));
        return status;
      } catch (const Failure& failure) {
        if (failure.code() != "not-running" && failure.code() != "closed") return status;
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
  }

  static void fill(ProgramStatus& status, const json& reply) {
    if (!reply.is_object()) return;
    status.answering = true;
    status.generation = number_in(reply, "generation");
    status.pid = static_cast<pid_t>(number_in(reply, "pid"));
    const auto endpoints = reply.find("endpoints");
    if (endpoints == reply.end() || !endpoints->is_array()) return;
    for (const json& endpoint : *endpoints) {
      if (!endpoint.is_object()) continue;
      status.endpoints.push_back({.endpoint = text_in(endpoint, "endpoint"),
                                  .identity = text_in(endpoint, "identity"),
                                  .host = text_in(endpoint, "host"),
                                  .port = static_cast<int>(number_in(endpoint, "port")),
                                  .sha256 = text_in(endpoint, "sha256")});
    }
  }

  void ask(const char* verb, const std::string& program, backup::GenerationNumber generation,
           milliseconds patience) const {
    try {
      static_cast<void>(
          control::ask(socket_of(program),
                       {.json = json{{"verb", verb}, {"generation", generation}}.dump(), .attachments = {}}, patience));
    } catch (const Failure& failure) {
      throw Failure({.code = failure.code(),
                     .subject = program,
                     .cause = "refused to " + std::string(verb) + " generation " + std::to_string(generation) + ": " +
                              failure.what(),
                     .hint = failure.hint()});
    }
  }

  std::string socket_of(const std::string& program) const { return run_ + program + "/control.sock"; }

  std::string run_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Programs> running_programs(const Appliance& appliance) {
  return std::make_unique<RunningPrograms>(appliance);
}

}  // namespace chancery::change
