#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include "appliance/control/frame.h"
#include "appliance/control/message.h"
#include "appliance/control/socket_path.h"

namespace chancery::control {
namespace {

constexpr std::size_t most_at_once = 16;
constexpr std::size_t most_of_a_stranger = 8;
constexpr std::chrono::seconds patience{10};

files::Descriptor make_stop_event() {
  files::Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.is_open()) throw system_failure(errno, "make", "an event descriptor");
  return event;
}

// Listens under a temporary name, then renames: a stale socket is replaced, and nobody meets one that does not listen.
files::Descriptor listen_at(const SocketPath& path, mode_t mode) {
  files::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) throw system_failure(errno, "open a socket for", path.path());
  const std::string temporary = "." + path.name() + "." + std::to_string(::getpid());
  ::unlinkat(path.folder(), temporary.c_str(), 0);
  const SocketPath::Address address = path.address(temporary);
  if (::bind(socket.get(), address.get(), address.size) != 0) throw system_failure(errno, "make", path.path());
  const bool done = ::fchmodat(path.folder(), temporary.c_str(), mode, 0) == 0 && ::listen(socket.get(), 128) == 0 &&
                    ::renameat(path.folder(), temporary.c_str(), path.folder(), path.name().c_str()) == 0;
  if (done) return socket;
  const int error = errno;
  ::unlinkat(path.folder(), temporary.c_str(), 0);
  throw system_failure(error, "make", path.path());
}

// Signals are the main thread's business.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

struct Server::State {
  State(const std::string& socket_path, mode_t mode, Handler answer)
      : path(socket_path), handler(std::move(answer)), stop(make_stop_event()), listener(listen_at(path, mode)) {
    struct stat made {};
    if (::fstatat(path.folder(), path.name().c_str(), &made, AT_SYMLINK_NOFOLLOW) == 0) inode = made.st_ino;
    const SignalsBlocked blocked;
    acceptor = std::thread([this] { accept_all(); });
  }

  ~State() {
    const std::uint64_t one = 1;
    // An event descriptor at zero always takes one more.
    [[maybe_unused]] const ssize_t written = ::write(stop.get(), &one, sizeof one);
    acceptor.join();
    for (auto& [id, worker] : workers) worker.join();
    struct stat present {};
    const bool is_ours =
        ::fstatat(path.folder(), path.name().c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 && present.st_ino == inode;
    if (is_ours) ::unlinkat(path.folder(), path.name().c_str(), 0);
  }

  void accept_all() {
    for (;;) {
      const bool has_room = reap_and_count() < most_at_once;
      // Without room only the end is waited for, and now and then whether a worker has finished.
      std::array<pollfd, 2> waits{pollfd{stop.get(), POLLIN, 0}, pollfd{has_room ? listener.get() : -1, POLLIN, 0}};
      const int ready = ::poll(waits.data(), waits.size(), has_room ? -1 : 10);
      if (ready > 0 && waits[0].revents != 0) return;
      if (ready <= 0 || waits[1].revents == 0) continue;
      files::Descriptor peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (peer.is_open())
        start(std::move(peer));
      else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        ::poll(nullptr, 0, 50);
    }
  }

  std::size_t reap_and_count() {
    const std::lock_guard lock(mutex);
    for (const std::uint64_t id : finished) {
      workers.at(id).join();
      workers.erase(id);
    }
    finished.clear();
    return workers.size();
  }

  void start(files::Descriptor peer) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return;
    const Caller caller{credentials.uid, credentials.gid, credentials.pid};
    const bool is_stranger = caller.uid != 0 && caller.uid != ::geteuid();
    const std::lock_guard lock(mutex);
    if (is_stranger && by_user[caller.uid] >= most_of_a_stranger) return;  // closes: others shall get a turn
    ++by_user[caller.uid];
    const std::uint64_t id = ++last_id;
    try {
      workers.emplace(id, std::thread([this, id, caller, socket = std::move(peer)] {
                        serve(socket.get(), caller);
                        const std::lock_guard done(mutex);
                        --by_user[caller.uid];
                        finished.push_back(id);
                      }));
    } catch (const std::exception&) {  // no thread or memory to be had: this caller finds the connection closed
      --by_user[caller.uid];
    }
  }

  void serve(int socket, const Caller& caller) {
    const std::string peer = "pid " + std::to_string(caller.pid);
    try {
      const Message reply = answer({socket, stop.get(), std::chrono::steady_clock::now() + patience, peer}, caller);
      // A reply that is ready goes out even while stopping: its caller has to know what happened.
      write_message({socket, -1, std::chrono::steady_clock::now() + patience, peer}, reply);
    } catch (const std::exception&) {
      // The peer is gone or stalls, and there is nobody left to tell.
    }
  }

  Message answer(const Line& line, const Caller& caller) const {
    try {
      return handler(read_message(line), caller);
    } catch (const Failure& failure) {
      return {.json = error_json(failure), .attachments = {}};
    } catch (const std::exception& error) {
      return {.json = error_json(Failure({.code = "internal",
                                          .subject = "",
                                          .cause = error.what(),
                                          .hint = "see the log of this program; this is a defect worth reporting"})),
              .attachments = {}};
    }
  }

  SocketPath path;
  Handler handler;
  files::Descriptor stop;
  files::Descriptor listener;
  ino_t inode = 0;
  std::mutex mutex;
  std::map<std::uint64_t, std::thread> workers;
  std::vector<std::uint64_t> finished;
  std::map<uid_t, std::size_t> by_user;
  std::uint64_t last_id = 0;
  std::thread acceptor;
};

Server::Server(const std::string& socket_path, mode_t mode, Handler handler)
    : state_(std::make_unique<State>(socket_path, mode, std::move(handler))) {}

Server::~Server() = default;

}  // namespace chancery::control
