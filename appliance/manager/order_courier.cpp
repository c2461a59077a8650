#include "appliance/manager/order_courier.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <thread>

#include "appliance/http/client.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/knowledge.h"
#include "appliance/membership/membership.h"
#include "appliance/trust/portal_store.h"

namespace chancery::manager {
namespace {

using federation::Order;
using nlohmann::json;

// The member's manager waits for others (2 min), reload commands (30 s each) and probes.
constexpr std::chrono::minutes answer_deadline{4};
constexpr std::chrono::milliseconds pause{250};
// Nothing of ours has left yet.
constexpr std::array<std::string_view, 4> before_the_order{"tcp-refused", "tcp-timeout", "tcp-unreachable",
                                                           "name-resolution"};
// It may be otherwise in a moment: a program or its manager is being started again, or works for somebody else.
constexpr std::array<std::string_view, 5> passing{"closed", "timeout", "not-running", "busy", "stopping"};

template <std::size_t Count>
bool is_among(const std::array<std::string_view, Count>& codes, const std::string& code) {
  return std::ranges::find(codes, code) != codes.end();
}

// Of the engine's certificate, and of nothing else.
bool is_about_the_certificate(const std::string& code) {
  return !is_among(before_the_order, code) && !is_among(passing, code) && code != "tls-handshake" &&
         code != "http-malformed" && code != "too-large";
}

bool belongs_to(const Certificate& signer, const std::string& federation, const std::string& name) {
  const auto member = member_name(signer);
  return member && member->federation == federation && member->name == name;
}

Failure refused_by(const std::string& peer, const http::Reply& reply) {
  const json document = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  const auto text = [&](const char* name, const std::string& otherwise) {
    const auto found = document.is_object() ? document.find(name) : document.end();
    return found != document.end() && found->is_string() && !found->get_ref<const std::string&>().empty()
               ? found->get<std::string>()
               : otherwise;
  };
  std::string code = text("code", "order-refused");
  if (reply.status >= 500) code = "not-running";
  if (reply.status == 404) {
    return Failure({.code = "too-old",
                    .subject = peer,
                    .cause = "its engine knows nothing of orders",
                    .hint = "install the same version of Chancery there as here"});
  }
  return Failure({.code = code,
                  .subject = peer,
                  .cause = text("title", "it answers with status " + std::to_string(reply.status)),
                  .hint = text("detail", "look at the log of chancery-engine and chancery-manager there")});
}

}  // namespace

OrderCourier::OrderCourier(Bench& bench, std::optional<federation::OrderRecipient> signer,
                           std::vector<Certificate> issuers, std::chrono::seconds patience)
    : clock_(bench.clock()), patience_(patience) {
  const backup::Generation& generation = bench.current();
  federation_ = FederationFacts::read(generation).value().federation;
  roots_ = certificates_in(generation, "trust/federation/roots.pem");
  auto member = change::read_identity(generation, "identities/member");
  if (signer) {
    own_ = std::move(signer);
    chain_ = {own_->certificate};
    chain_.insert(chain_.end(), issuers.begin(), issuers.end());
  } else {
    own_ = federation::OrderRecipient{.certificate = member->leaf, .key = member->key.value()};
    chain_ = {member->leaf};
    chain_.insert(chain_.end(), member->intermediates.begin(), member->intermediates.end());
  }
  Bytes trust = trust::portal_trust_pem(generation);
  const std::string roots = pem_of(roots_);
  trust.insert(trust.end(), roots.begin(), roots.end());
  strict_.emplace(member_context(generation, trust, true));
  lenient_.emplace(member_context(generation, trust, false));
}

json OrderCourier::attempt(const tls::Target& target, const Certificate& member, const Order& order,
                           Sending& sending) const {
  const Bytes sealed = federation::seal(view_of(write_order(order)), {.chain = chain_, .key = own_->key}, member);
  const http::Request request{.method = "POST",
                              .path = federation::order_path,
                              .content_type = federation::order_content_type,
                              .body = std::string(text_of(sealed)),
                              .headers = {}};
  const auto asked_over = [&](const tls::ClientContext& context) {
    return http::request_bound(
        target, context,
        [&](const tls::Connection&) {
          sending.was_repeated = sending.was_sent;
          sending.was_sent = true;
          return request;
        },
        [](const tls::Connection&, const http::Reply&) {}, answer_deadline, federation::sealed_order_limit);
  };
  http::Reply reply;
  try {
    sending.problem.clear();
    reply = asked_over(*strict_);
  } catch (const Failure& failure) {
    if (!is_about_the_certificate(failure.code())) throw;
    sending.problem = failure.cause();
    reply = asked_over(*lenient_);
  }
  if (reply.status != 200) throw refused_by(order.target, reply);
  const federation::Opened opened =
      federation::open_sealed(view_of(reply.body), *own_, {.roots = roots_, .is_revoked = {}}, clock_());
  if (!belongs_to(opened.signer, federation_, order.target)) {
    throw Failure({.code = "reply-invalid",
                   .subject = order.target,
                   .cause = "somebody else has answered: " + opened.signer.subject(),
                   .hint = "look who lives at " + target.host + ":" + std::to_string(target.port)});
  }
  const federation::OrderReply answer = federation::read_order_reply(view_of(opened.content));
  federation::expect_answer_to(answer, order);
  const json document = json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (document.is_object() && (document.contains("result") || document.contains("error"))) return document;
  throw Failure({.code = "reply-invalid",
                 .subject = order.target,
                 .cause = "its answer cannot be read",
                 .hint = "install the same version of Chancery there as here"});
}

std::string OrderCourier::served_at(const tls::Target& target) const {
  constexpr std::chrono::seconds handshake_deadline{10};
  const auto link = tls::Connection::connect(target, *lenient_, tls::within(handshake_deadline));
  const std::vector<Certificate> chain = link.peer_chain();
  return chain.empty() ? "" : chain.front().fingerprint();
}

json OrderCourier::send(const tls::Target& target, const Certificate& member, const Order& order,
                        Sending& sending) const {
  const auto until = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    try {
      json answer = attempt(target, member, order, sending);
      const auto error = answer.find("error");
      const bool is_busy = error != answer.end() && error->is_object() && error->value("code", "") == "busy";
      if (!is_busy || std::chrono::steady_clock::now() >= until) return answer;
    } catch (const Failure& failure) {
      const bool may_pass = is_among(before_the_order, failure.code()) || is_among(passing, failure.code());
      if (!may_pass || std::chrono::steady_clock::now() >= until) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace chancery::manager
