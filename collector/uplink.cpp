#include "collector/uplink.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>

#include "appliance/wire/collector_messages.h"
#include "appliance/wire/frames.h"
#include "collector/host_facts.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto connect_patience = 10s;
constexpr auto answer_patience = 10s;

Failure no_customer_key(const std::string& server) {
  return Failure(
      {.code = "customer-key-wrong",
       .subject = server,
       .cause = "the server does not prove that it holds this federation's Customer Key; nothing was reported to it",
       .hint = "look whether this collector was installed for that federation; make its installer anew if not"});
}

// An engine that vanished without a word is noticed by unacknowledged reports, not after the kernel's quarter of an
// hour.
void bound_unacknowledged(int descriptor) {
  const unsigned int milliseconds = 20'000;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

// One session: what is sent and awaited on one connection.
class Dialogue {
 public:
  Dialogue(tls::Connection link, int stop_descriptor) : link_(std::move(link)), stop_(stop_descriptor) {
    bound_unacknowledged(link_.descriptor());
  }

  void send(const wire::Message& message) {
    link_.write_all(wire::encode_frame(wire::to_json(message)), tls::within(answer_patience));
  }

  enum class Event { message, time, stop };
  // Waits for one message, until `until` at the latest.
  Event wait(SteadyTime until, wire::Message& message) {
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

  const tls::Connection& link() const { return link_; }

 private:
  Event wait_readable(SteadyTime until) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Event::time;
    std::array<pollfd, 2> watched{pollfd{link_.descriptor(), POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    if (watched[1].revents != 0) return Event::stop;
    return ready > 0 ? Event::message : Event::time;
  }

  tls::Connection link_;
  int stop_;
  wire::FrameReader frames_;
};

}  // namespace

Ending Uplink::run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
                   const UplinkEvents& events) const {
  spdlog::info("[{}] connecting to {}:{} TCP/IP|TLS", number, server.host, server.port);
  Dialogue dialogue(tls::Connection::connect(server, trust.context, tls::within(connect_patience)), stop_descriptor);
  const tls::Connection& link = dialogue.link();
  spdlog::info("[{}] connected to {} ({}) [{}{}]", number, link.peer_address(),
               server.name.empty() ? server.host : server.name, link.protocol(),
               link.peer_verified() ? " VERIFIED" : "");

  const Bytes mine = wire::session_transcript(link, wire::Speaker::collector, identity_.id);
  const Bytes theirs = wire::session_transcript(link, wire::Speaker::server, identity_.id);
  dialogue.send(wire::Hello{identity_.id, CHANCERY_VERSION, identity_.key.public_key_der(), identity_.key.sign(mine)});

  wire::Facts facts = host_facts();
  facts.trust_mode = trust.mode;
  facts.trust_roots = trust.roots;
  if (const auto chain = link.peer_chain(); !chain.empty()) facts.presented = chain.front().fingerprint();

  bool proven = false;
  auto interval = std::chrono::seconds(report_seconds_);
  SteadyTime next = std::chrono::steady_clock::now() + answer_patience;
  const auto check_proof = [&](const Bytes& proof) {
    if (!secret_equal(proof, wire::customer_key_proof(customer_key_, theirs))) throw no_customer_key(server.host);
  };
  while (true) {
    wire::Message message;
    const Dialogue::Event event = dialogue.wait(next, message);
    if (event == Dialogue::Event::stop) return {.stopped = true, .engine = std::nullopt};
    // A server that goes on asking for admission is no better than a silent one.
    const bool is_late = !proven && std::chrono::steady_clock::now() >= next;
    if (event == Dialogue::Event::time || is_late) {
      if (!proven) {
        throw Failure({.code = "timeout",
                       .subject = link.peer_address(),
                       .cause = "the server did not accept the hello in time",
                       .hint = "look at the engine's log"});
      }
      dialogue.send(facts);
      next = std::chrono::steady_clock::now() + interval;
    } else if (std::holds_alternative<wire::Admission>(message)) {
      dialogue.send(wire::Admission{wire::customer_key_proof(customer_key_, mine)});
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      check_proof(welcome->proof);
      proven = true;
      interval = std::min(interval, std::chrono::seconds(welcome->interval_seconds));
      spdlog::info("[{}] accepted by {}", number, welcome->server);
      events.on_connected(welcome->server);
      next = std::chrono::steady_clock::now();
    } else if (const auto* assignment = std::get_if<wire::Assignment>(&message)) {
      check_proof(assignment->proof);
      spdlog::info("[{}] {} assigns engine {} at {}:{}", number, assignment->server, assignment->name, assignment->host,
                   assignment->port);
      return {.stopped = false, .engine = tls::Target{assignment->host, assignment->port, assignment->name}};
    } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
      throw Failure({.code = refused->code,
                     .subject = link.peer_address(),
                     .cause = "the server refused this collector: " + refused->message,
                     .hint = "look at the engine's log; make the installer anew if the Customer Key is another one"});
    }
  }
}

}  // namespace chancery::collector
