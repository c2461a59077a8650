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
constexpr auto nonce_patience = 10s;

// An engine that vanished without a word is noticed by unacknowledged reports, not after the kernel's quarter of an
// hour.
void bound_unacknowledged(int descriptor) {
  const unsigned int milliseconds = 20'000;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

}  // namespace

Dialogue::Dialogue(const tls::Target& server, const tls::ClientContext& context, int stop_descriptor)
    : Dialogue(tls::Connection::connect(server, context, tls::within(connect_patience)), server.host, stop_descriptor) {
}

Dialogue Dialogue::plain(const tls::Target& server, int stop_descriptor) {
  return {tls::Connection::connect_plain(server, tls::within(connect_patience)), server.host, stop_descriptor};
}

Dialogue::Dialogue(tls::Connection link, std::string host, int stop_descriptor)
    : link_(std::move(link)), stop_(stop_descriptor), host_(std::move(host)) {
  bound_unacknowledged(link_.descriptor());
}

Bytes Dialogue::transcript(wire::Speaker speaker) const {
  return link_.is_plain() ? wire::plain_transcript(nonces_, speaker, id_)
                          : wire::session_transcript(link_, speaker, id_);
}

void Dialogue::exchange_nonces() {
  nonces_.collector = wire::fresh_nonce();
  send(wire::Nonce{nonces_.collector});
  wire::Message answer;
  const Event event = wait(std::chrono::steady_clock::now() + nonce_patience, answer);
  const auto* nonce = event == Event::message ? std::get_if<wire::Nonce>(&answer) : nullptr;
  if (nonce == nullptr) {
    throw Failure({.code = event == Event::stop ? "stopped" : "timeout",
                   .subject = host_,
                   .cause = "the server did not begin the collectors' protocol in plain text",
                   .hint = "look at the engine's log, and at the required-level of its profile"});
  }
  nonces_.server = nonce->value;
}

void Dialogue::greet(const OwnIdentity& identity, const CustomerKeyring& customer_keys) {
  id_ = identity.id;
  if (link_.is_plain()) exchange_nonces();
  send(wire::Hello{id_, CHANCERY_VERSION, identity.key.public_key_der(),
                   identity.key.sign(transcript(wire::Speaker::collector)), customer_keys.ids()});
}

void Dialogue::answer_admission(const CustomerKeyring& customer_keys, const wire::Admission& asked) {
  send(wire::Admission{.proof = customer_keys.proof(asked.key, transcript(wire::Speaker::collector)), .key = {}});
}

void Dialogue::expect_proof(const CustomerKeyring& customer_keys, const Bytes& proof) const {
  if (customer_keys.accepts(proof, transcript(wire::Speaker::server))) return;
  throw Failure(
      {.code = "customer-key-wrong",
       .subject = host_,
       .cause = "the server does not prove that it holds this federation's Customer Key; nothing was reported to it",
       .hint = "look whether this collector was installed for that federation; make its installer anew if not"});
}

SecretBytes Dialogue::unmasked(const wire::NewKey& message) const {
  constexpr std::size_t key_size = 32;
  if (message.masked.size() != key_size) {
    throw Failure({.code = "message-invalid",
                   .subject = host_,
                   .cause = "a new Customer Key is not of 32 bytes",
                   .hint = "both ends must be of the same major version"});
  }
  SecretBytes key = link_.exporter(wire::new_key_label, key_size);
  for (std::size_t at = 0; at < key.size(); ++at) key[at] = static_cast<std::uint8_t>(key[at] ^ message.masked[at]);
  return key;
}

void Dialogue::send(const wire::Message& message) {
  link_.write_all(wire::encode_frame(wire::to_json(message)), tls::within(send_patience));
}

Dialogue::Event Dialogue::wait(SteadyTime until, wire::Message& message) {
  while (true) {
    if (auto text = frames_.next()) {
      message = wire::parse_message(*text);
      if (!std::holds_alternative<wire::Ping>(message)) return Event::message;
      send(wire::Pong{});
      if (std::chrono::steady_clock::now() >= until) return Event::time;
      continue;
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
  std::array<pollfd, 3> watched{pollfd{link_.descriptor(), POLLIN, 0}, pollfd{stop_, POLLIN, 0},
                                pollfd{wake_, POLLIN, 0}};  // -1 is passed over
  const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
  if (watched[1].revents != 0) return Event::stop;
  if (watched[2].revents != 0) return Event::woken;
  return ready > 0 ? Event::message : Event::time;
}

}  // namespace chancery::collector
