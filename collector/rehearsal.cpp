#include "collector/rehearsal.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "collector/dialogue.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s;
constexpr std::size_t detail_limit = 300;
// Every version that a server may demand and our client speaks.
constexpr std::array<std::string_view, 3> spoken{"", "TLSv1.2", "TLSv1.3"};

wire::Verdict verdict(const std::string& id, const std::string& name, const Fault& fault) {
  return {.id = id, .reason = fault.code, .name = name, .detail = fault.cause.substr(0, detail_limit)};
}

std::optional<Fault> judge(const wire::Rehearsal& question, const tls::ClientContext& trusted,
                           const std::string& name) {
  std::optional<tls::ClientContext> context = trusted;
  if (!question.without.empty()) {
    context = trusted.without({question.without.begin(), question.without.end()});
    if (!context) {
      return Fault{.code = "untrusted-root",
                   .subject = name,
                   .cause = "nothing else is trusted here",
                   .hint = "let this collector trust another root first"};
    }
  }
  if (std::ranges::find(spoken, question.minimum_protocol) == spoken.end()) {
    return Fault{.code = wire::protocol_too_new,
                 .subject = name,
                 .cause = question.minimum_protocol + " is not spoken here",
                 .hint = "let the server speak TLSv1.3"};
  }
  if (question.client_certificate && context->options().chain.empty()) {
    return Fault{.code = wire::needs_client_certificate,
                 .subject = name,
                 .cause = "this collector has no client certificate",
                 .hint = "let collectors in without one; they prove themselves by a key of their own"};
  }
  if (question.chain.empty()) return std::nullopt;
  std::vector<Certificate> chain;
  for (const Bytes& der : question.chain) chain.push_back(Certificate::from_der(der));
  return context->judge(chain, name);
}

// A server that lets us in, over a connection that our trust has decided.
void connect_anew(const Rehearser::Parts& parts, const tls::ClientContext& context) {
  Dialogue dialogue(parts.server, context, parts.stop_descriptor);
  dialogue.greet(parts.identity, parts.customer_keys);
  const auto until = std::chrono::steady_clock::now() + patience;
  wire::Message message;
  while (dialogue.wait(until, message) == Dialogue::Event::message) {
    if (const auto* admission = std::get_if<wire::Admission>(&message)) {
      dialogue.answer_admission(parts.customer_keys, *admission);
    } else if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
      return dialogue.expect_proof(parts.customer_keys, welcome->proof);
    } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
      throw Failure({.code = refused->code,
                     .subject = parts.server.host,
                     .cause = "the server refused: " + refused->message,
                     .hint = "look at the engine's log"});
    }
  }
  throw Failure({.code = "timeout",
                 .subject = parts.server.host,
                 .cause = "the server did not accept the hello in time",
                 .hint = "look at the engine's log"});
}

std::optional<Fault> fault_of_connection(const Rehearser::Parts& parts, const tls::ClientContext& context) {
  try {
    connect_anew(parts, context);
    return std::nullopt;
  } catch (const Failure& failure) {
    return failure.fault();
  }
}

}  // namespace

std::string compared_name(const tls::ClientContext& context, const tls::Target& server) {
  const tls::ClientOptions& options = context.options();
  if (!options.verify_chain || !options.verify_name) return "";
  return server.name.empty() ? server.host : server.name;
}

std::optional<wire::Verdict> Rehearser::take(const wire::Rehearsal& question) {
  const bool is_portal = question.about == "portal";
  if (is_portal && !parts_.portal) {
    return wire::Verdict{.id = question.id, .reason = wire::unconcerned, .name = "", .detail = ""};
  }
  if (question.live) {
    std::uniform_int_distribution<std::int64_t> moment(0, std::int64_t{question.within_seconds} * 1000);
    pending_ = {.id = question.id,
                .when = std::chrono::steady_clock::now() + std::chrono::milliseconds(moment(random_))};
    return std::nullopt;
  }
  const tls::Target& server = is_portal ? *parts_.portal : parts_.server;
  std::string name = server.name.empty() ? server.host : server.name;
  try {
    std::optional<Fault> fault;
    for (const Trust& trust : parts_.next_trusts()) {
      fault = judge(question, trust.context, name);
      if (!fault) break;
    }
    if (fault) return verdict(question.id, name, *fault);
  } catch (const Failure& failure) {
    return verdict(question.id, name, failure.fault());
  }
  return wire::Verdict{.id = question.id, .reason = wire::would_trust, .name = std::move(name), .detail = ""};
}

Rehearser::SteadyTime Rehearser::next() const { return pending_ ? pending_->when : SteadyTime::max(); }

std::optional<wire::Verdict> Rehearser::due(SteadyTime now) {
  if (!pending_ || pending_->when > now) return std::nullopt;
  const std::string id = std::exchange(pending_, std::nullopt)->id;
  const std::string name = parts_.server.name.empty() ? parts_.server.host : parts_.server.name;
  std::optional<Fault> fault;
  try {
    for (const Trust& trust : parts_.next_trusts()) {
      fault = fault_of_connection(parts_, trust.context);
      if (!fault) break;
    }
  } catch (const Failure& failure) {
    fault = failure.fault();
  }
  if (!fault) return wire::Verdict{.id = id, .reason = wire::would_trust, .name = name, .detail = ""};
  spdlog::warn("a second connection to {} failed: {}", name, fault->cause);
  return verdict(id, name, *fault);
}

}  // namespace chancery::collector
