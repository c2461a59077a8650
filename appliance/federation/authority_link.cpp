#include "appliance/federation/authority_link.h"

#include <algorithm>
#include <array>

#include "appliance/federation/join_wire.h"
#include "appliance/federation/reply_proof.h"
#include "appliance/settings/policy.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery::federation {
namespace {

constexpr std::chrono::hours most_skew{1};

std::string span_text(std::chrono::seconds span) {
  const auto total = std::chrono::abs(span);
  const auto days = std::chrono::duration_cast<std::chrono::days>(total);
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(total - days);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(total - days - hours);
  return std::to_string(days.count()) + " days " + std::to_string(hours.count()) + " h " +
         std::to_string(minutes.count()) + " min";
}

// Text of the other side that may stand in a message to people.
bool is_plain(const std::string& text) {
  constexpr std::size_t longest = 300;
  return text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Both primaries have one TLS certificate, so the name that it must answer to stays.
std::optional<tls::Target> named_issuer(const http::Reply& reply, const tls::Target& asked) {
  const auto named = reply.headers.find(issuer_header);
  if (named == reply.headers.end()) return std::nullopt;
  try {
    const ProbeAddress address = parse_address(named->second);
    if (address.port == 0 || (address.host == asked.host && address.port == asked.port)) return std::nullopt;
    return tls::Target{
        .host = address.host, .port = address.port, .name = asked.name.empty() ? asked.host : asked.name};
  } catch (const Failure&) {
    return std::nullopt;
  }
}

}  // namespace

std::string address_of(const tls::Target& target) { return target.host + ":" + std::to_string(target.port); }

void check_skew(std::int64_t server_time, Instant now, const std::string& peer) {
  const auto difference = now - Instant{std::chrono::seconds{server_time}};
  if (difference <= most_skew && difference >= -most_skew) return;
  throw Failure({.code = "clock-skew",
                 .subject = peer,
                 .cause = "the clock differs by " + span_text(difference) + " from the authority's: this one is " +
                          (difference.count() > 0 ? "ahead" : "behind"),
                 .hint = "set both clocks right (NTP), then try again; a token stays good"});
}

// The peer's key as the authority signs with it; ClientContext has compared it with the pin already.
Bytes pinned_key(const tls::Connection& connection, const Sha256& pin, const std::string& peer) {
  const std::vector<Certificate> chain = connection.peer_chain();
  if (chain.empty() || chain.front().key_digest() != pin) {
    throw Failure({.code = "pin-mismatch",
                   .subject = peer,
                   .cause = "its key is not the pinned one",
                   .hint = "check the address"});
  }
  const auto outline = der::outline_of(chain.front().der());
  if (!outline) reply_invalid(peer, "its TLS certificate cannot be read");
  return {outline->key.begin(), outline->key.end()};
}

Failure relay_suspected(const std::string& peer, Exchange exchange) {
  const bool is_join = exchange == Exchange::join;
  return Failure({.code = "relay-suspected",
                  .subject = peer,
                  .cause = std::string("another key answered than ") +
                           (is_join ? "the token pins" : "this appliance knows from its join") +
                           ": somebody may sit between this appliance and " + peer +
                           " (man in the middle), or this is not the appliance that " +
                           (is_join ? "made the token" : "it joined"),
                  .hint = std::string("nothing was sent and nothing installed. Check the address and what lies in "
                                      "between (proxies, load balancers)") +
                          (is_join ? ", and use a token made on that primary"
                                   : "; if the primary was made anew, join it with a new token")});
}

tls::ClientOptions pinning(const Sha256& pin) {
  tls::ClientOptions options;
  options.pin = pin;
  options.minimum_protocol = "TLSv1.3";
  options.alpn = {"http/1.1"};
  return options;
}

void refused(const http::Reply& reply, Instant now, const std::string& peer) {
  WireRefusal refusal;
  try {
    refusal = read_refusal(reply.body);
  } catch (const Failure&) {
    reply_invalid(peer, "it answers with HTTP status " + std::to_string(reply.status) + " and no reason");
  }
  if (refusal.code == "clock-skew") check_skew(refusal.server_time, now, peer);
  if (refusal.code == "not-the-issuer") {
    throw Failure({.code = refusal.code,
                   .subject = peer,
                   .cause = is_plain(refusal.message) ? refusal.message : "another primary issues at present",
                   .hint = "ask that one with the same token; or try again in a few seconds: if it is gone, this one "
                           "takes its place"});
  }
  struct Known {
    const char* code;
    const char* cause;
    const char* hint;
  };
  static constexpr std::array<Known, 8> all{{
      {"join-refused", "the authority refuses this join",
       "make a new token there for exactly these names (chancery federation token); the authority's log has the "
       "reason"},
      {"token-expired", "the token has expired", "make a new one there with chancery federation token"},
      {"too-many-attempts", "too many joins from this address have failed", "wait a minute, then join again"},
      {"renew-refused", "the authority refuses this renewal",
       "its log has the reason: see it on the primary. If this appliance was removed there, join with a new token"},
      {"renew-too-late", "the member certificate has been over for longer than the authority allows",
       "make a new token on the primary (chancery federation token) and join again"},
      {"renew-failed", "the authority could not do it", "see the authority's log; it is tried again"},
      {"not-found", "the authority knows no renewal", "update the primary to this version of Chancery"},
      {"join-failed", "the authority could not do it", "see the authority's log, then join again with the same token"},
  }};
  for (const Known& known : all) {
    if (refusal.code != known.code) continue;
    throw Failure({.code = known.code, .subject = peer, .cause = known.cause, .hint = known.hint});
  }
  reply_invalid(peer, "it refuses for a reason that nobody knows");
}

void ask_issuer(const tls::Target& authority, const tls::ClientContext& context,
                const std::function<http::Request(const tls::Connection&)>& make,
                const std::function<void(const tls::Connection&, const http::Reply&)>& check,
                std::chrono::milliseconds deadline) {
  std::optional<tls::Target> other;
  std::optional<Failure> refusal;
  const auto look = [&](const tls::Connection& connection, const http::Reply& reply) {
    try {
      check(connection, reply);
    } catch (const Failure& failure) {
      if (failure.code() != "not-the-issuer") throw;
      other = named_issuer(reply, authority);
      if (!other) throw;
      refusal = failure;
    }
  };
  (void)http::request_bound(authority, context, make, look, deadline);
  if (!other) return;
  // Asked and refused is an answer; not reached is none.
  bool is_answered = false;
  try {
    (void)http::request_bound(
        *other, context, make,
        [&](const tls::Connection& connection, const http::Reply& reply) {
          is_answered = true;
          check(connection, reply);
        },
        deadline);
  } catch (const Failure&) {
    if (is_answered) throw;
    throw Failure(*refusal);
  }
}

std::map<std::string, std::string> host_header(const tls::Connection& connection) {
  const Certificate leaf = connection.peer_chain().front();  // keeps its names alive while they are looked through
  for (const AlternativeName& name : leaf.names()) {
    if (name.kind == AlternativeName::Kind::dns) return {{"Host", name.value}};
  }
  return {};
}

Certificate one_certificate(const std::string& text, const std::string& peer) {
  pem::Scanner scanner(view_of(text));
  const auto block = scanner.next();
  Bytes der;
  if (!block || block->label != "CERTIFICATE" || !block->is_closed || !pem::decode_into(block->body, der)) {
    reply_invalid(peer, "a certificate in it cannot be read");
  }
  return Certificate::from_der(der);
}

}  // namespace chancery::federation
