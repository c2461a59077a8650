// The programs that serve from a generation, as the transaction sees them: three verbs and a question.
//
// RunningPrograms finds them by their run locks and speaks the control protocol; tests bring their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "appliance/settings/appliance.h"
#include "appliance/settings/policy.h"
#include "backup/generations/generation.h"

namespace chancery::change {

struct ProgramEndpoint {
  std::string endpoint;
  std::string identity;
  std::string host;  // where a probe on this machine connects
  int port = 0;
  std::string sha256;  // of the leaf the program says it presents
};

struct ProgramStatus {
  std::string program;
  bool running = false;    // its run lock is held
  bool answering = false;  // its control socket answers
  backup::GenerationNumber generation = 0;
  pid_t pid = 0;
  std::vector<ProgramEndpoint> endpoints;
};

class Programs {
 public:
  virtual ~Programs() = default;
  virtual std::vector<ProgramStatus> status() = 0;
  virtual void prepare(const std::string& program, backup::GenerationNumber generation) = 0;   // Failure: refused
  virtual void activate(const std::string& program, backup::GenerationNumber generation) = 0;  // Failure
  // All of them; those that are found by their sockets at once, so that no endpoint waits for another. Returns or throws
  // the first Failure when every one has answered.
  virtual void activate_all(const std::vector<std::string>& programs, backup::GenerationNumber generation) {
    for (const std::string& program : programs) activate(program, generation);
  }
  virtual void abandon(const std::string& program, backup::GenerationNumber generation) noexcept = 0;
};

// Asks in parallel. A program that is running but does not answer within 5 s is told as running and not answering; a
// transaction refuses to start then, with Failure("program-silent").
[[nodiscard]] std::unique_ptr<Programs> running_programs(const Appliance& appliance);

// Outside services: run the reload command (no shell, 30 s, output kept for the message), and P18's required lines.
class Consumers {
 public:
  virtual ~Consumers() = default;
  virtual void reload(const Consumer& consumer) = 0;  // Failure("reload-failed") with the last lines of its output
};
[[nodiscard]] std::unique_ptr<Consumers> outside_consumers();
[[nodiscard]] std::vector<std::string> missing_lines(const Consumer& consumer);

}  // namespace chancery::change
