// The Program behind run(): everything of serving_program.h that is not the command line. Also for tests, which start
// programs inside their own process.
//
//   HostedProgram program(state_path, "portal");
//   set_up(program);
//   program.start();      // serves
//   program.stop();
//
// Thread safety: start, stop and the destructor from one thread; the rest as Program's users need it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "appliance/serving/serving_program.h"

namespace chancery::serving {

class HostedProgram : public Program {
 public:
  // Takes the run lock and reads the generation in force. Failure: not-initialised, already-running, and whatever is
  // wrong with the generation.
  // `log_level`: by option; without one that of the settings counts.
  HostedProgram(const std::string& state_path, const std::string& name, std::optional<std::string> log_level = "info");
  ~HostedProgram() override;
  void start();  // Failure when a port or the control socket cannot be had
  void stop();   // running requests get 5 s

  const Appliance& appliance() const override;
  const Folder& state() const override;
  http::Routes& routes() override;
  std::shared_ptr<const tls::ServingSnapshot> serving() const override;
  backup::Generation generation() const override;
  void on_generation(Prepare prepare) override;
  void on_settings(Reread reread) override;
  void on_channel(const std::string& alpn, Channel channel) override;
  void run_in_background(const std::string& name, std::function<void()> body) override;
  bool stopping() const override;
  void set_condition(const std::string& name, std::optional<Condition> condition) override;
  void on_command(const std::string& verb, Command command) override;
  bool pause(std::chrono::milliseconds span) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::serving
