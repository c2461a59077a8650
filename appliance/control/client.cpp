#include <poll.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "appliance/control/frame.h"
#include "appliance/control/message.h"
#include "appliance/control/socket_path.h"

namespace chancery::control {
namespace {

Failure not_running(const std::string& path) {
  return Failure({.code = "not-running",
                  .subject = path,
                  .cause = "nobody answers on this socket",
                  .hint = "start the program (systemctl start, or ./dev up), then repeat"});
}

files::Descriptor connect_to(const std::string& path, Deadline deadline) {
  files::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) throw system_failure(errno, "open a socket for", path);
  try {
    const SocketPath where(path);
    const SocketPath::Address address = where.address(where.name());
    for (;;) {
      if (::connect(socket.get(), address.get(), address.size) == 0) return socket;
      if (errno == ENOENT || errno == ECONNREFUSED) throw not_running(path);
      // A full backlog of a Unix socket is EAGAIN and cannot be polled for.
      if (errno != EAGAIN && errno != EINTR) throw system_failure(errno, "connect to", path);
      if (std::chrono::steady_clock::now() >= deadline) {
        throw Failure({.code = "timeout",
                       .subject = path,
                       .cause = "too many others are waiting for this program",
                       .hint = "repeat the command; if it stays busy, see its log (journalctl)"});
      }
      ::poll(nullptr, 0, 5);
    }
  } catch (const Failure& failure) {
    if (failure.code() == "not-found") throw not_running(path);
    throw;
  }
}

std::string member_text(const nlohmann::json& object, const char* name, const std::string& otherwise) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) return otherwise;
  return found->get<std::string>();
}

}  // namespace

Message exchange(const std::string& socket_path, const Message& request, std::chrono::milliseconds deadline) {
  const Deadline end = std::chrono::steady_clock::now() + deadline;
  const files::Descriptor socket = connect_to(socket_path, end);
  const Line line{socket.get(), -1, end, socket_path};
  write_message(line, request);
  return read_message(line);
}

Message ask(const std::string& socket_path, const Message& request, std::chrono::milliseconds deadline) {
  Message reply = exchange(socket_path, request, deadline);
  const nlohmann::json json = nlohmann::json::parse(reply.json, nullptr, false);
  if (!json.is_object()) {
    throw Failure({.code = "bad-reply",
                   .subject = socket_path,
                   .cause = "answered something that is not a JSON object",
                   .hint = "check that both programs are of the same version (--version)"});
  }
  const auto error = json.find("error");
  if (error == json.end() || !error->is_object()) return reply;
  const auto person = error->find("needs_person");
  throw Failure({.code = member_text(*error, "code", "unknown"),
                 .subject = member_text(*error, "subject", ""),
                 .cause = member_text(*error, "message", "failed without saying why"),
                 .hint = member_text(*error, "hint", "see the log of the program that answered (journalctl)"),
                 .needs_person = person != error->end() && person->is_boolean() && person->get<bool>()});
}

std::string error_json(const Failure& failure) {
  const nlohmann::json json{{"error",
                             {{"code", failure.code()},
                              {"subject", failure.subject()},
                              {"message", failure.cause()},
                              {"hint", failure.hint()},
                              {"needs_person", failure.needs_person()}}}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace chancery::control
