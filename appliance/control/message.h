// One message of the control protocol (docs/state.md): JSON text, and attachments for file contents and secrets.
//
//   Message reply = control::ask(state + "/run/manager/control.sock", {.json = R"({"verb":"status"})"}, 10s);
//
// Bounded: 16 MiB of JSON, 64 MiB of attachments. `ask` throws Failure("not-running") when nobody listens, "timeout"
// when the reply does not come in time, and the Failure that an {"error":…} reply carries.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/fault.h"

namespace chancery::control {

struct Message {
  std::string json;
  std::vector<SecretBytes> attachments;
};

struct Caller {
  uid_t uid;
  gid_t gid;
  pid_t pid;
};

[[nodiscard]] Message ask(const std::string& socket_path, const Message& request, std::chrono::milliseconds deadline);
// As `ask`, but an {"error":…} reply is handed back as it is: for callers that want what stands beside the error (a
// report).
[[nodiscard]] Message exchange(const std::string& socket_path, const Message& request,
                               std::chrono::milliseconds deadline);
[[nodiscard]] std::string error_json(const Failure& failure);  // {"error":{…}}

// Answers on a Unix socket, one thread per request, at most 16 at once, and at most 8 of one user who is neither root
// nor this process's own; a request or reply that is not through after 10 s is dropped. A Failure (or any exception)
// thrown by the handler becomes an {"error":…} reply. A stale socket at the path is replaced by one rename; the caller
// holds the run lock, so it can only be stale. Paths longer than a socket address (107 bytes) are fine. The destructor
// stops listening, removes the socket, and waits for handlers that are running.
class Server {
 public:
  using Handler = std::function<Message(const Message& request, const Caller& caller)>;
  Server(const std::string& socket_path, mode_t mode, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::control
