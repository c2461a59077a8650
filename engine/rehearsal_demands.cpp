#include "engine/rehearsal_demands.h"

#include "appliance/wire/rehearsal_messages.h"
#include "keystore/fault.h"

namespace chancery::engine {

Demands::Demands(const rehearsal::Question& question, bool about_portal)
    : question_(question), about_portal_(about_portal) {
  const bool has_leaf = !question.chain.empty() || !question.present.empty();
  if (!question.lists || question.live || !has_leaf) return;
  const Certificate& next = question.chain.empty() ? question.present.front() : question.chain.front();
  next_.emplace(*question.lists, next);
  if (question.present_lists && !question.present.empty()) {
    present_.emplace(*question.present_lists, question.present.front());
  }
}

bool Demands::are_all(const rehearsal::Question& question) {
  const bool asks_collectors = !question.chain.empty() || !question.without.empty() || question.client_certificate ||
                               !question.minimum_protocol.empty() || question.live;
  return !asks_collectors && (question.lists || question.demands_tls || question.closes);
}

Demand Demands::of(const Device& device, bool was_plain) {
  if (question_.live) return {};
  if (question_.closes) return by_closing(device);
  if (question_.demands_tls && was_plain && !about_portal_) {
    return {.kind = Demand::Kind::refused,
            .reason = wire::tls_required,
            .detail = "it is connected without TLS, which it falls back to where TLS fails"};
  }
  return next_ ? by_lists(device.facts.offer) : Demand{};
}

Demand Demands::by_lists(const std::string& offer) {
  const auto found = known_.find(offer);
  if (found != known_.end()) return found->second;
  return known_.emplace(offer, judged(offer)).first->second;
}

Demand Demands::judged(const std::string& offer) const {
  const tls::ClientOffer offered = tls::offer_from_text(offer);
  if (!offered.is_known()) {
    return {.kind = Demand::Kind::unknown, .detail = "what it offers in a handshake is not known yet"};
  }
  try {
    if (present_ && present_->refusal_of(offered)) return {};
    const std::optional<Fault> fault = next_->refusal_of(offered);
    if (!fault) return {};
    return {.kind = Demand::Kind::refused, .reason = fault->code, .detail = fault->cause};
  } catch (const Failure& failure) {
    return {.kind = Demand::Kind::unknown, .detail = failure.cause()};
  }
}

Demand Demands::by_closing(const Device& device) const {
  if (about_portal_) {
    return {.kind = Demand::Kind::unknown, .detail = "by which port of the portal it asks for its engine is not known"};
  }
  switch (device.facts.others) {
    case wire::others_unknown:
      return {.kind = Demand::Kind::unknown, .detail = "whether it knows another server is not known"};
    case 0:
      return {.kind = Demand::Kind::refused,
              .reason = wire::endpoint_closed,
              .detail = "it knows no other server, and nobody would listen at this one's address any more"};
    default:
      return {.kind = Demand::Kind::elsewhere, .detail = "it would go to another of its servers, or ask its portal"};
  }
}

}  // namespace chancery::engine
