#include "appliance/control/frame.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "keystore/bytes/cursor.h"
#include "keystore/files/descriptor.h"

namespace chancery::control {
namespace {

constexpr std::size_t json_limit = 16u * 1024 * 1024;
constexpr std::size_t attachments_limit = 64u * 1024 * 1024;
constexpr std::size_t slice = 64u * 1024;

void await(const Line& line, short events) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(line.deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      throw Failure({.code = "timeout",
                     .subject = line.peer,
                     .cause = "did not answer in time",
                     .hint = "repeat the command; if it stays silent, see its log (journalctl) and restart it"});
    }
    std::array<pollfd, 2> waits{pollfd{line.socket, events, 0}, pollfd{line.stop, POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<long>(left.count() + 1, 60'000)));
    if (ready < 0 && errno != EINTR) throw system_failure(errno, "wait for", line.peer);
    if (ready > 0 && waits[1].revents != 0) {
      throw Failure(
          {.code = "stopping", .subject = line.peer, .cause = "the program is stopping", .hint = "repeat later"});
    }
    if (ready > 0) return;
  }
}

void read_exactly(const Line& line, std::span<std::uint8_t> into) {
  for (std::size_t filled = 0; filled < into.size();) {
    const ssize_t count = ::recv(line.socket, into.data() + filled, into.size() - filled, 0);
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
      continue;
    }
    if (count == 0) {
      throw Failure({.code = "closed",
                     .subject = line.peer,
                     .cause = "closed the connection in the middle of a message",
                     .hint = "see its log (journalctl) for the reason, then repeat the command"});
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      await(line, POLLIN);
    else if (errno != EINTR)
      throw system_failure(errno, "read from", line.peer);
  }
}

template <std::size_t Size>
std::uint32_t read_size(const Line& line) {
  std::array<std::uint8_t, Size> bytes{};
  read_exactly(line, bytes);
  Reader in(bytes, "control message");
  return Size == 2 ? in.u16() : in.u32();
}

Failure too_large(const Line& line, const char* what) {
  return Failure({.code = "too-large",
                  .subject = line.peer,
                  .cause = std::string("the ") + what + " of a control message is larger than allowed",
                  .hint = "at most 16 MiB of text and 64 MiB of files go into one request"});
}

template <typename Container>
Container read_block(const Line& line, std::size_t size) {
  Container block;
  while (block.size() < size) {
    const std::size_t start = block.size();
    block.resize(start + std::min(slice, size - start));
    read_exactly(line, {reinterpret_cast<std::uint8_t*>(block.data()) + start, block.size() - start});
  }
  return block;
}

void write_exactly(const Line& line, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(line.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
      await(line, POLLOUT);
    else if (errno == EPIPE || errno == ECONNRESET) {
      throw Failure({.code = "closed",
                     .subject = line.peer,
                     .cause = "closed the connection",
                     .hint = "see its log (journalctl) for the reason, then repeat the command"});
    } else if (errno != EINTR)
      throw system_failure(errno, "write to", line.peer);
  }
}

}  // namespace

Message read_message(const Line& line) {
  Message message;
  const std::uint32_t text_size = read_size<4>(line);
  if (text_size > json_limit) throw too_large(line, "text");
  message.json = read_block<std::string>(line, text_size);
  std::size_t total = 0;
  for (std::uint32_t left = read_size<2>(line); left > 0; --left) {
    const std::uint32_t size = read_size<4>(line);
    total += size;
    if (total > attachments_limit) throw too_large(line, "attachments");
    message.attachments.push_back(read_block<SecretBytes>(line, size));
  }
  return message;
}

void write_message(const Line& line, const Message& message) {
  if (message.json.size() > json_limit) throw too_large(line, "text");
  std::size_t total = 0;
  for (const SecretBytes& attachment : message.attachments) total += attachment.size();
  if (total > attachments_limit || message.attachments.size() > 0xffff) throw too_large(line, "attachments");
  Writer head;
  head.sized32(view_of(message.json)).u16(static_cast<std::uint16_t>(message.attachments.size()));
  write_exactly(line, view_of(head.bytes()));
  for (const SecretBytes& attachment : message.attachments) {
    Writer size;
    size.u32(static_cast<std::uint32_t>(attachment.size()));
    write_exactly(line, view_of(size.bytes()));
    write_exactly(line, view_of(attachment));
  }
}

}  // namespace chancery::control
