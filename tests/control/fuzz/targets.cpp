#include "tests/control/fuzz/targets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/change/command_line.h"
#include "appliance/control/frame.h"
#include "appliance/settings/policy.h"
#include "keystore/bytes/cursor.h"
#include "tests/fuzz/expectations.h"

namespace chancery::fuzz {
namespace {

// Two ends of a stream socket of which the first never waits.
class Pair {
 public:
  Pair() { must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_) == 0); }
  ~Pair() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  control::Line line(int end) const {
    return {ends_[end], -1, std::chrono::steady_clock::now() + std::chrono::seconds(20), "peer"};
  }
  int descriptor(int end) const { return ends_[end]; }
  void close(int end) {
    ::close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

template <typename Parse>
void stable(ByteView toml, Parse parse) {
  allowing_failures({}, [&] {
    const std::string once = to_toml(parse("name", toml));
    must(to_toml(parse("name", view_of(once))) == once);
  });
}

}  // namespace

void control_message(ByteView stream) {
  // What a socket's buffer does not take at once is cut off: the other end sees a peer that has gone.
  Pair pair;
  (void)!::send(pair.descriptor(1), stream.data(), stream.size(), MSG_NOSIGNAL);
  pair.close(1);
  allowing_failures({}, [&] {
    const control::Message message = control::read_message(pair.line(0));
    std::size_t total = 6 + message.json.size() + 4 * message.attachments.size();
    for (const SecretBytes& attachment : message.attachments) total += attachment.size();
    must(total <= stream.size());
    if (message.attachments.size() > 64) return;  // many small writes fill the socket before anybody reads
    Pair other;
    control::write_message(other.line(1), message);
    const control::Message again = control::read_message(other.line(0));
    must(again.json == message.json && again.attachments == message.attachments);
  });
}

void policy_file(ByteView toml) {
  stable(toml, parse_endpoint);
  stable(toml, parse_profile);
  stable(toml, parse_consumer);
}

void program_command(ByteView text) {
  allowing_failures({}, [&] {
    const std::string line(text_of(text));
    std::size_t total = 0;
    for (const std::string& word : change::split_command(line)) total += word.size();
    must(total <= line.size());
  });
}

void address(ByteView text) {
  allowing_failures({}, [&] {
    const ProbeAddress parsed = parse_address(text_of(text), 443);
    must(!parsed.host.empty() && parsed.port > 0 && parsed.port < 65536);
  });
}

}  // namespace chancery::fuzz
