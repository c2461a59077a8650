#include "appliance/serving/handover.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "keystore/fault.h"

namespace chancery::serving {
namespace {

constexpr char folder_name[] = "run/engine";
constexpr char socket_name[] = "handover.sock";
constexpr std::size_t senders_at_most = 8;

// A path of any length fits a socket address when it goes through the folder's descriptor.
sockaddr_un address_in(int folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + socket_name;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

tls::Descriptor connect_to(const std::string& state_path) {
  tls::Descriptor link(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    const Folder folder = Folder::open(state_path + "/" + folder_name);
    const sockaddr_un address = address_in(folder.descriptor());
    if (!link || ::connect(link.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    return link;
  } catch (const Failure&) {
    return {};
  }
}

bool send_descriptor(int link, int descriptor) {
  char byte = 'c';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(link, &message, MSG_NOSIGNAL) == 1;
}

// One descriptor; nothing (and `ended`) when the sender has gone. The control buffer is padded, so that a sender can make
// two descriptors of it; a message must not leave one behind that nobody closes.
tls::Descriptor receive_descriptor(int link, bool& ended) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = ::recvmsg(link, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  ended = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR && errno != EMFILE);
  const cmsghdr* header = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return {};
  std::vector<tls::Descriptor> received;
  for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= header->cmsg_len; at += sizeof(int)) {
    int descriptor = -1;
    std::memcpy(&descriptor, reinterpret_cast<const char*>(header) + at, sizeof descriptor);
    received.emplace_back(descriptor);
  }
  if (received.size() == 1) return std::move(received.front());
  ended = true;  // whoever sends several is not our portal
  return {};
}

}  // namespace

HandoverSender::HandoverSender(const Folder& state) : path_(state.path()) {}

bool HandoverSender::give(int descriptor) {
  std::lock_guard guard(mutex_);
  if (link_ && send_descriptor(link_.get(), descriptor)) return true;
  // Full means that the engine is busy; anything else that it was restarted since.
  if (link_ && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  link_ = connect_to(path_);
  return link_ && send_descriptor(link_.get(), descriptor);
}

struct HandoverReceiver::State {
  std::function<void(tls::Descriptor connected)> take;
  tls::Descriptor listening;
  tls::Descriptor wake;
  std::vector<tls::Descriptor> senders;
  std::atomic<bool> stopping = false;
  std::thread thread;

  void run() {
    while (!stopping) {
      std::vector<pollfd> entries{{wake.get(), POLLIN, 0}, {listening.get(), POLLIN, 0}};
      for (const tls::Descriptor& sender : senders) entries.push_back({sender.get(), POLLIN, 0});
      if (::poll(entries.data(), entries.size(), -1) < 0) continue;
      for (std::size_t i = entries.size(); i-- > 2;) {
        if (entries[i].revents != 0 && !receive_from(senders[i - 2])) {
          senders.erase(senders.begin() + static_cast<std::ptrdiff_t>(i - 2));
        }
      }
      if (entries[1].revents == 0) continue;
      tls::Descriptor sender(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (sender && senders.size() < senders_at_most) senders.push_back(std::move(sender));
    }
  }

  bool receive_from(tls::Descriptor& sender) {
    bool ended = false;
    tls::Descriptor connected = receive_descriptor(sender.get(), ended);
    struct stat status {};
    if (connected && ::fstat(connected.get(), &status) == 0 && S_ISSOCK(status.st_mode)) take(std::move(connected));
    return !ended;
  }
};

HandoverReceiver::HandoverReceiver(const Folder& state, std::function<void(tls::Descriptor connected)> take)
    : state_(std::make_unique<State>()) {
  state_->take = std::move(take);
  state_->listening.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  state_->wake.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const Folder folder = state.open_folder(folder_name);
  folder.remove(socket_name);  // left by an engine that was killed; the run lock says that no other one lives
  const sockaddr_un address = address_in(folder.descriptor());
  const int listening = state_->listening.get();
  struct stat home {};
  // The group of its folder: the portal's user is in it, and no other program's.
  if (listening < 0 || !state_->wake || ::fstat(folder.descriptor(), &home) != 0 ||
      ::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      (home.st_gid != ::getegid() && ::lchown(address.sun_path, static_cast<uid_t>(-1), home.st_gid) != 0) ||
      ::chmod(address.sun_path, 0660) != 0 || ::listen(listening, 8) != 0) {
    throw system_failure(errno, "listen on", folder.path() + "/" + socket_name);
  }
  state_->thread = std::thread([this] { state_->run(); });
}

HandoverReceiver::~HandoverReceiver() {
  state_->stopping = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(state_->wake.get(), &one, sizeof one);
  state_->thread.join();
}

}  // namespace chancery::serving
