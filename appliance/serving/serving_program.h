// The frame of every serving program (console, portal, engine, authority): run lock, control socket with
// prepare/activate/abandon/status, listeners for the endpoints of the generation in force, signals, log.
//
//   int main(int argc, char** argv) {
//     return serving::run(argc, argv, "portal", [](serving::Program& program) {
//       program.routes().add("GET", "/", …);
//       program.on_generation([&](const backup::Generation& generation) { … rebuild client contexts … });
//     });
//   }
//
// Options of every program: --state DIR (or CHANCERY_STATE), --log-level (else NAME.log-level of its settings),
// --version. Log lines go to stderr; D5 lines for each connection. SIGTERM and SIGINT end it: no new connections,
// running requests get 5 s. With separate users it is started as its own user (systemd) and never needs root after
// binding.
// Listeners are opened, closed or moved when a generation changes their endpoint; a port that cannot be bound makes
// `prepare` refuse. Exit: 0 after a signal, 1 when it cannot start (no generation, port taken, run lock held).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "appliance/http/server.h"
#include "appliance/settings/appliance.h"
#include "appliance/tls/serving_snapshot.h"

namespace chancery::serving {

// Something a program cannot do at present although it serves: shown by `chancery doctor` while it lasts.
struct Condition {
  std::string message;  // "storage db.example.com:5432: certificate verify failed"
  std::string hint;     // the way out
  friend bool operator==(const Condition&, const Condition&) = default;
};

class Program {
 public:
  virtual ~Program() = default;
  virtual const Appliance& appliance() const = 0;
  virtual const Folder& state() const = 0;
  virtual http::Routes& routes() = 0;
  virtual std::shared_ptr<const tls::ServingSnapshot> serving() const = 0;
  virtual backup::Generation generation() const = 0;  // the one in force in this process

  // Called with generation G in `prepare` (off the loop); returns what `activate` shall run (fast, must not fail), so
  // that a program's own contexts (client trust, settings) move together with the certificates. Called once at start.
  using Prepare = std::function<std::function<void()>(const backup::Generation& generation)>;
  virtual void on_generation(Prepare prepare) = 0;

  // Matters of this process (settings/NAME.toml) that count without a restart: called when a change is activated and
  // the file is another one than before, after what on_generation gave. All of them read what they need, then put it in
  // force; a Failure keeps what was in force and is the condition "settings" until the file can be read again. Not
  // called at start, nor by two threads at once.
  using Reread = std::function<void()>;
  virtual void on_settings(Reread reread) = 0;

  // Connections with this ALPN leave HTTP: the handler owns the connection (descriptor non-blocking, handshake done)
  // and is called on the loop's thread; it must not block.
  using Channel = std::function<void(tls::Connection connection, const std::string& endpoint)>;
  virtual void on_channel(const std::string& alpn, Channel channel) = 0;

  // Threads that run until stopping() turns true; joined at the end.
  virtual void run_in_background(const std::string& name, std::function<void()> body) = 0;
  virtual bool stopping() const = 0;
  // Sets or, with nullopt, ends the condition of this name ("storage"); logs when it changes. From any thread.
  virtual void set_condition(const std::string& name, std::optional<Condition> condition) = 0;
  // Verbs of the program's own on its control socket, for root and the program's user; the reply is JSON text. A
  // Failure goes to the caller. Called on a thread of the control socket.
  using Command = std::function<std::string(const std::string& request)>;
  virtual void on_command(const std::string& verb, Command command) = 0;
  // Waits `span` or until the program stops; false when it stops.
  virtual bool pause(std::chrono::milliseconds span) const = 0;
};

using SetUp = std::function<void(Program& program)>;
[[nodiscard]] int run(int argc, char** argv, const std::string& name, const SetUp& set_up);

}  // namespace chancery::serving
