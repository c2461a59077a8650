#include "collector/dialogue.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;

constexpr auto connect_patience = 10s;
constexpr auto send_patience = 10s;

// An engine that vanished without a word is noticed by unacknowledged reports, not after the kernel's quarter of an
// hour.
void bound_unacknowledged(int descriptor) {
  const unsigned int milliseconds = 20'000;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

}  // namespace

Dialogue::Dialogue(const tls::Target& server, const tls::ClientContext& context, int stop_descriptor)
    : link_(tls::Connection::connect(server, context, tls::within(connect_patience))),
      stop_(stop_descriptor),
      host_(server.host) {
  bound_unacknowledged(link_.descriptor());
}

void Dialogue::greet(const OwnIdentity& identity) {
  id_ = identity.id;
  const Bytes mine = wire::session_transcript(link_, wire::Speaker::collector, id_);
  send(wire::Hello{id_, CHANCERY_VERSION, identity.key.public_key_der(), identity.key.sign(mine)});
}

void Dialogue::answer_admission(const SecretBytes& customer_key) {
  const Bytes mine = wire::session_transcript(link_, wire::Speaker::collector, id_);
  send(wire::Admission{wire::customer_key_proof(customer_key, mine)});
}

void Dialogue::expect_proof(const SecretBytes& customer_key, const Bytes& proof) const {
  const Bytes theirs = wire::session_transcript(link_, wire::Speaker::server, id_);
  if (secret_equal(proof, wire::customer_key_proof(customer_key, theirs))) return;
  throw Failure(
      {.code = "customer-key-wrong",
       .subject = host_,
       .cause = "the server does not prove that it holds this federation's Customer Key; nothing was reported to it",
       .hint = "look whether this collector was installed for that federation; make its installer anew if not"});
}

void Dialogue::send(const wire::Message& message) {
  link_.write_all(wire::encode_frame(wire::to_json(message)), tls::within(send_patience));
}

Dialogue::Event Dialogue::wait(SteadyTime until, wire::Message& message) {
  while (true) {
    if (auto text = frames_.next()) {
      message = wire::parse_message(*text);
      return Event::message;
    }
    if (!link_.has_buffered()) {
      const Event event = wait_readable(until);
      if (event != Event::message) return event;
    }
    std::array<std::uint8_t, 16384> buffer{};
    const auto got = link_.try_read(buffer);
    if (!got) continue;  // part of a record
    if (*got == 0) {
      throw Failure({.code = "closed",
                     .subject = link_.peer_address(),
                     .cause = "the server has ended the connection",
                     .hint = "nothing to do: it is tried again"});
    }
    frames_.feed(ByteView(buffer).first(*got));
  }
}

Dialogue::Event Dialogue::wait_readable(SteadyTime until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  if (left.count() <= 0) return Event::time;
  std::array<pollfd, 2> watched{pollfd{link_.descriptor(), POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
  if (watched[1].revents != 0) return Event::stop;
  return ready > 0 ? Event::message : Event::time;
}

}  // namespace chancery::collector
